"""The chart of a comparison shows every criterion, each recipe by a mark of its own."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser
from plotly.offline import get_plotlyjs

from user_activity_trends.charts import text
from user_activity_trends.charts.comparison import criteria_chart
from user_activity_trends.charts.wording import NONE
from user_activity_trends.segmentation.criteria import AGREEMENT, CRITERIA, INSIDE, criterion

VALUES = {"k": (3, 4), "share": (0.2, 0.3), "score": (50.0, 200.0), "count": (2, 0)}
WIDTHS = (1400, 390)
DECISIVE = sum(bool(one.wanted) for one in CRITERIA)


def table(*recipes: str, tied: bool = False) -> pd.DataFrame:
    """Return a comparison in which the last recipe is better by all but the elbow, or all tie."""
    names = [one.name for one in CRITERIA] + [INSIDE + name for name in recipes]
    rows: list[dict[str, Any]] = []
    for name in [*names, AGREEMENT + recipes[0]]:
        told = criterion(name)
        low, high = VALUES.get(told.unit, (0, 1) if told.unit == "yes or no" else (0.25, 0.75))
        first = high if tied else low
        values = dict.fromkeys(recipes, float(first)) | {recipes[-1]: float(high)}
        if name == "outcome_spread_low":
            values = {one: value - 0.05 for one, value in values.items()}
        if name == "outcome_spread_high":
            values = {one: value + 0.05 for one, value in values.items()}
        if name == "elbow_everywhere":
            values = dict.fromkeys(recipes, 1.0)
        if name.startswith(AGREEMENT):
            values[recipes[0]] = np.nan
        decides = bool(told.wanted)
        leads = decides and not tied and name != "elbow_everywhere"
        rows.append(
            {"criterion": name, "unit": told.unit, **values, "wanted": told.wanted}
            | {"tolerance": told.tolerance, "compared": decides, "note": told.note}
            | {"better": recipes[-1] if leads else ""}
        )
    return pd.DataFrame(rows)


def drawn(comparison: pd.DataFrame) -> dict[str, Any]:
    return criteria_chart(comparison).to_plotly_json()


def title(figure: dict[str, Any]) -> str:
    shown = text.plain(figure["layout"]["title"]["text"])
    return shown.replace("\N{NO-BREAK SPACE}", " ")


def marks(figure: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [one for one in figure["data"] if one.get("name") == name and one["mode"] == "markers"]


def notes(figure: dict[str, Any]) -> list[str]:
    found = [str(one["text"]) for one in figure["layout"]["annotations"]]
    return [one.replace("\N{NO-BREAK SPACE}", " ") for one in found]


def test_the_title_states_who_is_better_and_how_many_segments_each_makes() -> None:
    assert title(drawn(table("base", "log"))) == (
        f"log is better in {DECISIVE - 1} of {DECISIVE} criteria, base in none; base makes three "
        "segments, log makes four segments"
    )
    assert title(drawn(table("base", "log", tied=True))).startswith(
        f"No recipe is better in any of {DECISIVE} criteria; "
    )


@pytest.mark.parametrize("recipes", [("base", "log"), ("a", "b", "c", "d")])
def test_every_value_of_the_table_is_a_mark(recipes: tuple[str, ...]) -> None:
    comparison = table(*recipes)
    figure = drawn(comparison)

    limits = comparison["criterion"].isin(["outcome_spread_low", "outcome_spread_high"])
    for name in recipes:
        told = [label for one in marks(figure, name) for label in one["hovertext"]]
        assert len(told) == comparison.loc[~limits, name].notna().sum()
        assert all(label.startswith(f"{name}: ") for label in told)
    symbols = {name: {one["marker"]["symbol"] for one in marks(figure, name)} for name in recipes}
    assert all(len(found) == 1 for found in symbols.values())
    assert len({found.pop() for found in symbols.values()}) == len(recipes)
    assert [one["name"] for one in figure["data"] if one["showlegend"]] == [*recipes]


def test_numbers_are_beside_the_names_and_the_better_one_is_bold() -> None:
    figure = drawn(table("base", "log"))
    beside = notes(figure)

    assert beside[beside.index("Stability, mean") + 1] == "○ 0.250   <b>□ 0.750</b>"
    assert beside[beside.index("Warnings, fewer is better") + 1] == "○ 2   <b>□ 0</b>"
    assert beside[beside.index("Elbow, same on all ranges") + 1] == "○ yes   □ yes"
    assert beside[beside.index("Squared error explained") + 1] == "○ 20.0 %   □ 30.0 %"
    assert beside[beside.index("Agreement with base") + 1] == "□ 0.750"


def test_four_recipes_leave_no_room_for_their_numbers() -> None:
    beside = notes(drawn(table("a", "b", "c", "d")))

    assert "Stability, mean" in beside
    assert not [one for one in beside if "○" in one]


def test_what_was_not_measured_is_a_dash_and_no_mark() -> None:
    comparison = table("base", "log")
    gone = comparison["criterion"].isin(["stability_mean", "outcome_spread"])
    comparison.loc[gone, "base"] = np.nan
    comparison.loc[gone, "compared"] = False
    figure = drawn(comparison)

    beside = notes(figure)
    assert beside[beside.index("Stability, mean") + 1].startswith(f"○ {NONE}  ")
    told = [label for one in marks(figure, "base") for label in one["hovertext"]]
    assert not [label for label in told if "Stability, mean" in label]
    assert "nan" not in str(figure).lower()


def test_rows_with_a_scale_of_their_own_are_shares_of_the_largest() -> None:
    (*_, last) = marks(drawn(table("base", "log")), "base")

    assert last["x"] == [1.0, 0.25, 0.25]  # warnings, Davies-Bouldin, Calinski-Harabasz


def test_names_from_the_configuration_are_shown_as_they_are() -> None:
    figure = drawn(table("a_b-c" * 9, "log"))

    assert text.ELLIPSIS in figure["data"][1]["name"]
    assert len(figure["data"][1]["name"]) <= text.LONGEST


@pytest.mark.parametrize("width", WIDTHS)
def test_no_name_covers_a_number_and_nothing_is_cut(browser: Browser, width: int) -> None:
    """In the public data set's widest numbers, at the widths of a desk and of a phone."""
    comparison = table("base", "log")
    wide = comparison["criterion"] == "calinski_harabasz_own"
    comparison.loc[wide, ["base", "log"]] = [16_329.4, 12_137.6]
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.set_content("<body style='margin:0'><div id='here'></div></body>")
    page.add_script_tag(content=get_plotlyjs())
    page.evaluate(
        "figure => Plotly.newPlot('here', figure.data, figure.layout, {responsive: true})",
        drawn(comparison),
    )
    boxes: list[list[float]] = page.evaluate(
        """[...document.querySelectorAll('.annotation-text, .gtitle, .legendtext, .xtick')].map(
            one => { const box = one.getBoundingClientRect();
                     return [box.left, box.top, box.right, box.bottom]; })"""
    )
    page.close()

    assert len(boxes) > 2 * len(comparison)
    for left, top, right, bottom in boxes:
        assert left >= 0
        assert top >= 6  # the title, too, keeps its distance
        assert right <= width
        assert bottom > top
    for place, one in enumerate(boxes):
        for other in boxes[:place]:
            apart = (
                one[0] >= other[2] or other[0] >= one[2] or one[1] >= other[3] or other[1] >= one[3]
            )
            assert apart, (one, other)
