"""The page says what the planted results say, safely, and the same each time."""

import base64
import hashlib
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from planted_results import plant, report

from user_activity_trends.charts.wording import NONE
from user_activity_trends.errors import ModelMismatchError
from user_activity_trends.report import page, plots, sources, tables
from user_activity_trends.report.answers import can_i_trust_it, what_changed, what_was_rejected
from user_activity_trends.segmentation.changes import split_changes

PROJECT = Path(__file__).resolve().parents[2]
HOSTILE = ("<script>window.hacked = 1</script>", "<img src=x onerror=alert(1)>", "</script><!--")
YEAR = ("Jan", "Feb", "Mar", "Apr", "May")


class Outline(HTMLParser):
    """Collects what the tests look at."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.levels: list[int] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._inside: list[str] = []
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside.append(tag)
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id" and value]
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))

    def handle_data(self, data: str) -> None:
        if self._inside[-1:] not in (["script"], ["style"]):
            self.words.append(data)

    def handle_endtag(self, tag: str) -> None:
        while self._inside and self._inside.pop() != tag:
            pass

    @property
    def text(self) -> str:
        said = " ".join(" ".join(self.words).split())
        return said.replace("\N{NO-BREAK SPACE}", " ").replace("\N{MINUS SIGN}", "-")


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    return report(plant(accepted=YEAR, periods=("Feb", "Mar", "May"), rejected=37))


@pytest.fixture(scope="module")
def outline(results: dict[str, Any]) -> Outline:
    return Outline(results["report"])


def test_the_same_results_make_the_same_bytes(results: dict[str, Any]) -> None:
    again = report(plant(accepted=YEAR, periods=("Feb", "Mar", "May"), rejected=37))
    assert again["report"] == results["report"]


def test_one_file_of_under_8_megabytes_holds_the_library_once(results: dict[str, Any]) -> None:
    content = results["report"]
    assert len(content.encode()) < 8_000_000
    assert content.count("Plotly.react(place") == 1
    assert len(re.findall(r"plotly\.js v\d", content)) == 1


def test_no_tag_asks_for_anything(outline: Outline) -> None:
    asking = {
        (tag, name, value)
        for tag, attributes in outline.tags
        for name, value in attributes.items()
        if name in {"src", "href", "srcset", "action", "data", "poster"}
        and not str(value).startswith(("#", "data:,"))
    }
    assert asking == set()


def test_the_policy_allows_these_scripts_and_nothing_else(results: dict[str, Any]) -> None:
    content = results["report"]
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', content)
    scripts = re.findall(r"<script>(.*?)</script>", content, re.DOTALL)
    hashes = [
        f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'"
        for one in scripts
    ]
    assert policy.split("; ") == [
        "default-src 'none'",
        f"script-src {' '.join(hashes)}",
        "style-src 'unsafe-inline'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]


def test_headings_are_in_order_and_every_id_is_there_once(outline: Outline) -> None:
    assert outline.levels[0] == 1
    assert outline.levels.count(1) == 1
    assert all(
        then - now <= 1 for now, then in zip(outline.levels, outline.levels[1:], strict=False)
    )
    assert len(set(outline.ids)) == len(outline.ids)
    pointed = {
        part
        for _, attributes in outline.tags
        for name in ("aria-labelledby", "data-table")
        for part in str(attributes.get(name) or "").split()
    }
    linked = {str(a["href"])[1:] for tag, a in outline.tags if tag == "a"}
    assert pointed | linked <= set(outline.ids)


def test_the_summary_answers_the_five_questions(results: dict[str, Any], outline: Outline) -> None:
    said, profiles = outline.text, results["segment_profiles"]
    rate = results["valid_sessions"]["Bought"].mean()
    row = results["conversion_changes"].loc[results["conversion_changes"]["change"].abs().idxmax()]
    for told in (
        "1,200 of 1,237 rows were used.",
        "They are from three periods, Feb to May (Month); no sessions in Jan and Apr.",
        f"{rate:.1%}".replace("%", " %") + " of the sessions converted (Bought).",
        f"1 · Segment called 1 : {profiles['sessions'].iloc[0]:,} sessions",
        f"{100 * row['mix']:+.1f} points because segments grew or shrank (mix)",
        f"{100 * row['rate']:+.1f} points because segments converted more or less (rate)",
        "Over 30 resamples the adjusted Rand index at k = 3 is 0.980 on average and",
        "The least stable is segment 3: it overlaps with itself by 0.75 (mean Jaccard index).",
        "37 of 1,237 rows (3.0 %) broke a rule.",
        "Most often: Pages: negative (25); BounceRates: not a number (12).",
    ):
        assert told in said


def test_the_same_rate_counts_sessions_and_not_segments() -> None:
    """Segments of different sizes: the overall rate is no mean of their rates."""
    planted = plant(segments=2, sessions=1_000)
    said = Outline(report(planted)["report"]).text
    rate = planted["valid_sessions"]["Bought"].mean()
    assert f"{100 * rate:.1f} % of the sessions converted" in said


def test_rules_are_told_with_their_fidelity(outline: Outline) -> None:
    assert (
        "Pages above 2. Of the sessions that fulfil it 93.0 % are in the segment; of the "
        "segment's sessions 88.0 % fulfil it."
    ) in outline.text


def test_every_chart_and_table_names_its_file(results: dict[str, Any]) -> None:
    parts = re.findall(r'<figure class="chart".*?</figure>', results["report"], re.DOTALL)
    assert len(parts) == len(page.CHARTS)
    for chart, part in zip(sorted(page.CHARTS), sorted(parts, key=_plot_id), strict=True):
        assert f"{chart}, <code>08_reporting/charts/{chart}.json</code>" in part
        _, tables = page._HOW[chart]  # noqa: SLF001
        for dataset in tables:
            assert f"{dataset}, <code>{sources.PATHS[dataset]}</code>" in part
    tables = re.findall(r'<div class="table">.*?</p>\n</div>', results["report"], re.DOTALL)
    assert len(tables) == results["report"].count("<table ")
    for table in tables:
        [named] = re.findall(r'class="origin">(\w+), <code>(.*?)</code>', table)
        assert sources.PATHS[named[0]] == named[1]
    for dataset in ("choice_in_use", "champion", "promotion_report"):
        assert f"{dataset}, <code>{sources.PATHS[dataset]}</code>" in results["report"]


def _plot_id(figure: str) -> str:
    found = re.search(r'class="plot" id="(\w+)"', figure)
    assert found
    return found[1]


def test_paths_are_those_of_the_catalog() -> None:
    catalog = {}
    for name in ("catalog.yml", "catalog_reporting.yml"):
        catalog |= yaml.safe_load((PROJECT / "conf/base" / name).read_text(encoding="utf-8"))
    for dataset, path in sources.PATHS.items():
        assert catalog[dataset]["filepath"] == f"${{_out}}/{path}"
    for chart in page.CHARTS:
        assert catalog[chart]["filepath"] == f"${{_out}}/08_reporting/charts/{chart}.json"


def test_the_page_of_the_sample_says_that_it_is_synthetic() -> None:
    planted = plant()
    assert "synthetic" not in report(planted)["report"]
    planted["data_quality"]["file"] = "somewhere/data/01_raw/sample_sessions.csv"
    said = Outline(report(planted)["report"]).text
    assert "sample_sessions.csv, the embedded synthetic sample, recipe base" in said


def test_what_is_known_of_another_file_is_not_said_of_these_sessions() -> None:
    planted = plant(rejected=7)
    planted["data_quality"] |= {"file": "somewhere/broken.csv", "sha256": "0"}
    said = Outline(report(planted)["report"]).text
    assert "An earlier file than broken.csv, recipe base : 1,200 sessions" in said
    assert said.count("broken.csv was refused, or its run ended early: this page shows the") == 3
    assert "of 1,207 rows were used" not in said


def test_where_the_model_is_of_other_sessions_its_checks_are_said_to_be_of_those() -> None:
    planted = plant()
    assert "The choice of k and its warnings are of" not in Outline(report(planted)["report"]).text
    planted["choice_in_use"]["trained_on"] |= {"file": "a/spring.csv", "rows": 9, "sha256": "0"}
    planted["segment_profiles"].loc[2, "share"] = 0.0042
    said = Outline(report(planted)["report"]).text
    told = "are of the 9 sessions of spring.csv that the model in use was trained on; the sessions"
    assert (
        said.count(f"The choice of k and its warnings {told} of this page are not the same.") == 2
    )
    assert "One warning: see the choice of k." in said
    assert "Segment 3 holds 0.42 % of the sessions of this page" in said.replace("\xa0", " ")
    assert "No warning" not in said
    planted["choice_in_use"]["warnings"] = [{"kind": "tiny_segment", "message": "Tiny then."}]
    said = Outline(report(planted)["report"]).text
    assert "Tiny then. Segment 3 holds 0.42 % of" in said.replace("\xa0", " ")
    assert "Two warnings: see the choice of k." in said


def test_no_page_is_of_segments_of_other_sessions() -> None:
    planted = plant()
    planted["choice_in_use"]["labelled"] = "0"
    with pytest.raises(ModelMismatchError, match="session_segments is of other sessions than"):
        report(planted)
    planted = plant()
    planted["segment_profiles"].loc[1, "sessions"] += 1
    with pytest.raises(ModelMismatchError, match="segment_profiles is of other sessions than"):
        report(planted)


@pytest.mark.parametrize("name", ["choice_in_use", "data_quality"])
def test_what_an_earlier_version_of_the_project_wrote_is_told(name: str) -> None:
    planted = plant()
    for new in ("labelled", "trained_on", "continued", "sha256"):
        planted[name].pop(new, None)
    with pytest.raises(ModelMismatchError, match=f"{name} was written by an earlier version of"):
        report(planted)


def test_resamples_of_a_model_that_goes_on_are_said_to_be_made_afresh() -> None:
    planted = plant()
    assert "those in use go on from earlier ones" not in Outline(report(planted)["report"]).text
    planted["choice_in_use"]["continued"] = True
    assert "those in use go on from earlier ones" in Outline(report(planted)["report"]).text


def test_another_recipe_is_told_where_it_is() -> None:
    planted = plant() | {"params:recipe": "log"}
    said = Outline(report(planted)["report"]).text
    assert "recipe log : 1,200 sessions in three segments" in said
    assert "Paths start at data/recipes/log ," in said


def test_names_from_data_are_text_everywhere() -> None:
    planted = plant(
        segments=3,
        names=HOSTILE,
        features=HOSTILE,
        dimension="<i>Kind</i>",
        values=HOSTILE[:2],
        periods=HOSTILE,
        rejected=5,
    )
    planted["choice_in_use"] |= {
        "verdict": "<b>verdict</b>",
        "warnings": [{"kind": "x", "about": "y", "message": "<b>warning</b>"}],
    }
    planted["data_quality"] |= {"file": "<b>.csv", "unused_columns": ["<b>unused</b>"]}
    content = report(planted)["report"]
    outline = Outline(content)
    assert {tag for tag, _ in outline.tags} & {"img", "i", "b", "iframe"} == set()
    assert [tag for tag, _ in outline.tags].count("script") == 3
    for name in (*HOSTILE, "<i>Kind</i>", "<b>verdict</b>", "<b>warning</b>", "<b>unused</b>"):
        assert name in outline.text


def test_chart_data_can_neither_end_its_tag_nor_begin_a_comment() -> None:
    planted = report(plant(names=HOSTILE, features=HOSTILE))
    (data,) = re.findall(
        r'<script type="application/json" id="charts">(.*?)</script>', planted["report"], re.DOTALL
    )
    assert not re.search("[<>&]", data)
    charts = json.loads(data)
    assert set(charts) == set(page.CHARTS)
    assert "title" not in charts["sizes_chart"]["layout"]
    notes = [note["text"] for note in charts["sizes_chart"]["layout"]["annotations"]]
    assert notes[2] == "3 · &lt;/script&gt;&lt;!--"


@pytest.mark.parametrize(
    ("changed", "told", "not_told"),
    [
        ({"outcome": False}, "columns.outcome is not set", "converted ("),
        ({"periods": ()}, "The sessions have no period: columns.period is not set", "Cochran-A"),
        ({"periods": ("Feb",)}, "There is one period only: nothing to compare it with.", "mix)"),
        ({"periods": ("Feb", "Mar")}, "Two periods make no trend", "Effect r"),
        ({"resamples": 0}, "Resampling is off: clustering.stability.resamples is 0.", "at worst"),
        ({}, "the table has no column that says whose session it was", "Moves"),
        ({}, "name it in columns.user", "From one session of a user"),
        ({"user": True}, "From one session of a user to the next", "whose session it was"),
        ({}, "These are differences between periods; nothing here claims a season.", "columns.p"),
    ],
)
def test_what_is_missing_is_said(changed: dict[str, Any], told: str, not_told: str) -> None:
    said = Outline(report(plant(**changed))["report"]).text
    assert told in said
    assert not_told not in said


def test_small_cells_are_grey_and_absent_periods_named() -> None:
    table = pd.DataFrame(
        {
            "period": ["Feb", "Feb"],
            "segment": [1, 2],
            "segment_name": ["a", "b"],
            "sessions": [100, 29],
            "share": [0.775, 0.225],
            "share_low": [0.7, 0.2],
            "share_high": [0.8, 0.3],
            "conversions": [10, 3],
            "conversion_rate": [0.1, np.nan],
            "ci_low": [0.05, np.nan],
            "ci_high": [0.17, np.nan],
        }
    )
    absent, large, small = tables.trends(table, ["Jan", "Feb"]).rows
    assert [cell.shown for cell in absent[:3]] == ["Jan", NONE, "no sessions"]
    assert [cell.muted for cell in large[3:]] == [False] * 6
    assert [(cell.shown, cell.muted) for cell in small[6:8]] == [("3", True), (NONE, True)]
    assert small[3] == tables.Cell("29", "29", muted=True)
    assert large[4].copied == "0.775"


def test_changes_to_and_from_a_small_period_are_grey() -> None:
    trends = pd.concat([converting(("Feb", 900, 9), ("Mar", 2, 2), ("Apr", 30, 9), ("May", 30, 9))])
    rows = tables.changes(split_changes(trends), trends).rows
    assert [[cell.muted for cell in row[2:]] for row in rows] == [
        [True] * 3,
        [True] * 3,
        [False] * 3,
    ]


def test_periods_without_sessions_are_not_said_to_be_in_the_file() -> None:
    table = converting(*((f"d{day}", 50, 5) for day in range(900))).assign(ci_low=0.0, ci_high=1.0)
    table["conversion_rate"] = 0.1
    calendar = [f"{kind}{day}" for day in range(900) for kind in ("d", "none")]
    shown = tables.trends(table, calendar)
    assert (len(shown.rows), shown.left_out) == (1_000, 400)


def test_votes_are_told_with_those_on_shuffled_columns() -> None:
    elbow, silhouette, *_, strength = tables.votes(plant()["choice_in_use"]).rows
    assert [cell.shown for cell in elbow] == ["Elbow", "3", f"4, 4, 4, {NONE}, 5"]
    assert [cell.shown for cell in silhouette] == ["Silhouette", "3", "2, 2, 2, 3, 2"]
    assert [cell.shown for cell in strength] == ["Prediction strength", "3", NONE]
    off = tables.votes(plant(resamples=0)["choice_in_use"]).rows
    assert {row[2].shown for row in off} == {NONE}


@pytest.mark.parametrize(
    ("changed", "told", "not_told"),
    [
        ({}, "bars are 95 % intervals; grey marks", "One row a segment, one column a period"),
        ({"segments": 9}, "Blank: under 30 sessions of the segment", "bars are 95 % intervals"),
        ({"segments": 9}, "Blank: under 30 sessions in the period", "crosses on the axis"),
        ({}, "what it would vote for if the columns were shuffled", "Below: what each criterion."),
        (
            {"resamples": 0},
            "Below: what each criterion votes for.",
            "were shuffled (larger",
        ),
        (
            {"resamples": 0},
            "Starts of k-means: sweep 10, model 10.",
            "stability 2",
        ),
        ({}, "sweep 10, model 10, stability 2, permutations 2.", "Starts of k-means: sweep 10."),
        ({"periods": ()}, "No changes of conversion", "to or from a period of"),
    ],
)
def test_captions_are_of_what_was_drawn(changed: dict[str, Any], told: str, not_told: str) -> None:
    said = Outline(report(plant(**changed))["report"]).text
    assert told in said
    assert not_told not in said


def test_a_share_of_a_small_period_is_grey() -> None:
    planted = report(plant(sessions=60, periods=("Feb", "Mar", "Apr", "May")))
    assert planted["segment_trends"]["share_low"].isna().all()
    rows = tables.trends(planted["segment_trends"], ["Feb"]).rows
    assert {row[4].muted for row in rows} == {True}


def test_a_segment_of_three_sessions_has_no_rate_on_the_page() -> None:
    planted = plant(segments=2)
    profiles = planted["segment_profiles"]
    profiles.loc[1, ["sessions", "outcome_rate", "ci_low", "ci_high"]] = [3, 1.0, 0.439, 1.0]
    profiles.loc[0, "sessions"] = 1_197
    planted["session_segments"]["segment"] = [2] * 3 + [1] * 1_197
    outline = Outline(report(planted)["report"])
    assert "under 30 sessions, too few to tell how many convert" in outline.text
    assert "43.9" not in outline.text
    told = [cell.shown for cell in tables.profiles(profiles).rows[1]]
    assert told[4:7] == [NONE] * 3


@pytest.mark.parametrize(("segments", "width", "rows"), [(4, 14, 3), (5, 6, 15)])
def test_features_of_many_segments_stand_below_each_other(
    segments: int, width: int, rows: int
) -> None:
    planted = plant(segments=segments)
    table = tables.features(planted["segment_profiles"], planted["params:columns"])
    assert len(table.columns) == width
    assert [len(row) for row in table.rows] == [width] * rows


def test_a_long_table_is_cut_and_says_so() -> None:
    changes = pd.DataFrame(
        {"period_from": "a", "period_to": "b", "change": 0.1, "mix": 0.0, "rate": 0.1},
        index=range(1_200),
    )
    cut = tables.changes(changes, converting(("a", 50, 5), ("b", 50, 10)))
    assert (len(cut.rows), cut.left_out) == (1_000, 200)


def test_an_effect_has_no_word_but_an_explanation(outline: Outline) -> None:
    """How large r can be depends on the share: limits made for other correlations mislead."""
    assert "How large r can get depends on the share itself" in outline.text
    assert "negligible" not in outline.text


@pytest.mark.long
def test_the_page_of_ten_years_by_day_stays_small() -> None:
    days = [str(day.date()) for day in pd.date_range("2015-01-01", periods=3_652)]
    made = report(plant(segments=5, sessions=400_000, periods=days, period_bin="day"))
    assert made["segment_trends"]["period"].nunique() == 3_652
    assert made["segment_trends"]["conversion_rate"].notna().mean() > 0.25
    assert len(made["report"].encode()) < 8_000_000
    assert "There are 3,652 periods, more than a chart can tell apart" in made["report"]
    for name in ("shares_chart", "conversions_chart", "changes_chart"):
        drawn = made[name].to_plotly_json()["data"]
        assert not any("hovertext" in trace for trace in drawn)
        assert {trace["marker"].get("size", 3) for trace in drawn if "marker" in trace} == {3}
    table = made["segment_trends"]
    first = table[table["segment"] == 1]["share"]
    line = made["shares_chart"].to_plotly_json()["data"][0]
    assert line["y"] == pytest.approx(100 * first, abs=0.006)
    assert line["error_y"]["array"] == pytest.approx(
        100 * (table[table["segment"] == 1]["share_high"] - first), abs=0.006
    )


def test_a_grid_of_many_days_stays_small() -> None:
    days = [str(day.date()) for day in pd.date_range("2025-01-01", periods=500)]
    made = report(plant(segments=9, sessions=50_000, periods=days, period_bin="day"))
    assert set(re.findall(r'data-least-width="(\d+)"', made["report"])) == {"0", "540"}
    (grid,) = made["shares_chart"].to_plotly_json()["data"]
    assert "hovertext" not in grid
    assert grid["xgap"] == 0
    assert grid["z"][0][0] == round(grid["z"][0][0], 2)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, "no column is nearly the outcome, and no column is filled in few periods only."),
        (
            {"periods": ("Feb", "Mar")},
            "one segment holds nearly everything, and no column is nearly the outcome.",
        ),
        ({"outcome": False}, "nearly everything, and no column is filled in few periods only."),
        ({"periods": ()}, "nearly everything, and no column is nearly the outcome."),
        (
            {"periods": (), "outcome": False},
            (
                "No warning: no column carries more than 90 % of the variance, no segment holds "
                "under 1 % of the sessions, and no silhouette is high only because one segment "
                "holds nearly everything."
            ),
        ),
    ],
)
def test_no_warning_lists_the_checks_that_ran(changed: dict[str, Any], told: str) -> None:
    assert told in Outline(report(plant(**changed))["report"]).text


def test_migrations_say_what_order_they_are_in() -> None:
    said = Outline(report(plant(user=True))["report"]).text
    assert "within a period in that of the file" in said


def test_rules_are_told_to_overlap(outline: Outline) -> None:
    assert "rules of two segments may overlap" in outline.text


def test_warnings_are_part_of_the_trust() -> None:
    planted = plant()
    tables_of = (planted[name] for name in ("choice_in_use", "curve_in_use", "segment_profiles"))
    answer = can_i_trust_it(*tables_of, ["One.", "Two."])
    assert answer.figure == "0.98"
    assert answer.sentences[-1] == "Two warnings: see the choice of k."


@pytest.mark.parametrize(
    ("mean", "known", "natural", "told"),
    [
        (
            0.9,
            [0.9, 0.75],
            [3],
            "Nearly .* when the sessions are drawn again. They stand .*",
        ),
        (0.89, [0.9, 0.9], None, "Mostly the same segments come back when .* drawn again"),
        (0.75, [0.9, 0.74], [], "Mostly .*, but segment 2 often comes back different. They are .*"),
        (0.75, [0.9, 0.9], [2, 4], r"Mostly .* kinds of sessions \(those at k = 2 and 4 are\): .*"),
        (0.75, [0.7, 0.74], None, "Mostly .*, but segments 1 and 2 often come back different"),
        (
            0.74,
            [0.9, 0.7],
            [2, 4],
            "Other .*: do not build on these",
        ),
        (np.nan, [np.nan] * 2, None, "Whether the same segments would come back was not tried"),
    ],
)
def test_the_trust_begins_in_plain_words(
    mean: float, known: list[float], natural: list[int] | None, told: str
) -> None:
    planted = plant(segments=2)
    curve = planted["curve_in_use"].assign(stability_mean=mean, stability_min=mean)
    choice = planted["choice_in_use"] | {
        "natural_counts": natural,
        "natural_at_k": natural and 3 in natural if natural != [] else False,
    }
    profiles = planted["segment_profiles"].assign(stability=known)
    answer = can_i_trust_it(choice, curve, profiles, [])
    assert re.fullmatch(f"{told}\\.", answer.sentences[0])


def test_without_an_outcome_the_share_is_what_changed() -> None:
    made = report(plant(outcome=False))
    answer = what_changed(
        made["conversion_changes"], made["segment_trends"], made["params:columns"]
    )
    assert answer.unit.startswith("in the share of segment")
    assert answer.sentences[-1] == "Conversion is not known: columns.outcome is not set."


def converting(*cells: tuple[str, int, int]) -> pd.DataFrame:
    """Return trends of one segment: period, sessions, conversions."""
    table = pd.DataFrame(cells, columns=["period", "sessions", "conversions"])
    return table.assign(segment=1, segment_name="all", share=1.0, share_low=0.99, share_high=1.0)


@pytest.mark.parametrize(
    ("cells", "figure", "unit", "told"),
    [
        (
            [("Feb", 900, 0), ("Mar", 800, 0)],
            "0.0 points",
            "of conversion",
            "The conversion of all sessions is 0.0 % in each period.",
        ),
        (
            [("Feb", 1000, 100), ("Mar", 2, 2), ("Apr", 900, 100), ("May", 1000, 200)],
            "+8.9 points",
            "of conversion, Apr to May",
            "went from 11.1 % to 20.0 %: ",
        ),
        (
            [("Feb", 1000, 100), ("Mar", 1000, 103)],
            "+0.3 points",
            "of conversion, Feb to Mar: within chance",
            "went from 10.0 % to 10.3 %, which is within chance: ",
        ),
        (
            [("Feb", 1000, 100), ("Mar", 2, 2)],
            NONE,
            "no change to tell",
            "One of any two periods has under 30 sessions: too few to tell",
        ),
    ],
)
def test_what_changed_is_no_small_period_and_no_chance(
    cells: list[tuple[str, int, int]], figure: str, unit: str, told: str
) -> None:
    table = converting(*cells)
    answer = what_changed(split_changes(table), table, plant()["params:columns"])
    assert answer.figure.replace("\N{NO-BREAK SPACE}", " ") == figure
    assert answer.unit == unit
    assert told in answer.sentences[0].replace("\N{NO-BREAK SPACE}", " ")


def test_a_share_within_chance_is_told_to_be() -> None:
    made = report(plant(outcome=False))
    answer = what_changed(
        made["conversion_changes"], made["segment_trends"], made["params:columns"]
    )
    assert answer.unit.endswith(": within chance")
    assert "moved most, though no more than by chance" in answer.sentences[0]


def test_duplicates_are_told() -> None:
    quality = plant()["data_quality"] | {"duplicate_rows": 2, "duplicates": "dropped"}
    assert what_was_rejected(quality, is_of_this_file=True).sentences == (
        "Every row keeps the rules.",
        "Two rows repeat an earlier one and were dropped.",
    )


def test_legends_show_what_the_traces_show() -> None:
    made = report(plant(accepted=YEAR, periods=("Feb", "Mar", "May")))
    drawn = plots.plot("shares_chart", made["shares_chart"], "how", "segment_trends")
    assert [(one.name, one.kind, one.colour, one.symbol, one.dash) for one in drawn.legend] == [
        ("1 · Segment called 1", "line", "#0072B2", "circle", "solid"),
        ("2 · Segment called 2", "line", "#D55E00", "square", "dash"),
        ("3 · Segment called 3", "line", "#009D61", "diamond", "dot"),
    ]
    bars = plots.plot("changes_chart", made["changes_chart"], "how", "conversion_changes").legend
    assert [(one.kind, one.pattern) for one in bars] == [("bar", "/"), ("bar", ""), ("marker", "")]
    assert plots.plot("sizes_chart", made["sizes_chart"], "how").legend == ()


def test_a_legend_has_long_names_in_full() -> None:
    name = "<i>" + "x" * 80
    made = report(plant(names=[name]))
    legend = Outline(made["report"].split('id="shares_chart-finding"')[1].split('class="frame"')[0])
    assert f"1 · {name}" in legend.text
    assert made["shares_chart"].to_plotly_json()["data"][0]["name"].endswith("xx…")


def test_template_and_style_and_script_are_part_of_the_package() -> None:
    """Read from the package's place alone, in another folder."""
    program = (
        "from importlib.resources import files\n"
        "folder = files('user_activity_trends.report') / 'template'\n"
        "print(sorted(one.name for one in folder.iterdir()))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program],
        cwd="/",
        env={"PYTHONPATH": str(PROJECT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == "['report.css', 'report.html.j2', 'report.js']"
    ignored = subprocess.run(
        ["git", "check-ignore", "src/user_activity_trends/report/template/report.css"],  # noqa: S607
        cwd=PROJECT,
        capture_output=True,
        check=False,
    )
    assert ignored.returncode == 1
