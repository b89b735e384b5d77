"""A model's life through whole runs: promoted, refused, rolled back, and always one name."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from click.testing import CliRunner, Result
from kedro.framework.session import KedroSession
from tests.project.conftest import loaded

from user_activity_trends.cli import cli
from user_activity_trends.errors import (
    CellsError,
    ModelMismatchError,
    PromotionRefusedError,
    SettingError,
    UserActivityTrendsError,
)
from user_activity_trends.lifecycle.store import ModelStore
from user_activity_trends.segmentation.scorer import SegmentScorer

Run = Callable[..., None]
TINY = "tests/data/tiny_sessions.csv"
PICKLE = "user_activity_trend_model.pkl"
REPORT = "promotion_report.json"
FIXED = {"method": "fixed", "n_clusters": 2}


@dataclass(frozen=True)
class State:
    """What the files say of the model in use."""

    champion: str
    labels: str
    scorer: str
    """Version that the scorer of the champion's version says in itself."""
    report: str


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def state(root: Path) -> State:
    champion = read(root / "06_models/champion.json")["version"]
    labels = pd.read_parquet(root / "07_model_output/session_segments.parquet")
    scorer = read(root / f"06_models/segment_scorer.json/{champion}/segment_scorer.json")
    page = (root / "08_reporting/report.html").read_text(encoding="utf-8")
    (label,) = labels["model_version"].unique()
    told = page.partition("The model in use is version ")[2][: len(champion)]
    return State(champion, label, scorer["version"], told)


def of(version: str) -> State:
    return State(version, version, version, version)


def versions(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "06_models/model_record.json").iterdir())


@pytest.fixture
def models(in_project: Path, data_root: Path) -> Callable[..., Result]:
    """Run a command of ``kedro models`` in this process."""

    def invoke(*arguments: str) -> Result:
        command, *others = arguments
        return CliRunner().invoke(
            cli,
            ["models", command, "--env", "test", *others],
            obj=loaded(),
        )

    assert in_project
    assert data_root
    return invoke


@pytest.fixture
def trained(tiny_trainings: Path, data_root: Path) -> list[str]:
    """Take two trainings on the same sessions; return both versions."""
    shutil.copytree(tiny_trainings, data_root)
    return versions(data_root)


def test_after_every_operation_champion_labels_scorer_and_report_name_one_version(
    trained: list[str], data_root: Path, models: Callable[..., Result], run: Run
) -> None:
    first, second = trained
    assert state(data_root) == of(second)

    back = models("rollback", "--why", "complaints")
    assert back.exit_code == 0, back.output
    assert f"To undo this: kedro models promote {second} --env test" in back.output
    assert state(data_root) == of(first)
    champion = read(data_root / "06_models/champion.json")
    assert (champion["how"], champion["why"]) == ("rolled back", "complaints")

    run(pipeline="inference")
    (scored,) = (data_root / "07_model_output/new_session_segments.csv").rglob("*.csv")
    assert set(pd.read_csv(scored)["model_version"]) == {first}

    again = models("promote", second)
    assert again.exit_code == 0, again.output
    assert state(data_root) == of(second)
    champion = read(data_root / "06_models/champion.json")
    assert [one["version"] for one in champion["history"]] == [first, second, first, second]
    assert champion["why"] == "by hand"

    assert models("rollback").exit_code == 0
    nothing = models("rollback")
    assert nothing.exit_code == 1
    assert state(data_root) == of(first)


def test_what_has_changed_is_labelled_later_if_asked(
    trained: list[str], data_root: Path, models: Callable[..., Result], run: Run
) -> None:
    first, second = trained

    back = models("rollback", "--no-labels")

    assert "they follow with: kedro run --pipelines labelling,reporting --env test" in back.output
    assert (state(data_root).champion, state(data_root).labels) == (first, second)
    page = data_root / "08_reporting/report.html"
    before = page.read_bytes()
    with pytest.raises(ModelMismatchError, match=f"written by model {second}, but {first} is in"):
        run(pipeline="reporting")
    assert page.read_bytes() == before
    run(pipeline="labelling")
    assert state(data_root).labels == first


