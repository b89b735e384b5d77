"""The nodes of the charts and the page, as they are wired."""

import copy
import json
from typing import Any

import pandas as pd
import pytest
from planted_results import plant, report

from user_activity_trends.pipelines.reporting import create_pipeline
from user_activity_trends.pipelines.reporting.pipeline import CHARTS
from user_activity_trends.report import page

YEAR = ("Jan", "Feb", "Mar", "Apr", "May", "June", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
CASES: dict[str, dict[str, Any]] = {
    "three segments": {},
    "no outcome": {"outcome": False},
    "no period": {"periods": ()},
    "neither": {"periods": (), "outcome": False},
    "one period": {"periods": ("Feb",)},
    "one segment": {"segments": 1},
    "two segments": {"segments": 2},
    "eight segments": {"segments": 8, "periods": YEAR},
    "12 segments": {"segments": 12, "periods": YEAR},
    "no resamples": {"resamples": 0},
    "one feature": {"features": ("Pages",)},
    "few sessions": {"sessions": 12},
    "days": {"periods": ("2026-01-02", "2026-02-01"), "period_bin": "day"},
}


@pytest.mark.parametrize("case", CASES)
def test_every_chart_is_a_figure_with_a_title_and_units_and_plain_lists(case: str) -> None:
    made = report(plant(**CASES[case]))
    for name in CHARTS:
        written = made[name].to_json()  # validates every part of it
        assert "bdata" not in written
        figure = json.loads(written)
        assert len(figure["layout"]["title"]["text"]) > 20
        assert figure["data"]
        assert "layout" not in figure["layout"]["template"]  # no colours of page or text
        shown = [one for one in figure["data"] if one["type"] != "heatmap" and len(one["x"])]
        if shown:
            assert figure["layout"]["xaxis"]["title"]["text"]
    assert made["report"].startswith("<!doctype html>")


def test_the_page_shows_all_charts_that_there_are() -> None:
    assert set(CHARTS) == set(page.CHARTS)


def test_inputs_are_left_as_they_were() -> None:
    made = report(plant(rejected=4))
    before = copy.deepcopy(made)
    nodes = [node for node in create_pipeline().nodes if node.outputs[0] in {*CHARTS, "report"}]
    assert len(nodes) == len(CHARTS) + 1
    for node in nodes:
        node.run({name: made[name] for name in node.inputs})
        for name in node.inputs:
            kept, now = before[name], made[name]
            if isinstance(now, pd.DataFrame):
                pd.testing.assert_frame_equal(now, kept)
            elif hasattr(now, "to_plotly_json"):
                assert now.to_plotly_json() == kept.to_plotly_json()
            else:
                assert now == kept
