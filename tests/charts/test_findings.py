"""The title of a chart states what the planted tables say."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from planted_results import plant

from user_activity_trends.charts import choice, quality, segments, text, trends
from user_activity_trends.charts.figure import Figure
from user_activity_trends.charts.wording import NONE
from user_activity_trends.segmentation.changes import split_changes

CALENDAR = ["Jan", "Feb", "Mar", "Apr", "May"]


def title(figure: Figure) -> str:
    shown = text.plain(figure.to_plotly_json()["layout"]["title"]["text"])
    return shown.replace("\N{NO-BREAK SPACE}", " ").replace("\N{MINUS SIGN}", "-")


def layout(figure: Figure) -> Any:
    return figure.to_plotly_json()["layout"]


def traces(figure: Figure) -> Any:
    return figure.to_plotly_json()["data"]


def counted(
    cells: dict[str, list[tuple[int, int]]], *, outcome: bool = True, reach: float = 0.02
) -> pd.DataFrame:
    """Return trends: for each period the sessions and conversions of each segment."""
    rows = []
    for period, found in cells.items():
        total = sum(sessions for sessions, _ in found)
        for segment, (sessions, conversions) in enumerate(found, start=1):
            rate = conversions / sessions if sessions >= 30 else np.nan
            row = {
                "period": period,
                "segment": segment,
                "segment_name": f"Name {segment}",
                "sessions": sessions,
                "share": sessions / total,
                "share_low": sessions / total - reach if total >= 30 else np.nan,
                "share_high": sessions / total + reach if total >= 30 else np.nan,
            }
            if outcome:
                row |= {
                    "conversions": conversions,
                    "conversion_rate": rate,
                    "ci_low": rate - reach,
                    "ci_high": rate + reach,
                }
            rows.append(row)
    return pd.DataFrame(rows)


MOVING = {
    "Feb": [(800, 16), (200, 20)],
    "Mar": [(500, 60), (500, 40)],
    "May": [(600, 150), (400, 28)],
}


def scaled(planted: dict[str, Any]) -> pd.DataFrame:
    """Return planted sessions as the planted model in use sees them."""
    table: pd.DataFrame = planted["model_in_use"].scaled(planted["valid_sessions"])
    return table


def test_sizes_state_the_largest_and_the_smallest_share() -> None:
    profiles = pd.DataFrame(
        {
            "segment": [1, 2],
            "segment_name": ["a", "b"],
            "sessions": [720, 280],
            "share": [0.72, 0.28],
        }
    )
    assert title(segments.sizes(profiles)) == (
        "Two segments: the largest holds 72 % of 1,000 sessions, the smallest 28.0 %"
    )


def test_profiles_state_what_stands_out_most() -> None:
    profiles = pd.DataFrame(
        {
            "segment": [1, 2],
            "segment_name": ["a", "b"],
            "mean_ExitRates": [0.1, 0.2],
            "mean_Pages": [3.0, 4.0],
            "standing_ExitRates": [0.5, -0.5],
            "standing_Pages": [0.2, -2.26],
        }
    )
    figure = segments.profile_map(profiles)
    assert title(figure) == (
        "Segment 2 stands out most: pages, 2.3 standard deviations below the mean"
    )
    (heatmap,) = traces(figure)
    assert heatmap["z"] == [[0.5, -0.5], [0.2, -2.26]]
    assert heatmap["text"][1] == ["+0.2", "\N{MINUS SIGN}2.3"]
    assert "mean 4" in heatmap["hovertext"][1][1]


def test_a_segment_without_a_value_of_a_feature_has_a_dash() -> None:
    profiles = plant()["segment_profiles"]
    profiles.loc[1, ["mean_Pages", "median_Pages", "standing_Pages"]] = np.nan
    figure = segments.profile_map(profiles)
    (trace,) = traces(figure)
    assert "nan" not in title(figure)
    assert (trace["z"][0][1], trace["text"][0][1]) == (None, NONE)
    assert "no session of the segment has a value" in trace["hovertext"][0][1]
    assert "nan" not in str(trace)


def test_the_map_states_how_much_it_shows() -> None:
    """Two groups on a line: one direction has nearly all of the variance."""
    rng = np.random.default_rng(0)
    far = np.repeat([0.0, 10.0], 100)
    scaled = pd.DataFrame({"session_id": range(200), "a": far, "b": rng.normal(0, 0.1, 200)})
    labelled = pd.DataFrame(
        {"session_id": range(200), "segment": np.repeat([1, 2], 100), "segment_name": "x"}
    )
    figure = segments.sessions_map(scaled, labelled)
    assert title(figure) == (
        "Two directions show 100 % of the variance; 100 % of the 200 sessions shown lie nearest "
        "to the centre of their own segment"
    )
    assert layout(figure)["xaxis"]["title"]["text"].startswith(
        "First direction: 100\N{NO-BREAK SPACE}% of the variance, mostly<br>a"
    )
    assert [len(one["x"]) for one in traces(figure)] == [100, 100]


def test_the_largest_and_the_smallest_segment_need_not_be_the_first_and_the_last() -> None:
    profiles = plant()["segment_profiles"].assign(
        sessions=[2_000, 1_000, 7_000], share=[0.2, 0.1, 0.7]
    )
    assert title(segments.sizes(profiles)) == (
        "Three segments: the largest holds 70 % of 10,000 sessions, the smallest 10.0 %"
    )


def test_the_map_is_a_sample_of_at_most_2000_sessions_and_always_the_same() -> None:
    planted = plant(sessions=5_000)
    drawn = [segments.sessions_map(scaled(planted), planted["session_segments"]) for _ in range(2)]
    assert sum(len(one["x"]) for one in traces(drawn[0])) == 2_000
    assert drawn[0].to_plotly_json() == drawn[1].to_plotly_json()


def test_the_map_has_marks_of_the_smallest_segment() -> None:
    """Among 100,000 sessions, one segment has seven and one has two."""
    rng = np.random.default_rng(3)
    segment = np.repeat([1, 2, 3, 4], [60_000, 39_991, 7, 2])
    scaled = pd.DataFrame(
        {"session_id": range(len(segment)), "a": rng.random(len(segment)), "b": segment}
    )
    labelled = pd.DataFrame(
        {"session_id": scaled["session_id"], "segment": segment, "segment_name": "x"}
    )
    figure = segments.sessions_map(scaled, labelled)
    shown = [len(one["x"]) for one in traces(figure)]
    assert sum(shown) == 2_000
    assert shown[2:] == [5, 2]
    assert shown[0] / sum(shown) == pytest.approx(0.6, abs=0.05)
    assert "of the 2,000 sessions shown" in title(figure)


@pytest.mark.parametrize("columns", [1, 2, 5])
def test_components_are_those_of_the_covariance(columns: int) -> None:
    points = np.random.default_rng(1).normal(size=(300, columns)) * np.arange(1, columns + 1)
    place, explained, directions = segments.components(points)
    values = np.sort(np.linalg.eigvalsh(np.cov(points.T).reshape(columns, columns)))[::-1]
    known = min(2, columns)
    assert explained[:known] == pytest.approx(values[:known] / values.sum())
    assert explained[known:].tolist() == [0] * (2 - known)
    assert place.var(axis=0, ddof=1)[:known] == pytest.approx(values[:known])
    assert directions[0][np.abs(directions[0]).argmax()] > 0


def test_numbers_of_centres_never_cover_each_other() -> None:
    """Twelve centres in one place."""
    planted = plant(segments=12, sessions=600)
    alike = scaled(planted)
    alike = alike.assign(**{name: 0.0 for name in alike if name != "session_id"})
    alike.loc[0, "Pages"], alike.loc[1, "Stay_Duration"] = 1.0, 1.0
    figure = segments.sessions_map(alike, planted["session_segments"])
    size = np.array([np.ptp([at for one in traces(figure) for at in one[way]]) for way in "xy"])
    points = np.array([(mark["x"], mark["y"]) for mark in layout(figure)["annotations"]])
    gaps = np.abs(points[:, None] - points[None]) / (size * np.array([0.09, 0.075]))
    np.fill_diagonal(gaps[..., 0], 9)
    assert gaps.max(axis=2).min() > 0.99


def test_the_elbow_states_who_chose_and_who_agrees() -> None:
    planted = plant(segments=3)
    figure = choice.elbow(planted["curve_in_use"], planted["choice_in_use"])
    assert title(figure) == (
        "Three segments, chosen by the elbow: 4 of 5 other criteria vote for 3; "
        "shuffled data bends at 4 in 3 of 5 trials"
    )
    votes = next(one for one in traces(figure) if one["name"] == "vote")
    rows = layout(figure)["yaxis2"]["ticktext"]
    assert {rows[row]: k for row, k in zip(votes["y"], votes["x"], strict=True)} == {
        "Elbow": 3,
        "Silhouette": 3,
        "Davies-Bouldin": 4,
        "Calinski-Harabasz": 3,
        "Stability": 3,
        "Prediction strength": 3,
    }
    assert [layout(figure)["shapes"][0][end] for end in ("x0", "x1")] == [2.6, 3.4]


def test_the_elbow_without_resamples_has_no_shuffled_curve() -> None:
    planted = plant(resamples=0)
    figure = choice.elbow(planted["curve_in_use"], planted["choice_in_use"])
    assert title(figure) == "Three segments, chosen by the elbow: 2 of 3 other criteria vote for 3"
    assert {one["name"] for one in traces(figure)} == {"these sessions", "vote"}
    silent = [note["text"] for note in layout(figure)["annotations"]]
    assert silent.count("no vote") == 2


def test_stability_states_the_figures_and_who_does_better() -> None:
    planted = plant(segments=3)
    curve, chosen = planted["curve_in_use"], planted["choice_in_use"]
    assert title(choice.stability(curve, chosen, planted["segment_profiles"])) == (
        "k = 3: 30 resamples agree by 0.98 on average and 0.90 at worst, more than for any other k"
    )
    curve.loc[curve["k"] == 2, "stability_mean"] = 0.995
    figure = choice.stability(curve, chosen, planted["segment_profiles"])
    assert title(figure).endswith("; k = 2 is more reproducible, with 0.99")
    bars = [one for one in traces(figure) if one.get("xaxis") == "x2"]
    assert [value for one in bars for value in one["x"]] == pytest.approx([0.85, 0.8, 0.75])


@pytest.mark.parametrize("other", [0.971, 0.98, 0.9899])
def test_what_is_as_reproducible_is_no_better_and_no_worse(other: float) -> None:
    planted = plant(segments=3)
    curve = planted["curve_in_use"]
    curve.loc[curve["k"] == 2, "stability_mean"] = other
    figure = choice.stability(curve, planted["choice_in_use"], planted["segment_profiles"])
    assert title(figure).endswith("and 0.90 at worst; no other k is more reproducible")


def test_stability_that_was_not_measured_is_no_certainty() -> None:
    planted = plant()
    curve = planted["curve_in_use"]
    curve.loc[curve["k"] == 3, ["stability_mean", "stability_min"]] = np.nan
    figure = choice.stability(curve, planted["choice_in_use"], planted["segment_profiles"])
    assert title(figure) == ("k = 3: not measured, as the sample of the resamples lacks a segment")


def test_a_consensus_is_no_agreement_of_all() -> None:
    planted = plant(segments=3)
    chosen = planted["choice_in_use"] | {"method": "consensus"}
    assert title(choice.elbow(planted["curve_in_use"], chosen)).startswith(
        "Three segments, chosen by the largest weighted vote (stability and prediction strength "
        "count twice): 5 of 6 criteria vote for 3"
    )


def test_shares_state_the_largest_clear_move() -> None:
    figure = trends.shares(counted(MOVING), CALENDAR)
    assert title(figure) == (
        "Share of the sessions falls most in segment 1: from 80.0 % in Feb to 50.0 % in Mar"
    )
    first = traces(figure)[0]
    assert first["y"] == [None, 80, 50, None, 60]
    assert first["connectgaps"] is False
    assert first["error_y"]["array"] == [None, *[pytest.approx(2)] * 2, None, pytest.approx(2)]


def test_conversions_state_the_largest_clear_move() -> None:
    figure = trends.conversions(counted(MOVING), CALENDAR, "Month")
    assert title(figure) == "Conversion rises most in segment 1: from 2.0 % in Feb to 25.0 % in May"
    everyone = traces(figure)[0]
    assert everyone["name"] == "all sessions"
    assert everyone["y"] == [None, *map(pytest.approx, (3.6, 10.0)), None, pytest.approx(17.8)]


def test_a_move_within_the_intervals_is_no_finding() -> None:
    table = counted({"Feb": [(500, 50), (500, 50)], "Mar": [(510, 52), (490, 50)]})
    assert title(trends.shares(table, CALENDAR)) == (
        "Share of the sessions: no clear move; the largest, of segment 1 from 50.0 % in Feb to "
        "51.0 % in Mar, is within what chance makes"
    )


def test_cells_of_under_30_sessions_have_no_rate_and_are_marked() -> None:
    table = counted({"Feb": [(100, 10), (29, 9)], "Mar": [(100, 30), (30, 3)]})
    figure = trends.conversions(table, ["Feb", "Mar"], "Month")
    assert (
        title(figure) == "Conversion rises most in segment 1: from 10.0 % in Feb to 30.0 % in Mar"
    )
    (_, _, second, few) = traces(figure)
    assert second["y"] == [None, 10]
    assert few["name"] == "under 30 sessions: no rate"
    assert few["y"] == [0]
    assert "29 sessions, under 30" in few["hovertext"][0]


def test_a_share_of_under_30_sessions_is_no_finding() -> None:
    table = counted(MOVING | {"Apr": [(1, 0), (28, 0)]})
    assert "falls most in segment 1: from 80.0 % in Feb to 50.0 % in Mar" in title(
        trends.shares(table, CALENDAR)
    )


def test_a_share_of_under_30_sessions_is_grey_and_has_no_interval() -> None:
    table = counted(MOVING | {"Apr": [(1, 0), (28, 0)]})
    first, second = traces(trends.shares(table, CALENDAR))
    for line, colour, share in ((first, "#0072B2", 1 / 29), (second, "#D55E00", 28 / 29)):
        assert line["marker"]["color"] == [colour, colour, colour, "#7A7A7A", colour]
        assert line["y"][3] == pytest.approx(100 * share)
        assert line["error_y"]["array"][3] is line["error_y"]["arrayminus"][3] is None
        assert "no interval: under 30 sessions in the period" in line["hovertext"][3]
        assert "no interval" not in line["hovertext"][1]


def test_a_share_of_under_30_sessions_has_no_cell_among_many_segments() -> None:
    table = counted({"Feb": [(40, 4)] * 9, "Mar": [(3, 1)] * 9})
    (grid,) = traces(trends.shares(table, CALENDAR))
    assert grid["z"][0] == [None, pytest.approx(100 / 9), None, None, None]


def test_one_large_period_is_no_finding_and_nothing_else_is_said() -> None:
    table = counted({"Feb": [(900, 1), (800, 2)], "Mar": [(9, 1), (19, 2)]})
    assert title(trends.shares(table, ["Feb", "Mar"])) == (
        "Share of the sessions: fewer than two periods have 30 sessions or more, too few to tell "
        "a move"
    )


def test_a_segment_of_under_30_sessions_says_so() -> None:
    profiles = pd.DataFrame(
        {
            "segment": [1, 2],
            "segment_name": ["a", "b"],
            "sessions": [30, 3],
            "share": [30 / 33, 3 / 33],
        }
    )
    labels = [one for trace in traces(segments.sizes(profiles)) for one in trace["text"]]
    assert [one.replace("\N{NO-BREAK SPACE}", " ") for one in labels] == [
        *("30 · 90.9 %", "3 · 9.1 % · under 30 sessions")
    ]


def test_nothing_but_small_cells_is_no_finding() -> None:
    table = counted({"Feb": [(10, 1), (20, 2)], "Mar": [(9, 1), (19, 2)]})
    figure = trends.conversions(table, ["Feb", "Mar"], "Month")
    assert title(figure) == (
        "Conversion: no segment has 30 sessions or more in two periods, too few to tell a move"
    )


def test_absent_periods_are_on_the_axis_as_absent() -> None:
    drawn = layout(trends.shares(counted(MOVING), CALENDAR))
    assert drawn["xaxis"]["ticktext"] == CALENDAR
    told = [note["x"] for note in drawn["annotations"] if note["text"] == "no sessions"]
    assert told == [0, 3]
    assert [(band["x0"], band["x1"]) for band in drawn["shapes"]] == [(-0.45, 0.45), (2.55, 3.45)]


def test_many_periods_have_few_labels() -> None:
    days = [f"day {place}" for place in range(100)]
    drawn = layout(trends.shares(counted({day: [(30, 1), (70, 2)] for day in days}), days))
    assert len(drawn["xaxis"]["ticktext"]) == 15


def test_beyond_eight_segments_names_stand_beside_the_cells() -> None:
    table = counted({"Feb": [(40 + 10 * s, s) for s in range(9)], "May": [(50, 5)] * 8 + [(9, 1)]})
    figure = trends.conversions(table, CALENDAR, "Month")
    (grid,) = traces(figure)
    assert grid["type"] == "heatmap"
    assert layout(figure)["yaxis"]["ticktext"][8] == "9 · Name 9"
    assert grid["z"][8] == [None, pytest.approx(100 * 8 / 120), None, None, None]
    assert grid["text"][0] == ["", "0", "", "", "10"]


CHANGES = pd.DataFrame(
    {
        "period_from": ["Feb", "Mar"],
        "period_to": ["Mar", "May"],
        "change": [0.064, 0.078],
        "mix": [-0.01, 0.018],
        "rate": [0.074, 0.06],
    }
)


def test_changes_state_the_largest_and_its_parts() -> None:
    figure = trends.changes(CHANGES, counted(MOVING), CALENDAR, "Month")
    assert title(figure) == (
        "Largest change of conversion: Mar to May, +7.8 points; the mix of segments makes "
        "+1.8 points of it, their rates +6.0 points"
    )
    mix, rate = (one for one in traces(figure) if one["type"] == "bar")
    assert mix["base"] == pytest.approx([3.6, 10.0])
    assert mix["y"] == pytest.approx([-1.0, 1.8])
    # A step for the rates begins where that for the mix has ended.
    assert rate["base"] == pytest.approx([2.6, 11.8])
    assert rate["y"] == pytest.approx([7.4, 6.0])
    assert all(1 < at < 4 for at in mix["x"] + rate["x"])


def test_a_period_of_two_sessions_is_no_headline() -> None:
    table = counted(MOVING | {"Apr": [(1, 1), (1, 1)]})
    table = table.sort_values("period", key=lambda names: names.map(CALENDAR.index))
    split = split_changes(table)
    assert split["change"].abs().max() > 0.8
    assert title(trends.changes(split, table, CALENDAR, "Month")).startswith(
        "Largest change of conversion: Feb to Mar, +6.4 points"
    )


def test_a_change_within_chance_is_no_finding() -> None:
    table = counted({"Feb": [(500, 50)], "Mar": [(510, 56)]})
    assert title(trends.changes(split_changes(table), table, ["Feb", "Mar"], "Month")) == (
        "No clear change of conversion: the largest, Feb to Mar, +1.0 points, is within chance"
    )


def test_a_rate_that_is_always_the_same_is_no_change() -> None:
    table = counted({"Feb": [(900, 0)], "Mar": [(800, 0)]})
    figure = trends.changes(split_changes(table), table, ["Feb", "Mar"], "Month")
    assert title(figure) == "No change of conversion: 0.0 % in each period"


def test_small_periods_alone_make_no_change() -> None:
    table = counted({"Feb": [(500, 50)], "Mar": [(29, 9)]})
    figure = trends.changes(split_changes(table), table, ["Feb", "Mar"], "Month")
    assert "see columns.period_bin" in nothing(figure)[1]
    assert title(figure) == (
        "Changes of conversion: under 30 sessions in one of any two periods, too few to tell a "
        "change"
    )


def test_no_step_leads_to_or_from_a_period_without_a_rate() -> None:
    months = {"Feb": [(1000, 100)], "Mar": [(2, 2)], "Apr": [(1000, 110)], "May": [(1000, 200)]}
    table = counted(months)
    figure = trends.changes(split_changes(table), table, [*months], "Month")
    _, mix, rate, levels = traces(figure)
    assert mix["x"] == pytest.approx([2.36])
    assert rate["y"] == pytest.approx([9])
    assert levels["x"] == [0, 2, 3]
    assert layout(figure)["yaxis"]["range"][1] < 25


def test_quality_states_what_was_rejected_and_why() -> None:
    planted = plant(sessions=1_000, rejected=9)["data_quality"]
    planted |= {"duplicate_rows": 1, "duplicates": "dropped"}
    figure = quality.quality(planted)
    assert title(figure) == (
        "9 of 1,009 rows (0.9 %) were rejected, most often for “Pages: negative”; "
        "1 row repeats an earlier one and was dropped"
    )
    below = [one for one in traces(figure) if one.get("xaxis") == "x2"]
    assert [value for one in below for value in one["x"]] == [6, 3]


def test_few_defects_have_whole_numbers_on_their_axis() -> None:
    planted = plant(rejected=3)["data_quality"]
    assert layout(quality.quality(planted))["xaxis2"]["dtick"] == 1
    assert "dtick" not in layout(quality.quality(planted))["xaxis"]


def test_quality_without_a_defect_says_so() -> None:
    figure = quality.quality(plant(sessions=1_000)["data_quality"])
    assert title(figure) == "All 1,000 rows keep the rules: none was rejected"


def nothing(figure: Figure) -> tuple[str, str]:
    """Return the title and the note of a figure that shows nothing."""
    (note,) = layout(figure)["annotations"]
    return title(figure), text.plain(note["text"])


@pytest.mark.parametrize(
    ("figure", "missing", "setting"),
    [
        (lambda: trends.shares(counted({}), []), "no period", "columns.period"),
        (
            lambda: trends.conversions(counted(MOVING, outcome=False), CALENDAR, "Month"),
            "no outcome",
            "columns.outcome",
        ),
        (lambda: trends.conversions(_no_period(), [], None), "no period", "columns.period"),
        (
            lambda: trends.changes(CHANGES[:0], counted(MOVING, outcome=False), CALENDAR, "Month"),
            "no outcome",
            "columns.outcome",
        ),
        (
            lambda: trends.changes(CHANGES[:0], _no_period(), [], None),
            "no period",
            "columns.period",
        ),
        (
            lambda: trends.changes(CHANGES[:0], counted({"Feb": [(50, 5)]}), CALENDAR, "Month"),
            "One period only (Feb)",
            "one more period",
        ),
        (
            lambda: choice.stability(*(plant(resamples=0)[name] for name in STABILITY)),
            "not measured",
            "clustering.stability.resamples",
        ),
    ],
)
def test_what_is_missing_is_said_and_which_setting_turns_it_on(
    figure: Any, missing: str, setting: str
) -> None:
    said, how = nothing(figure())
    assert missing in said
    assert setting in how


STABILITY = ("curve_in_use", "choice_in_use", "segment_profiles")


def _no_period() -> pd.DataFrame:
    return counted(MOVING)[:0]


def test_one_period_is_shown_and_nothing_is_claimed() -> None:
    table = counted({"Feb": [(100, 10), (50, 5)]})
    figure = trends.shares(table, ["Jan", "Feb"])
    assert title(figure) == (
        "Share of the sessions in the one period, Feb: nothing to compare it with"
    )
    assert traces(figure)[0]["y"] == [None, pytest.approx(100 * 2 / 3)]


def test_one_segment_is_shown_and_nothing_is_claimed() -> None:
    planted = plant(segments=1)
    profiles = planted["segment_profiles"]
    assert title(segments.sizes(profiles)) == "One segment holds all 1,200 sessions"
    assert title(segments.profile_map(profiles)) == (
        "One segment: nothing that it could stand out from"
    )
    figure = choice.stability(planted["curve_in_use"], planted["choice_in_use"], profiles)
    assert title(figure) == "One segment: the same in each of 30 resamples by definition"
    drawn = segments.sessions_map(scaled(planted), planted["session_segments"])
    assert "of the one segment" in title(drawn)