def test_a_refused_model_leaves_the_one_in_use_and_may_be_promoted_by_hand(
    trained: list[str], data_root: Path, models: Callable[..., Result], run: Run
) -> None:
    before = (data_root / "06_models/champion.json").read_bytes()

    run(pipeline="training", clustering={"selection": FIXED})

    assert (data_root / "06_models/champion.json").read_bytes() == before
    assert state(data_root) == of(trained[-1])
    third = versions(data_root)[-1]
    summary = read(data_root / "08_reporting/run_summary.json")
    assert summary["judged"].startswith(f"Model {third} was refused by")
    assert summary["in_use"] == trained[-1]
    assert f"/{trained[-1]}/" in summary["results"]["segmentation_model"]
    report = read(data_root / f"06_models/promotion_report.json/{third}/promotion_report.json")
    assert (report["decision"], report["candidate"]) == ("refused", third)
    missed = [one["gate"] for one in report["gates"] if not one["passed"]]
    assert "adjusted_rand" in missed
    page = (data_root / "08_reporting/report.html").read_text(encoding="utf-8")
    assert f"Model {third} was refused by" in page
    assert "stays in use" not in page.partition("The last training:")[2][:2_000]
    assert len(pd.read_csv(data_root / "07_model_output/segment_profiles.csv")) == 3

    refused = models("promote", third)
    assert refused.exit_code == 1
    assert f"{third} was refused by" in refused.output
    assert "--force" in refused.output
    assert (data_root / "06_models/champion.json").read_bytes() == before

    forced = models("promote", third, "--force")
    assert forced.exit_code == 0, forced.output
    assert state(data_root) == of(third)
    assert "although it was refused by" in read(data_root / "06_models/champion.json")["why"]
    assert len(pd.read_csv(data_root / "07_model_output/segment_profiles.csv")) == 2


def test_a_column_that_has_died_lets_no_model_take_over(
    trained: list[str], data_root: Path, run: Run, tmp_path: Path
) -> None:
    """All other gates find that little has changed: a column of zeros moves nothing away."""
    table = pd.read_csv(TINY)
    dead = tmp_path / "dead.csv"
    table.assign(Informational_Duration=0).to_csv(dead, index=False)

    run(pipeline="training", sessions_file=str(dead))

    assert state(data_root) == of(trained[-1])
    report = read(data_root / "06_models/promotion_report.json" / versions(data_root)[-1] / REPORT)
    missed = {one["gate"]: one for one in report["gates"] if not one["passed"]}
    assert [*missed] == ["same_columns"]
    assert (
        "takes Informational_Duration, with at most one value in all sessions of this training"
        in missed["same_columns"]["in_words"]
    )
    assert report["between"] is not None

    run(pipeline="training", sessions_file=str(dead), promotion={"allow_new_segments": True})

    newest = versions(data_root)[-1]
    assert state(data_root) == of(newest)
    told = read(data_root / "06_models/champion.json")["why"]
    assert told.endswith(f"gates, compared with {trained[-1]}.")


def test_the_map_is_that_of_the_model_in_use(trained: list[str], data_root: Path, run: Run) -> None:
    drawn = data_root / "08_reporting/charts/sessions_map.json"
    before = drawn.read_bytes()
    drawn.unlink()

    run(
        pipeline="training",
        clustering={"selection": FIXED},
        recipes={"base": {"scaler": "standard"}},
    )

    assert len(versions(data_root)) == len(trained) + 1
    assert state(data_root) == of(trained[-1])
    assert drawn.read_bytes() == before


def test_after_a_file_that_was_refused_a_rollback_says_whose_sessions_it_shows(
    trained: list[str],
    data_root: Path,
    models: Callable[..., Result],
    run: Run,
    tmp_path: Path,
) -> None:
    header, *rows = Path(TINY).read_text(encoding="utf-8").splitlines()
    broken = tmp_path / "october.csv"
    broken.write_text("\n".join([header, *(f"x{row}" for row in rows[:50])]), encoding="utf-8")
    with pytest.raises(CellsError):
        run(pipeline="training", sessions_file=str(broken))

    back = models("rollback")

    assert back.exit_code == 0, back.output
    assert state(data_root) == of(trained[0])
    page = (data_root / "08_reporting/report.html").read_text(encoding="utf-8")
    assert "An earlier file than october.csv" in page
    assert "of 50 rows were used" not in page


