"""Numbers are written as people read them."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from user_activity_trends.charts import wording


@pytest.mark.parametrize(
    ("write", "value", "written"),
    [
        (wording.count, 12_330, "12,330"),
        (wording.count, -3, "-3"),
        (wording.percent, 0.1547, "15.5 %"),
        (wording.percent, 1.0, "100.0 %"),
        (wording.percent, None, wording.NONE),
        (wording.percent, math.nan, wording.NONE),
        (wording.points, 0.0440305, "+4.4 points"),
        (wording.points, -0.128, "-12.8 points"),
        (wording.points, 1e-17, "0.0 points"),
        (wording.number, 1195.43, "1,195"),
        (wording.number, 0.0222, "0.0222"),
        (wording.number, 1e-9, "1.00e-09"),
        (wording.number, 25.0, "25"),
        (wording.number, -0.5512, "-0.551"),
        (wording.number, None, wording.NONE),
        (wording.p_value, 0.0009, "< 0.001"),
        (wording.p_value, 0.05, "0.050"),
    ],
)
def test_a_number_is_written_for_people(
    write: Callable[[Any], str], value: float | None, written: str
) -> None:
    shown = write(value).replace("\N{NO-BREAK SPACE}", " ").replace("\N{MINUS SIGN}", "-")
    assert shown == written
