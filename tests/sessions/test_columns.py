"""What the settings may say about columns."""

from typing import Any

import pytest
from pydantic import ValidationError

from user_activity_trends.sessions.columns import ColumnsParams, ValuesParams


def test_a_table_may_have_features_only() -> None:
    columns = ColumnsParams.model_validate({})

    assert (columns.id, columns.outcome, columns.period) == (None, None, None)
    assert (columns.period_bin, columns.user) == (None, None)
    assert columns.dimensions == ()
    assert columns.kinds == {}
    assert columns.values == {}


def test_everything_that_is_said_is_kept_in_order() -> None:
    columns = ColumnsParams.model_validate(
        {
            "id": "key",
            "outcome": "bought",
            "period": "week",
            "user": "customer",
            "dimensions": ["b", "a"],
            "kinds": {"pages": "count", "share": "rate"},
            "values": {"week": {"accepted": ["w2", "w1"], "codes": {"1": "w1"}}},
        }
    )

    assert (columns.id, columns.outcome, columns.period) == ("key", "bought", "week")
    assert columns.user == "customer"
    assert columns.dimensions == ("b", "a")
    assert columns.kinds == {"pages": "count", "share": "rate"}
    assert columns.values == {"week": ValuesParams(accepted=("w2", "w1"), codes={"1": "w1"})}


def test_an_outcome_may_have_other_spellings() -> None:
    columns = ColumnsParams.model_validate(
        {"outcome": "bought", "values": {"bought": {"codes": {"yes": "true", "no": "false"}}}}
    )

    assert columns.values["bought"].codes == {"yes": "true", "no": "false"}


@pytest.mark.parametrize("period_bin", ["day", "week", "month"])
def test_a_date_is_taken_together_by(period_bin: str) -> None:
    # Codes may still stand for a date, and the values of others are none of its business.
    values = {"when": {"codes": {"launch": "2026-01-31"}}, "month": {"accepted": ["May"]}}
    columns = ColumnsParams.model_validate(
        {"period": "when", "period_bin": period_bin, "values": values}
    )

    assert columns.period_bin == period_bin
    assert columns.values["when"].codes == {"launch": "2026-01-31"}


@pytest.mark.parametrize(
    ("settings", "path", "said"),
    [
        pytest.param({"idd": "x"}, ("idd",), "Extra inputs", id="unknown"),
        pytest.param({"id": 1}, ("id",), "valid string", id="a number as a name"),
        pytest.param({"dimensions": "VisitorType"}, ("dimensions",), "valid tuple", id="one text"),
        pytest.param({"kinds": {"a": "counts"}}, ("kinds", "a"), "'count'", id="unknown kind"),
        pytest.param(
            {"values": {"a": {"acepted": []}}}, ("values", "a", "acepted"), "Extra", id="nested"
        ),
        pytest.param(
            {"outcome": "o", "values": {"o": {"accepted": ["yes", "no"]}}},
            (),
            "values.o.accepted: the outcome is true or false",
            id="values of an outcome",
        ),
        pytest.param(
            {"period": "p", "period_bin": "day", "values": {"p": {"accepted": ["May"]}}},
            (),
            "values.p.accepted: with period_bin: day the period is a date",
            id="values of a date",
        ),
        pytest.param(
            {"dimensions": ["Region", "Weekend", "Browser", "Weekend"]},
            (),
            "dimensions: Weekend is named twice",
            id="a dimension twice",
        ),
        pytest.param({"period_bin": "year"}, ("period_bin",), "'day'", id="unknown bin"),
    ],
)
def test_what_makes_no_sense_is_refused(
    settings: dict[str, Any], path: tuple[str, ...], said: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        ColumnsParams.model_validate(settings)

    (error,) = refused.value.errors()
    assert error["loc"] == path
    assert said in error["msg"]


def test_settings_cannot_change_during_a_run() -> None:
    columns = ColumnsParams.model_validate({"id": "key"})

    with pytest.raises(ValidationError, match="frozen"):
        columns.id = "other"  # type: ignore[misc]