def test_a_rollback_for_which_features_are_missing_changes_nothing(
    trained: list[str], data_root: Path, models: Callable[..., Result]
) -> None:
    """Features are written after the sessions; a run may have ended in between."""
    place = data_root / "04_feature/session_features.parquet"
    features = pd.read_parquet(place)
    features.assign(ExitRates=features["ExitRates"] + 0.5).to_parquet(place)

    refused = models("rollback")

    assert refused.exit_code == 1
    assert "session_features are not of valid_sessions" in refused.output
    assert "Nothing was changed; change it all the same with --no-labels" in refused.output
    assert state(data_root) == of(trained[1])


def test_a_first_model_that_is_refused_labels_and_scores_nothing(run: Run, data_root: Path) -> None:
    with pytest.raises(PromotionRefusedError) as refused:
        run(promotion={"gates": {"minimum_rows": 10_000, "smallest_share": 0.4}})

    told = str(refused.value)
    assert "minimum_rows: it was trained on 494 sessions, and at least 10,000 are asked" in told
    assert "smallest_share" in told
    assert "nothing is labelled or scored" in told
    assert not (data_root / "06_models/champion.json").exists()
    assert not list((data_root / "07_model_output").rglob("*.parquet"))
    assert not list((data_root / "07_model_output").rglob("*.csv"))
    (version,) = versions(data_root)
    assert f"kedro models promote {version} --force" in told


def test_the_command_says_why_in_its_last_words(kedro: Callable[..., Any], data_root: Path) -> None:
    done = kedro("run", "--env", "test", "--params", "promotion.gates.minimum_rows=10000")

    assert done.code == 1
    assert "minimum_rows" in done.last_words
    assert "Traceback" not in done.err
    assert not (data_root / "06_models/champion.json").exists()


def test_models_are_listed_shown_and_compared(
    trained: list[str], models: Callable[..., Result], data_root: Path
) -> None:
    first, second = trained
    shutil.copytree(
        data_root / f"06_models/segment_identities.json/{first}",
        data_root / "06_models/segment_identities.json/2020-01-01T00.00.00.000Z",
    )

    listed = models("list").output
    rows = {line.split()[-1]: line for line in listed.splitlines() if line.strip()}
    assert f"in use  {second}" in listed
    assert listed.index(first) < listed.index(second)
    assert any("incomplete: no segmentation_model, " in line for line in rows.values())

    shown = models("show").output
    for told in (second, "minimum_jaccard", "scikit-learn", "kept", "until now", TINY):
        assert told in shown
    assert "first" in models("show", first).output

    compared = models("compare", first, second).output
    assert "494 sessions of the last run: adjusted Rand index 1.000; 0.00% of the" in compared

    unknown = models("show", "2020-01-01T00.00.00.000Z")
    assert unknown.exit_code == 1


@pytest.mark.parametrize("damaged", ["{", "[]", '{"version": "a"}'])
def test_a_damaged_champion_is_told_of_and_can_be_named_again(
    trained: list[str], data_root: Path, models: Callable[..., Result], damaged: str
) -> None:
    (data_root / "06_models/champion.json").write_text(damaged, encoding="utf-8")

    listed = models("list")
    assert listed.exit_code == 0
    assert "damaged" in listed.output
    assert trained[0] in listed.output
    assert models("rollback").exit_code == 1

    again = models("promote", trained[0])

    assert again.exit_code == 0, again.output
    assert state(data_root) == of(trained[0])


def test_a_rollback_that_labels_could_not_follow_changes_nothing(
    trained: list[str], data_root: Path, models: Callable[..., Result]
) -> None:
    place = data_root / "03_primary/valid_sessions.parquet"
    pd.read_parquet(place).drop(columns="ExitRates").to_parquet(place)

    refused = models("rollback")

    assert refused.exit_code == 1
    assert (
        f"{trained[0]} takes ExitRates, which the sessions of the last run lack" in refused.output
    )
    assert read(data_root / "06_models/champion.json")["version"] == trained[1]
    assert models("rollback", "--no-labels").exit_code == 0
    assert read(data_root / "06_models/champion.json")["version"] == trained[0]


