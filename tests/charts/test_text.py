"""Text from data reaches Plotly as text."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from user_activity_trends.charts import text

# What Plotly.js takes for markup, links, TeX and templates.
MARKUP = re.compile(r"<(?!br>)|\$|[{]|&(?!(amp|lt|gt|#36|#123);)")


@given(st.text())
def test_nothing_that_plotly_interprets_is_left(name: str) -> None:
    assert not MARKUP.search(text.literal(name))
    assert not MARKUP.search(text.name(name, 10))
    assert "\n" not in text.literal(name)


@given(st.text(st.characters(min_codepoint=32, exclude_characters="\x7f"), max_size=200))
def test_what_is_shown_is_what_was_written(name: str) -> None:
    assert html.unescape(text.literal(name)) == name


@given(st.lists(st.text("ab<&-", max_size=20), max_size=30).map(" ".join))
def test_a_title_can_be_read_back_from_its_lines(title: str) -> None:
    assert text.plain(text.wrapped(title, 20)).split() == " ".join(title.split()).split()


@pytest.mark.parametrize(
    ("name", "most", "shown"),
    [
        ("short", 5, "short"),
        ("longer", 5, "long…"),
        ("\U0001f600" * 3, 5, "\U0001f600" * 2 + "…"),
        ("x" * 80, 32, "x" * 31 + "…"),
    ],
)
def test_a_long_name_ends_in_an_ellipsis(name: str, most: int, shown: str) -> None:
    assert text.shortened(name, most) == shown
