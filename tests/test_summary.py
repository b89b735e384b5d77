"""The summary tells what a run made, no more, and prints names as they are."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset, Version
from kedro_datasets.json import JSONDataset
from kedro_datasets.pandas import CSVDataset, ParquetDataset

from user_activity_trends.files.session_table import SessionTableDataset
from user_activity_trends.schemas import NewSessionSegments
from user_activity_trends.summary import RESULTS, collect, joined, show

RUN = "2026-01-02T03.04.05.678Z"
EARLIER = "2025-12-31T00.00.00.000Z"
SECONDS = {"data_processing": 0.12345, "total": 1.5}
PROFILES = pd.DataFrame(
    {
        "segment": [1, 2],
        "segment_name": ["Low [red] exit rates", "Buyers"],
        "sessions": [8_000, 2_000],
        "share": [0.8, 0.2],
        "outcome_rate": [0.1, 0.525],
        "ci_low": [0.09, 0.5],
        "ci_high": [0.11, 0.55],
        "mean_pages": [1.0, 2.0],
    }
)
SCORED = pd.DataFrame(
    {
        "session_id": ["a", "b", "c", "d"],
        "segment": pd.array([1, None, 2, 1], dtype="Int64"),
        "segment_name": ["one", None, "two", "one"],
        "distance": [0.1, None, 0.2, 9.0],
        "margin": [0.1, None, 0.2, 0.3],
        "unusual": pd.array([False, None, False, True], dtype="boolean"),
        "reason": ["", "pages: missing value", "", ""],
        "model_version": [RUN] * 4,
    }
)
QUALITY = {
    "file": "mine.csv",
    "rows_read": 10_050,
    "rows_accepted": 10_000,
    "rows_rejected": 50,
    "duplicate_rows": 3,
}
CHOICE = {"k": 2, "method": "elbow", "votes": {"elbow": 2}, "verdict": "k = 2: it [bold]bends[/]."}


@pytest.fixture
def catalog(tmp_path: Path) -> DataCatalog:
    """A catalog whose new sessions are given and whose results are versioned as in a run."""
    here = tmp_path.as_posix()
    return DataCatalog(
        {
            "new_sessions": SessionTableDataset(filepath=f"{here}/new.csv"),
            "data_quality": JSONDataset(filepath=f"{here}/data_quality.json"),
            "rejected_sessions": CSVDataset(filepath=f"{here}/rejected_sessions.csv"),
            "cluster_choice": MemoryDataset(CHOICE),
            "segmentation_model": JSONDataset(
                filepath=f"{here}/model.json", version=Version(None, RUN)
            ),
            "promotion_report": MemoryDataset({"in_words": "It was [b]refused[/]."}),
            "champion": MemoryDataset({"version": EARLIER}),
            "session_segments": ParquetDataset(filepath=f"{here}/session_segments.parquet"),
            "segment_profiles": CSVDataset(
                filepath=f"{here}/segment_profiles.csv", save_args={"index": False}
            ),
            "new_session_segments": CSVDataset(
                filepath=f"{here}/new_session_segments.csv",
                save_args={"index": False},
                version=Version(None, RUN),
            ),
        }
    )


def gathered(catalog: DataCatalog, produced: set[str]) -> dict[str, Any]:
    return collect(catalog, produced, run_id=RUN, recipe="log", seconds=SECONDS)


def printed(summary: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> list[str]:
    show(summary)
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def facts() -> dict[str, Any]:
    """A summary without anything that a run may leave out."""
    return {"run_id": RUN, "recipe": "base", "results": {}, "seconds": {"total": 2.04}}


def test_a_run_of_data_processing_alone_has_rows_and_no_segments(
    catalog: DataCatalog, tmp_path: Path
) -> None:
    catalog.save("data_quality", QUALITY)

    found = gathered(
        catalog, {"data_quality", "rejected_sessions", "valid_sessions", "scaled_features"}
    )

    assert found == {
        "run_id": RUN,
        "recipe": "log",
        "rows": {
            "file": "mine.csv",
            "rows_read": 10_050,
            "rows_accepted": 10_000,
            "rows_rejected": 50,
        },
        "results": {
            "rejected_sessions": f"{tmp_path}/rejected_sessions.csv",
            "data_quality": f"{tmp_path}/data_quality.json",
        },
        "seconds": {"data_processing": 0.123, "total": 1.5},
    }


def test_a_run_of_inference_alone_has_new_sessions_and_nothing_else(
    catalog: DataCatalog, tmp_path: Path
) -> None:
    catalog.save("new_session_segments", SCORED)

    found = gathered(catalog, {"new_session_segments", "valid_new_sessions"})

    assert set(found) == {"run_id", "recipe", "in_use", "new_sessions", "results", "seconds"}
    assert found["in_use"] == EARLIER
    assert found["new_sessions"] == {
        "file": f"{tmp_path}/new.csv",
        "rows": 4,
        "scored": 3,
        "unusual": 1,
    }
    versioned = f"{tmp_path}/new_session_segments.csv/{RUN}/new_session_segments.csv"
    assert found["results"] == {"new_session_segments": versioned}
    assert Path(versioned).is_file()


def test_segments_and_the_verdict_are_taken_from_what_was_written(catalog: DataCatalog) -> None:
    catalog.save("segment_profiles", PROFILES)

    found = gathered(catalog, {"segment_profiles", "cluster_choice"})

    assert found["clusters"] == {"k": 2, "verdict": "k = 2: it [bold]bends[/]."}
    assert found["segments"] == [
        {
            "segment": 1,
            "segment_name": "Low [red] exit rates",
            "sessions": 8_000,
            "share": 0.8,
            "outcome_rate": 0.1,
        },
        {
            "segment": 2,
            "segment_name": "Buyers",
            "sessions": 2_000,
            "share": 0.2,
            "outcome_rate": 0.525,
        },
    ]


def test_without_an_outcome_the_segments_have_no_rate(catalog: DataCatalog) -> None:
    catalog.save("segment_profiles", PROFILES.drop(columns=["outcome_rate", "ci_low", "ci_high"]))

    found = gathered(catalog, {"segment_profiles"})

    assert [set(one) for one in found["segments"]] == [
        {"segment", "segment_name", "sessions", "share"}
    ] * 2


def test_results_are_in_the_order_in_which_people_look_for_them(catalog: DataCatalog) -> None:
    catalog.save("data_quality", QUALITY)
    catalog.save("segment_profiles", PROFILES)
    produced = {"data_quality", "segment_profiles", "rejected_sessions", "session_segments"}

    assert list(gathered(catalog, produced)["results"]) == [
        name for name in RESULTS if name in produced
    ]


def test_of_models_the_one_in_use_is_shown_and_not_one_that_was_refused(
    catalog: DataCatalog, tmp_path: Path
) -> None:
    found = gathered(catalog, {"segmentation_model", "promotion_report", "champion"})

    assert (found["judged"], found["in_use"]) == ("It was [b]refused[/].", EARLIER)
    assert found["results"] == {"segmentation_model": f"{tmp_path}/model.json/{EARLIER}/model.json"}


def test_a_model_that_is_not_judged_yet_is_shown_itself(
    catalog: DataCatalog, tmp_path: Path
) -> None:
    found = gathered(catalog, {"segmentation_model"})

    assert found["results"] == {"segmentation_model": f"{tmp_path}/model.json/{RUN}/model.json"}
    assert not {"judged", "in_use"} & {*found}


def test_labels_by_an_earlier_model_say_which(
    catalog: DataCatalog, capsys: pytest.CaptureFixture[str]
) -> None:
    found = gathered(catalog, {"session_segments"})

    assert "judged" not in found
    assert f"model {EARLIER} is in use." in printed(found, capsys)


def test_a_result_in_an_object_store_is_told_with_its_whole_address(catalog: DataCatalog) -> None:
    catalog["data_quality"] = JSONDataset(filepath="memory:///08_reporting/quality.json")
    catalog.save("data_quality", QUALITY)

    found = gathered(catalog, {"data_quality"})

    address = found["results"]["data_quality"]
    assert address.startswith("memory://")
    assert address.endswith("/08_reporting/quality.json")


@pytest.mark.parametrize("name", ["new_sessions", "new_session_segments"])
def test_a_dataset_that_is_not_a_file_does_not_end_the_run(catalog: DataCatalog, name: str) -> None:
    """Configuration may put a table into a database: such a dataset has no path."""
    catalog[name] = MemoryDataset(pd.DataFrame())
    catalog.save("new_session_segments", SCORED)

    found = gathered(catalog, {"new_session_segments"})

    counts = {"rows": 4, "scored": 3, "unusual": 1}
    assert found["new_sessions"] == counts | {"file": found["new_sessions"]["file"]}
    assert list(found["results"]) == ["new_session_segments"]


def test_nothing_scored_counts_as_nothing(catalog: DataCatalog) -> None:
    catalog["new_sessions"] = SessionTableDataset(filepath=None)
    catalog.save("new_session_segments", SCORED.head(0))

    found = gathered(catalog, {"new_session_segments"})

    assert found["new_sessions"] == {"file": None, "rows": 0, "scored": 0, "unusual": 0}


def test_a_whole_run_is_printed_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    summary = facts() | {
        "rows": QUALITY,
        "clusters": {"k": 2, "verdict": "k = 2: it bends most there."},
        "judged": "It was [b]refused[/].",
        "in_use": EARLIER,
        "segments": PROFILES.to_dict("records"),
        "new_sessions": {"file": "new.csv", "rows": 1_234, "scored": 1_200, "unusual": 3},
        "results": {"segment_profiles": "/elsewhere/segment_profiles.csv"},
    }

    lines = printed(summary, capsys)

    assert [line for line in lines if line] == [
        "sessions 10,050 read, 10,000 accepted, 50 rejected",
        "segments k = 2: it bends most there.",
        f"model It was [b]refused[/]. {EARLIER} is in use.",
        "new sessions 1,234 read, 1,200 scored, 3 unusual",
        "segment name sessions share outcome",
        "1 Low [red] exit rates 8,000 80.0% 10.0%",
        "2 Buyers 2,000 20.0% 52.5%",
        "segment_profiles /elsewhere/segment_profiles.csv",
        "seconds total 2.0",
    ]


@pytest.mark.parametrize(("sessions", "shown"), [(29, "-"), (30, "10.0%")])
def test_a_segment_of_under_30_sessions_has_no_rate(
    sessions: int, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    small = PROFILES.iloc[:1].assign(sessions=sessions).to_dict("records")

    lines = printed(facts() | {"segments": small}, capsys)

    assert f"1 Low [red] exit rates {sessions} 80.0% {shown}" in lines


def test_without_an_outcome_no_rate_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    segment = {"segment": 1, "segment_name": "all", "sessions": 50, "share": 1.0}

    lines = printed(facts() | {"segments": [segment]}, capsys)

    assert [line for line in lines if line] == [
        "segment name sessions share",
        "1 all 50 100.0%",
        "seconds total 2.0",
    ]


@pytest.mark.parametrize(
    "name", ["[red]", "[/red]", "Low [bold]exit[/bold] rates", "[link=x]", ":smiley:", "\\[a]"]
)
def test_names_verdicts_and_paths_are_printed_as_they_are(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    segment = {"segment": 1, "segment_name": name, "sessions": 5, "share": 1.0}
    summary = facts() | {
        "clusters": {"k": 1, "verdict": f"{name} verdict"},
        "segments": [segment],
        "results": {"session_segments": f"/data/{name}.parquet"},
    }

    lines = printed(summary, capsys)

    assert f"segments {name} verdict" in lines
    assert f"1 {name} 5 100.0%" in lines
    assert f"session_segments /data/{name}.parquet" in lines


def test_a_result_below_the_current_folder_is_printed_relative_to_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    places = {
        "session_segments": f"{tmp_path}/data/a.parquet",
        "data_quality": "s3://bucket/data_quality.json",
    }

    lines = printed(facts() | {"results": places}, capsys)

    assert "session_segments data/a.parquet" in lines
    assert "data_quality s3://bucket/data_quality.json" in lines


def test_on_a_terminal_nothing_is_wider_than_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes it for a terminal
    monkeypatch.setenv("COLUMNS", "60")
    places = {"session_segments": "/long" * 30}

    show(facts() | {"results": places})

    lines = [re.sub(r"\x1b\[[0-9;]*m", "", x) for x in capsys.readouterr().out.splitlines()]
    assert max(len(line) for line in lines) <= 60
    told = "".join(line[len("session_segments") :].strip() for line in lines if "/long" in line)
    assert told == "/long" * 30


def test_without_a_file_of_new_sessions_the_run_says_that_nothing_was_scored(
    capsys: pytest.CaptureFixture[str],
) -> None:
    new = {"file": None, "rows": 0, "scored": 0, "unusual": 0}

    lines = printed(facts() | {"new_sessions": new}, capsys)

    (said,) = [line for line in lines if line.startswith("new sessions ")]
    assert "no file" in said
    assert "nothing was scored" in said
    assert "0 read" not in said


def test_new_sessions_from_another_kind_of_dataset_are_counted_too(
    catalog: DataCatalog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message about a Parquet file tells people to change the type of this dataset."""
    catalog["new_sessions"] = ParquetDataset(filepath=f"{tmp_path.as_posix()}/new.parquet")
    catalog.save("new_session_segments", SCORED)

    lines = printed(gathered(catalog, {"new_session_segments"}), capsys)

    assert "new sessions 4 read, 3 scored, 1 unusual" in lines