@pytest.mark.parametrize("version", ["../..", "../../champion.json", "*", "", "2026"])
def test_what_is_no_version_has_no_place(
    trained: list[str], data_root: Path, models: Callable[..., Result], version: str
) -> None:
    before = (data_root / "06_models/champion.json").read_bytes()

    for command in (("show", version), ("promote", version, "--force")):
        if version or command[0] == "promote":
            assert models(*command).exit_code == 1

    assert trained
    assert (data_root / "06_models/champion.json").read_bytes() == before


def test_a_scorer_that_does_not_match_its_model_is_not_put_in_use(
    trained: list[str], data_root: Path, models: Callable[..., Result]
) -> None:
    first, second = trained
    place = data_root / f"06_models/segment_scorer.json/{first}/segment_scorer.json"
    place.write_text(json.dumps(read(place) | {"model": "0123456789abcdef"}), encoding="utf-8")
    before = (data_root / "06_models/champion.json").read_bytes()

    refused = models("rollback")

    assert refused.exit_code == 1
    assert (data_root / "06_models/champion.json").read_bytes() == before
    assert state(data_root) == of(second)


def test_a_model_whose_scorer_labels_otherwise_is_not_promoted(
    run: Run, data_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(pipeline="training")
    before = state(data_root)
    build = SegmentScorer.build

    def wrong(*arguments: Any) -> SegmentScorer:
        scorer = build(*arguments)
        first, *others = scorer.segments
        moved = tuple(place + 0.5 for place in first.centroid)
        changed = (first.model_copy(update={"centroid": moved}), *others)
        return scorer.model_copy(update={"segments": changed})

    monkeypatch.setattr(SegmentScorer, "build", wrong)
    with pytest.raises(UserActivityTrendsError, match="does not label as segmentation_model does"):
        run(pipeline="training")

    assert state(data_root) == before


def test_old_versions_are_removed_and_those_in_use_stay(run: Run, data_root: Path) -> None:
    kept = {"keep_versions": 1}
    run(pipeline="training", promotion=kept)
    (first,) = versions(data_root)
    for _ in range(3):  # refused, since the number of segments changes
        run(pipeline="training", promotion=kept, clustering={"selection": FIXED})

    *_, last = versions(data_root)
    run(pipeline="training", promotion=kept)

    newest = versions(data_root)[-1]
    assert versions(data_root) == [first, last, newest]
    assert state(data_root) == of(newest)
    for name in ("segmentation_model", "segment_scorer", "promotion_report"):
        folder = {"segmentation_model": "user_activity_trend_model.pkl"}.get(name, f"{name}.json")
        assert sorted(path.name for path in (data_root / "06_models" / folder).iterdir()) == [
            first,
            last,
            newest,
        ]


def test_of_the_others_the_newest_are_kept_whether_they_were_refused_or_not(
    trained: list[str], run: Run, data_root: Path
) -> None:
    run(pipeline="training", clustering={"selection": FIXED})
    refused = versions(data_root)[-1]
    run(pipeline="training", clustering={"selection": FIXED}, promotion={"keep_versions": 1})

    last = versions(data_root)[-1]
    assert versions(data_root) == [*trained, last]
    assert last != refused


def test_versions_that_are_gone_are_known_and_their_models_if_they_were_in_use(
    trained: list[str], run: Run, data_root: Path, in_project: Path
) -> None:
    run(pipeline="training", clustering={"selection": FIXED})
    *_, refused = versions(data_root)
    records = data_root / "06_models/model_record.json"
    models = {
        one: read(records / one / "model_record.json")["model"] for one in versions(data_root)
    }
    with KedroSession.create(project_path=in_project, env="test") as session:
        store = ModelStore(session.load_context().catalog)
    assert store.fingerprints() == models

    (records / refused / "model_record.json").write_text("{", encoding="utf-8")
    shutil.rmtree(records / trained[0])
    assert store.fingerprints() == models | {refused: None}

    shutil.rmtree(records)
    assert store.fingerprints() == models | {refused: None}


def test_where_the_lineage_is_lost_nothing_is_trained(
    trained: list[str], run: Run, data_root: Path
) -> None:
    (data_root / "06_models/segment_lineage.json").unlink()

    with pytest.raises(ModelMismatchError, match=f"segment_lineage knows nothing of {trained[-1]}"):
        run(pipeline="training")

    assert len(list((data_root / "06_models" / PICKLE).iterdir())) == len(trained)


def test_what_interrupted_runs_have_left_is_removed_after_a_day(
    run: Run, data_root: Path, models: Callable[..., Result]
) -> None:
    run(pipeline="training")
    (first,) = versions(data_root)
    of_today = datetime.now(UTC).strftime("%Y-%m-%dT%H.%M.%S.000Z")
    scorers = data_root / "06_models/segment_scorer.json"
    for left in ("2020-01-01T00.00.00.000Z", of_today):
        shutil.copytree(scorers / first, scorers / left)

    run(pipeline="training", promotion={"keep_versions": 5})

    (second,) = set(versions(data_root)) - {first}
    assert sorted(path.name for path in scorers.iterdir()) == sorted([first, of_today, second])
    assert f"{of_today}" in models("list").output


def test_a_model_that_another_run_is_about_to_judge_or_to_put_in_use_is_not_removed(
    run: Run, data_root: Path
) -> None:
    run(pipeline="training")
    (first,) = versions(data_root)
    times = [datetime.now(UTC) - timedelta(minutes=age) for age in (4, 3, 2, 1)]
    refused, passed, unjudged, newest = (f"{one:%Y-%m-%dT%H.%M.%S}.000Z" for one in times)
    parts = [*(data_root / "06_models").glob("*.json"), data_root / "06_models" / PICKLE]
    for part in (one for one in parts if one.is_dir()):
        for version in (refused, passed, unjudged, newest):
            if part.name != "promotion_report.json" or version in {refused, passed}:
                shutil.copytree(part / first, part / version)
    report = data_root / f"06_models/promotion_report.json/{refused}/promotion_report.json"
    report.write_text(json.dumps(read(report) | {"decision": "refused"}), encoding="utf-8")

    run(pipeline="training", promotion={"keep_versions": 1})

    assert {passed, unjudged, newest} <= set(versions(data_root))
    assert refused not in versions(data_root)


def test_the_model_that_a_late_run_of_an_old_interval_has_judged_stays_until_it_is_reported(
    trained: list[str], in_project: Path, data_root: Path
) -> None:
    old = "2020-01-01T00.00.00.000Z"
    parts = [*(data_root / "06_models").glob("*.json"), data_root / "06_models" / PICKLE]
    for part in (one for one in parts if one.is_dir()):
        shutil.copytree(part / trained[0], part / old)
    report = data_root / f"06_models/promotion_report.json/{old}/promotion_report.json"
    report.write_text(json.dumps(read(report) | {"decision": "refused"}), encoding="utf-8")

    with KedroSession.create(project_path=in_project, env="test") as session:
        store = ModelStore(session.load_context().catalog)
        first, again = store.retain(0, old), store.retain(0)

    assert (first, again) == ([], [old])


def test_a_record_that_cannot_be_read_hides_no_other_model(
    trained: list[str], data_root: Path, models: Callable[..., Result]
) -> None:
    first, second = trained
    place = data_root / f"06_models/model_record.json/{first}/model_record.json"
    for damaged in ("{", "{}"):
        place.write_text(damaged, encoding="utf-8")

        listed = models("list")

        assert listed.exit_code == 0
        assert f"{first} cannot be read: " in listed.output
        assert f"in use  {second}" in listed.output


def test_a_model_is_judged_on_no_other_sessions_than_its_own(
    trained: list[str], data_root: Path, run: Run
) -> None:
    before = (data_root / "06_models/champion.json").read_bytes()
    rows = pd.read_csv(TINY).iloc[:-7]
    rows.to_csv(data_root / "fewer.csv", index=False)
    run(pipeline="data_processing", sessions_file=str(data_root / "fewer.csv"))

    with pytest.raises(ModelMismatchError, match=f"not what model {trained[1]} was trained with"):
        run(pipeline="promotion")

    assert (data_root / "06_models/champion.json").read_bytes() == before


def test_a_model_is_judged_against_no_other_than_it_follows(
    trained: list[str], data_root: Path, run: Run
) -> None:
    before = (data_root / "06_models/champion.json").read_bytes()
    place = data_root / "06_models/predecessor.json"
    place.write_text(json.dumps(read(place) | {"scorer": None}), encoding="utf-8")

    with pytest.raises(ModelMismatchError, match=f"predecessor is not what model {trained[1]}"):
        run(pipeline="promotion")

    assert (data_root / "06_models/champion.json").read_bytes() == before


def test_an_environment_that_moves_models_says_so_once(
    run: Run, data_root: Path, in_project: Path, tmp_path: Path
) -> None:
    conf = tmp_path / "conf"
    shutil.copytree(in_project / "conf", conf)
    moved = {
        name: {"filepath": f"{data_root}/elsewhere/{name}"}
        for name in (
            *("champion", "segmentation_model", "segment_identities", "segment_scorer"),
            *("model_record", "promotion_report", "segment_lineage"),
        )
    }
    (conf / "test/catalog_moved.yml").write_text(yaml.safe_dump(moved), encoding="utf-8")

    for _ in range(2):
        run(conf=str(conf), pipeline="training")

    history = read(data_root / "elsewhere/champion")["history"]
    assert len(history) == 2
    labels = pd.read_parquet(data_root / "07_model_output/session_segments.parquet")
    assert set(labels["model_version"]) == {history[1]["version"]}
    steps = read(data_root / "elsewhere/segment_lineage")["steps"]
    assert [one["based_on"] for one in steps] == [None, history[0]["version"]]
    assert not (data_root / "06_models/champion.json").exists()


def test_the_sample_gives_way_to_ones_own_sessions_and_never_the_other_way(
    run: Run,
    data_root: Path,
    models: Callable[..., Result],
    real_sessions: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    quick = {"sweep": {"k_max": 4, "restarts": 2}, "stability": {"resamples": 0}}
    run(pipeline="training", env="base", clustering=quick)
    sample = state(data_root)

    run(pipeline="training", env="base", clustering=quick, sessions_file=str(real_sessions))

    own = state(data_root)
    assert own != sample
    newest = versions(data_root)[-1]
    assert own == of(newest)
    identities = read(
        data_root / f"06_models/segment_identities.json/{newest}/segment_identities.json"
    )
    assert [one["segment"] for one in identities["segments"]] == [1, 2, 3][
        : len(identities["segments"])
    ]
    assert {one["origin"] for one in identities["segments"]} == {"first"}

    back = models("rollback", "--env", "base")
    assert back.exit_code == 1
    assert "the model of the embedded sample was in use" in caplog.text

    sessions = data_root / "03_primary/valid_sessions.parquet"
    before = sessions.read_bytes()
    with pytest.raises(SettingError, match="is the embedded sample, but the model in use is of"):
        run(pipeline="training", env="base", clustering=quick)

    assert state(data_root) == own
    assert sessions.read_bytes() == before
    assert versions(data_root)[-1] == newest


def test_sessions_kept_out_of_training_are_what_models_are_judged_on(
    run: Run, data_root: Path
) -> None:
    run(pipeline="training", promotion={"evaluation_rows": 0.2})

    (version,) = versions(data_root)
    record = read(data_root / f"06_models/model_record.json/{version}/model_record.json")
    report = read(data_root / f"06_models/promotion_report.json/{version}/promotion_report.json")
    judged = report["evaluation"]
    assert judged["rows"] + record["data"]["rows"] == 494
    assert 60 < judged["rows"] < 140
    assert judged["in_sample"] is False
    labels = pd.read_parquet(data_root / "07_model_output/session_segments.parquet")
    assert len(labels) == 494
