"""Sessions that models are judged by are kept out of training, the same ones each time."""

from typing import Any

import narwhals as nw
import pandas as pd
import pytest

from user_activity_trends.errors import DegenerateDataError, SettingError
from user_activity_trends.sessions.columns import ColumnsParams
from user_activity_trends.sessions.holdout import in_words, training_rows

MONTHS = ColumnsParams.model_validate(
    {"period": "month", "values": {"month": {"accepted": ["Feb", "May", "Nov"]}}}
)

UNSEEN = (
    "which the training of the new model did not see; an earlier model may have been trained on "
    "them"
)


def kept(months: list[str], rows: Any, columns: ColumnsParams = MONTHS) -> list[bool]:
    table = pd.DataFrame({"session_id": range(len(months)), "month": months})
    return training_rows(nw.from_native(table, eager_only=True), columns, rows)


def test_all_sessions_are_for_training_by_default() -> None:
    assert kept(["Feb", "May"], "all", ColumnsParams()) == [True, True]


@pytest.mark.parametrize(
    ("months", "expected"),
    [
        (["Nov", "Feb", "May", "Nov", "Feb"], [False, True, True, False, True]),
        (["May", "Feb", "May", "Feb"], [False, True, False, True]),
    ],
)
def test_the_newest_period_is_the_last_in_order_and_not_in_the_file(
    months: list[str], expected: list[bool]
) -> None:
    assert kept(months, "newest_period") == expected


def test_a_share_is_drawn_by_the_id_alone() -> None:
    table = pd.DataFrame({"session_id": [f"visit {one}" for one in range(5_000)]})
    shuffled = table.sample(frac=1, random_state=1)

    one, other = (
        dict(
            zip(
                part["session_id"],
                training_rows(nw.from_native(part, eager_only=True), MONTHS, 0.2),
                strict=True,
            )
        )
        for part in (table, shuffled)
    )

    assert one == other
    assert 0.78 < sum(one.values()) / 5_000 < 0.82
    more = training_rows(nw.from_native(table, eager_only=True), MONTHS, 0.3)
    assert not any(now and not before for before, now in zip(one.values(), more, strict=True))


def test_without_a_period_there_is_no_newest() -> None:
    with pytest.raises(SettingError, match=r"promotion\.evaluation_rows is newest_period, but"):
        kept(["Feb"], "newest_period", ColumnsParams())


@pytest.mark.parametrize(("months", "rows"), [(["Nov"] * 5, "newest_period"), (["Feb"] * 3, 0.01)])
def test_too_few_sessions_on_either_side_are_refused(months: list[str], rows: Any) -> None:
    with pytest.raises(DegenerateDataError, match=r"leaves \d sessions for training and \d to"):
        kept(months, rows)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("all", "(in-sample)"),
        ("newest_period", f"of the newest period, {UNSEEN}"),
        (0.2, f"drawn by their id, {UNSEEN}"),
    ],
)
def test_it_is_told_what_models_were_judged_on(rows: Any, told: str) -> None:
    found = in_words(rows, 12_330, ColumnsParams(id="visit"), in_sample=rows == "all")

    assert found.endswith(told)
    assert "12,330" in found


def test_without_an_id_sessions_are_drawn_by_their_row() -> None:
    found = in_words(0.2, 500, ColumnsParams(), in_sample=False)

    assert f"drawn by the number of their row, {UNSEEN}" in found


def test_a_model_that_has_seen_them_all_is_never_said_to_be_judged_on_others() -> None:
    assert in_words(0.2, 500, ColumnsParams(), in_sample=True).endswith("(in-sample)")