def test_a_run_that_made_nothing_of_note_prints_its_seconds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert [line for line in printed(facts(), capsys) if line] == ["seconds total 2.0"]


def test_the_planted_table_of_new_sessions_is_one_that_a_run_can_write() -> None:
    assert len(NewSessionSegments.validate(SCORED)) == 4


def test_duplicates_that_were_dropped_are_told(
    catalog: DataCatalog, capsys: pytest.CaptureFixture[str]
) -> None:
    catalog.save("data_quality", QUALITY | {"duplicates": "dropped", "duplicate_rows": 50})

    found = gathered(catalog, {"data_quality"})

    assert found["rows"]["duplicates_dropped"] == 50
    assert any(line.endswith(", 50 duplicates dropped") for line in printed(found, capsys))


def test_a_comparison_tells_what_decides_and_the_verdict(
    catalog: DataCatalog, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = float("nan")
    catalog["recipe_comparison"] = MemoryDataset(
        pd.DataFrame(
            {
                "criterion": ["stability_mean", "natural_groups", "vote_elbow", "k"],
                "unit": ["index", "yes or no", "k", "k"],
                "base": [0.5, 1.0, gone, 3.0],
                "log": [0.75, 1.0, 4.0, 4.0],
                "wanted": ["high", "high", gone, gone],
                "tolerance": [0.01, 0.0, gone, gone],
                "compared": [True, True, False, False],
                "better": ["log", gone, gone, gone],
                "note": ["a", "b", "c", "d"],
            }
        )
    )

    found = gathered(catalog, {"recipe_comparison"})

    assert found["comparison"] == {
        "verdict": "k = 3 with base, 4 with log. log is better in 1 of 2 criteria "
        "(stability, mean); base in none; equal in 1 (natural groups). The criteria overlap, "
        "and nothing weighs them: that is for you to do.",
        "criteria": [
            {
                "criterion": "stability_mean",
                "values": {"base": 0.5, "log": 0.75},
                "better": "log",
            },
            {"criterion": "natural_groups", "values": {"base": 1.0, "log": 1.0}, "better": ""},
            {"criterion": "k", "values": {"base": 3.0, "log": 4.0}, "better": ""},
        ],
    }
    lines = printed(found, capsys)
    assert f"recipes {found['comparison']['verdict']}" in lines
    start = lines.index("criterion base log better")
    assert lines[start + 1 : start + 4] == [
        "Stability, mean 0.500 0.750 log",
        "Natural groups yes yes",
        "Segments (k) 3 4",
    ]


# --- of several tasks ---------------------------------------------------------------------------


def part(*results: str, seconds: dict[str, float], **told: Any) -> dict[str, Any]:
    places = {name: f"/{name}" for name in results}
    return {"run_id": RUN, "recipe": "log", **told, "results": places, "seconds": seconds}


def test_the_parts_of_one_task_are_joined_to_what_it_told() -> None:
    one = facts() | {"rows": {"rows_read": 5}, "results": {"data_quality": "/data_quality"}}

    assert joined([one]) == one


def test_the_parts_of_several_tasks_are_joined_in_the_order_of_a_summary() -> None:
    parts = [
        part(
            "rejected_sessions",
            "data_quality",
            seconds={"data_processing": 1.0, "total": 1.5},
            rows={"rows_read": 5},
        ),
        part(
            "new_session_segments",
            seconds={"inference": 0.25, "total": 0.5},
            new_sessions={"rows": 4},
        ),
        part(
            "segmentation_model",
            seconds={"clustering": 2.0, "total": 2.25},
            clusters={"k": 2},
        ),
        part(
            "segment_profiles",
            "session_segments",
            seconds={"labelling": 0.125, "total": 1.0},
            segments=[{"segment": 1}],
        ),
        part("report", "segment_trends", seconds={"reporting": 0.5, "total": 1.0}),
        part(
            "recipe_comparison",
            "recipe_comparison_chart",
            seconds={"compare_recipes": 3.0, "total": 3.25},
            comparison={"verdict": "x"},
        ),
    ]

    found = joined(parts)

    assert found == {
        "run_id": RUN,
        "recipe": "log",
        "rows": {"rows_read": 5},
        "clusters": {"k": 2},
        "segments": [{"segment": 1}],
        "new_sessions": {"rows": 4},
        "comparison": {"verdict": "x"},
        "results": {name: f"/{name}" for name in RESULTS},
        "seconds": {
            "data_processing": 1.0,
            "inference": 0.25,
            "clustering": 2.0,
            "labelling": 0.125,
            "reporting": 0.5,
            "compare_recipes": 3.0,
            "total": 9.5,
        },
    }
    assert list(found) == [
        *("run_id", "recipe", "rows", "clusters", "segments", "new_sessions"),
        *("comparison", "results", "seconds"),
    ]
    assert list(found["results"]) == list(RESULTS)
    assert list(found["seconds"]) == [
        *("data_processing", "inference", "clustering", "labelling", "reporting"),
        *("compare_recipes", "total"),
    ]
    assert all("total" in one["seconds"] for one in parts)  # they are left as they were


def test_the_task_that_promotes_says_last_which_model_people_look_for() -> None:
    trained = part("segmentation_model", seconds={"clustering": 2.0, "total": 2.25})
    judged = part(seconds={"promotion": 0.5, "total": 1.0}, judged="Refused.", in_use=EARLIER)
    judged["results"] = {"segmentation_model": "/earlier"}
    labelled = part("session_segments", seconds={"labelling": 0.5, "total": 1.0}, in_use=EARLIER)

    found = joined([trained, judged, labelled])

    assert list(found) == ["run_id", "recipe", "judged", "in_use", "results", "seconds"]
    assert (found["judged"], found["in_use"]) == ("Refused.", EARLIER)
    assert found["results"] == {
        "session_segments": "/session_segments",
        "segmentation_model": "/earlier",
    }


def test_the_seconds_of_a_stage_of_several_tasks_are_summed() -> None:
    parts = [
        part("session_segments", seconds={"labelling": 0.1, "total": 0.3}),
        part("segment_profiles", seconds={"labelling": 0.2, "total": 0.4}),
        part(seconds={"total": 0.0005}),
    ]

    found = joined(parts)

    assert found["seconds"] == {"labelling": 0.3, "total": 0.7}  # not 0.30000000000000004
    assert list(found["results"]) == ["session_segments", "segment_profiles"]
    assert set(found) == {"run_id", "recipe", "results", "seconds"}
