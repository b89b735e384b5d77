"""Files of a model that do not belong together, or cannot be read, never come into use."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result
from kedro.io import DatasetError
from tests.project.conftest import loaded

from user_activity_trends.cli import cause_of, cli
from user_activity_trends.errors import (
    CellsError,
    ColumnsError,
    ModelMismatchError,
    PromotionRefusedError,
)

Run = Callable[..., None]
QUICK = {
    "sweep": {"k_min": 2, "k_max": 4, "restarts": 2},
    "stability": {"resamples": 0},
    "selection": {"method": "fixed", "n_clusters": 3},
}
OTHERWISE = "does not label as its segmentation_model and segment_identities do"
TINY = Path(__file__).resolve().parents[1] / "data/tiny_sessions.csv"
PARTS = ("segment_identities", "segment_scorer", "model_record")


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def place(root: Path, name: str) -> Path:
    """Return the file of the one version that there is."""
    (found,) = (root / f"06_models/{name}.json").glob(f"*/{name}.json")
    return found


def change(root: Path, name: str, **values: Any) -> None:
    file = place(root, name)
    file.write_text(json.dumps(read(file) | values), encoding="utf-8")


def spoil(root: Path, entries: str, part: str) -> None:
    """Make one number of the scorer another: in its first segment, or its first feature."""
    first, *others = read(place(root, "segment_scorer"))[entries]
    old = first[part]
    new = [old[0] + 0.5, *old[1:]] if isinstance(old, list) else old + 1
    if part == "segment":
        new = max(one["segment"] for one in others) + 1
    change(root, "segment_scorer", **{entries: [first | {part: new}, *others]})


@pytest.fixture
def models(in_project: Path, after_a_run: Path) -> Callable[..., Result]:
    """Run a command of ``kedro models`` in this process, after one run."""
    assert in_project
    assert after_a_run

    def invoke(*arguments: str) -> Result:
        command, *others = arguments
        return CliRunner().invoke(cli, ["models", command, "--env", "test", *others], obj=loaded())

    return invoke


@pytest.fixture
def models_of_trainings(
    in_project: Path, data_root: Path, request: pytest.FixtureRequest
) -> Callable[..., Result]:
    """Run a command of ``kedro models`` in this process, after the trainings that a test names."""
    assert in_project
    if "tiny_trainings" in request.fixturenames:
        shutil.copytree(request.getfixturevalue("tiny_trainings"), data_root)

    def invoke(*arguments: str) -> Result:
        command, *others = arguments
        return CliRunner().invoke(cli, ["models", command, "--env", "test", *others], obj=loaded())

    return invoke


@pytest.fixture
def models_of_base(in_project: Path, data_root: Path) -> Callable[..., Result]:
    """Run a command of ``kedro models`` in this process, with the settings of ``base``."""
    assert in_project
    assert data_root

    def invoke(*arguments: str) -> Result:
        command, *others = arguments
        return CliRunner().invoke(cli, ["models", command, "--env", "base", *others], obj=loaded())

    return invoke


@pytest.fixture
def champion(after_a_run: Path) -> Path:
    return after_a_run / "06_models/champion.json"


@pytest.mark.parametrize("name", PARTS)
def test_gates_are_asked_of_no_mixture(
    name: str, run: Run, after_a_run: Path, champion: Path
) -> None:
    before = champion.read_bytes()
    change(after_a_run, name, model="0123456789abcdef")

    with pytest.raises(ModelMismatchError, match=f"{name} belongs to model 0123456789abcdef"):
        run(pipeline="promotion")

    assert champion.read_bytes() == before


def test_gates_are_asked_of_no_scorer_of_another_version(
    run: Run, after_a_run: Path, champion: Path
) -> None:
    before = champion.read_bytes()
    change(after_a_run, "segment_scorer", version="2020-01-01T00.00.00.000Z")

    with pytest.raises(ModelMismatchError, match=r"segment_scorer is of version 2020-01-01T"):
        run(pipeline="promotion")

    assert champion.read_bytes() == before


@pytest.mark.parametrize("name", PARTS)
def test_nothing_is_labelled_by_a_mixture(name: str, run: Run, after_a_run: Path) -> None:
    labels = after_a_run / "07_model_output/session_segments.parquet"
    before = labels.read_bytes()
    change(after_a_run, name, model="0123456789abcdef")

    with pytest.raises(DatasetError) as refused:
        run(pipeline="labelling")

    cause = cause_of(refused.value)
    assert isinstance(cause, ModelMismatchError)
    assert f"{name} of version " in str(cause)
    assert "belongs to model 0123456789abcdef, but champion names " in str(cause)
    assert labels.read_bytes() == before


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("command", ["promote", "show"])
def test_a_damaged_part_is_named_and_the_model_in_use_stays(  # noqa: PLR0913, PLR0917 (fixtures)
    command: str,
    name: str,
    models: Callable[..., Result],
    after_a_run: Path,
    champion: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = champion.read_bytes()
    version = read(champion)["version"]
    place(after_a_run, name).write_text("{}", encoding="utf-8")

    done = models(command, version, *(["--force"] if command == "promote" else []))

    assert done.exit_code == 1
    assert f"{name} is damaged" in caplog.text
    assert champion.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "values", "told"),
    [
        *((name, {"model": "0123456789abcdef"}, f"{name} of version") for name in PARTS),
        ("segment_scorer", {"version": "2020-01-01T00.00.00.000Z"}, OTHERWISE),
        ("segment_scorer", {"distance_limit": 0.001}, OTHERWISE),
        ("segment_identities", {"distance_limit": -1.0}, OTHERWISE),
    ],
)
def test_a_mixture_is_not_promoted_by_hand(  # noqa: PLR0913, PLR0917 (fixtures)
    name: str,
    values: dict[str, Any],
    told: str,
    models: Callable[..., Result],
    after_a_run: Path,
    champion: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = champion.read_bytes()
    change(after_a_run, name, **values)

    done = models("promote", read(champion)["version"], "--force", "--no-labels")

    assert done.exit_code == 1
    assert told in caplog.text
    assert champion.read_bytes() == before


@pytest.mark.parametrize(
    ("entries", "part"),
    [
        ("segments", "centroid"),
        ("segments", "segment"),
        ("features", "scale"),
        ("features", "center"),
    ],
)
def test_a_scorer_with_one_other_number_is_neither_promoted_nor_in_use(  # noqa: PLR0913, PLR0917 (fixtures)
    entries: str,
    part: str,
    run: Run,
    models: Callable[..., Result],
    after_a_run: Path,
    champion: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = champion.read_bytes()
    spoil(after_a_run, entries, part)

    done = models("promote", read(champion)["version"], "--force", "--no-labels")
    with pytest.raises(DatasetError) as refused:
        run(pipeline="labelling")

    assert done.exit_code == 1
    assert OTHERWISE in caplog.text
    cause = cause_of(refused.value)
    assert isinstance(cause, ModelMismatchError)
    assert OTHERWISE in str(cause)
    assert champion.read_bytes() == before


@pytest.mark.parametrize("name", PARTS)
def test_a_file_that_is_cut_off_is_named_with_the_way_out(  # noqa: PLR0913, PLR0917 (fixtures)
    name: str,
    run: Run,
    after_a_run: Path,
    models: Callable[..., Result],
    champion: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    version = read(champion)["version"]
    file = place(after_a_run, name)
    file.write_text(file.read_text(encoding="utf-8")[:40], encoding="utf-8")

    assert models("show", version).exit_code == 1
    told = f"{name} of version {version} is damaged"
    assert told in caplog.text
    with pytest.raises(DatasetError) as refused:
        run(pipeline="labelling")
    assert told in str(cause_of(refused.value))
    assert "kedro models promote VERSION" in str(cause_of(refused.value))


def test_a_champion_that_is_not_there_is_told_by_the_list(
    after_a_run: Path, models: Callable[..., Result], champion: Path
) -> None:
    version = read(champion)["version"]
    place(after_a_run, "model_record").write_text("{}", encoding="utf-8")
    assert f"champion names {version}, which is not there or cannot" in models("list").output


def test_the_model_in_use_may_be_promoted_again_for_its_labels(
    after_a_run: Path, models: Callable[..., Result], champion: Path
) -> None:
    before = champion.read_bytes()
    labels = after_a_run / "07_model_output/session_segments.parquet"
    was = labels.read_bytes()
    labels.unlink()

    done = models("promote", read(champion)["version"])

    assert done.exit_code == 0, done.output
    assert champion.read_bytes() == before
    assert labels.read_bytes() == was


def test_a_model_that_was_never_judged_takes_over_without_labels_and_says_so(
    run: Run, after_a_run: Path, models: Callable[..., Result], champion: Path
) -> None:
    version = read(champion)["version"]
    shutil.rmtree(after_a_run / "06_models/promotion_report.json")
    champion.unlink()
    refused = models("promote", version)
    assert refused.exit_code == 1
    assert "never stood before the gates" in refused.output
    assert not champion.exists()

    done = models("promote", version, "--force")

    assert done.exit_code == 0, done.output
    assert read(champion)["version"] == version
    assert "a run of your sessions, since there is no promotion_report" in done.output
    run(pipeline="inference")
    scored = list((after_a_run / "07_model_output/new_session_segments.csv").glob("*/*.csv"))
    assert len(scored) == 2


def test_a_report_that_is_damaged_hides_no_model_and_is_named_with_the_way_out(
    models: Callable[..., Result],
    after_a_run: Path,
    champion: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    version = read(champion)["version"]
    for damaged in ("{", "{}"):
        place(after_a_run, "promotion_report").write_text(damaged, encoding="utf-8")

        listed = models("list")
        forced = models("promote", version, "--force")

        assert listed.exit_code == 0
        assert f"{version} cannot be read: " in listed.output
        assert forced.exit_code == 1
        (told,) = [one for one in caplog.messages if "promotion_report.json is damaged" in one]
        assert "remove it, and its model counts as never judged" in told
        caplog.clear()

    place(after_a_run, "promotion_report").unlink()
    assert models("promote", version, "--force").exit_code == 0


def test_sessions_that_lack_what_the_configuration_names_stop_a_command_before_it_changes_anything(
    run: Run,
    tiny_trainings: Path,
    data_root: Path,
    models_of_trainings: Callable[..., Result],
) -> None:
    champion = data_root / "06_models/champion.json"
    before = champion.read_bytes()
    sessions = data_root / "03_primary/valid_sessions.parquet"
    pd.read_parquet(sessions).drop(columns="VisitorType").to_parquet(sessions)

    done = models_of_trainings("rollback")
    with pytest.raises(ColumnsError, match="lack VisitorType, which columns in"):
        run(pipeline="labelling")

    assert tiny_trainings
    assert done.exit_code == 1
    assert "names VisitorType, which the sessions of the last run lack" in done.output
    assert champion.read_bytes() == before
    assert models_of_trainings("rollback", "--no-labels").exit_code == 0


def test_a_model_is_not_trained_on_sessions_whose_file_is_not_known(
    run: Run, after_a_run: Path, champion: Path, tmp_path: Path
) -> None:
    assert after_a_run
    before = champion.read_bytes()
    lines = TINY.read_text(encoding="utf-8").splitlines()
    damaged = [lines[0], *(line.replace(",", ",x", 1) for line in lines[1:])]
    other = tmp_path / "other.csv"
    other.write_text("\n".join(damaged), encoding="utf-8")
    with pytest.raises(CellsError):
        run(pipeline="training", sessions_file=str(other))

    for pipeline in ("clustering", "promotion"):
        with pytest.raises(ModelMismatchError, match=r"data_quality is about .*other\.csv, but"):
            run(pipeline=pipeline)

    assert champion.read_bytes() == before


def test_of_two_models_from_before_any_was_in_use_one_may_be_promoted(
    run: Run,
    data_root: Path,
    models_of_trainings: Callable[..., Result],
    caplog: pytest.LogCaptureFixture,
) -> None:
    for k in (3, 2):
        with pytest.raises(PromotionRefusedError):
            run(
                pipeline="training",
                promotion={"gates": {"minimum_rows": 10_000}},
                clustering={"selection": {"method": "fixed", "n_clusters": k}},
            )
    records = data_root / "06_models/model_record.json"
    first, second = sorted(one.name for one in records.iterdir())
    assert models_of_trainings("promote", first, "--force", "--no-labels").exit_code == 0

    refused = models_of_trainings("promote", second, "--force", "--no-labels")
    assert "go back to different first models, so the segments 1 and 2" in caplog.text
    again = models_of_trainings("promote", first, "--force", "--no-labels")

    assert refused.exit_code == 1
    assert read(data_root / "06_models/champion.json")["version"] == first
    assert again.exit_code == 0


def test_a_model_whose_record_is_lost_can_be_left_behind(
    tiny_trainings: Path, data_root: Path, models_of_trainings: Callable[..., Result]
) -> None:
    assert tiny_trainings
    champion = data_root / "06_models/champion.json"
    lost = read(champion)["version"]
    shutil.rmtree(data_root / f"06_models/model_record.json/{lost}")

    done = models_of_trainings("rollback")

    assert done.exit_code == 0, done.output
    version = read(champion)["version"]
    assert version != lost
    labels = pd.read_parquet(data_root / "07_model_output/session_segments.parquet")
    assert set(labels["model_version"]) == {version}


def test_where_what_was_in_use_is_forgotten_a_forerunner_may_be_promoted(
    tiny_trainings: Path, data_root: Path, models_of_trainings: Callable[..., Result]
) -> None:
    assert tiny_trainings
    champion = data_root / "06_models/champion.json"
    first, second = (one["version"] for one in read(champion)["history"])
    champion.write_text("{", encoding="utf-8")

    assert models_of_trainings("promote", second, "--no-labels").exit_code == 0
    assert models_of_trainings("promote", first, "--no-labels").exit_code == 0
    assert read(champion)["version"] == first


def test_stages_by_themselves_know_whose_the_sessions_are(
    run: Run, data_root: Path, tmp_path: Path, in_project: Path
) -> None:
    own = tmp_path / "own.csv"
    shutil.copy(in_project / "tests/data/tiny_sessions.csv", own)
    run(env="base", pipeline="data_processing", sessions_file=str(own))

    for stage in ("clustering", "promotion", "labelling", "inference"):
        run(env="base", pipeline=stage, clustering=QUICK)

    record = read(place(data_root, "model_record"))
    assert (record["data"]["file"], record["data"]["sample"]) == (str(own), False)
    assert read(data_root / "06_models/champion.json")["sample"] is False
    (scored,) = (data_root / "07_model_output/new_session_segments.csv").glob("*/*.csv")
    assert len(pd.read_csv(scored)) == 0  # the embedded new sessions are for the sample


def test_the_sample_comes_back_by_force_only_and_takes_no_ids(
    run: Run,
    data_root: Path,
    models_of_base: Callable[..., Result],
    in_project: Path,
    tmp_path: Path,
) -> None:
    own = tmp_path / "own.csv"
    shutil.copy(in_project / "tests/data/tiny_sessions.csv", own)
    champion = data_root / "06_models/champion.json"
    run(env="base", pipeline="training", clustering=QUICK)
    sample = read(champion)["version"]
    run(env="base", pipeline="training", clustering=QUICK, sessions_file=str(own))
    first = read(champion)["version"]

    refused = models_of_base("promote", sample)
    assert refused.exit_code == 1
    assert "was trained on the embedded sample" in refused.output
    assert read(champion)["version"] == first
    assert models_of_base("promote", sample, "--force", "--no-labels").exit_code == 0
    run(env="base", pipeline="training", clustering=QUICK, sessions_file=str(own))

    second = read(champion)["version"]
    ids = [
        {
            one["segment"]
            for one in read(
                data_root / f"06_models/segment_identities.json/{of}/segment_identities.json"
            )["segments"]
        }
        for of in (first, second)
    ]
    assert second not in {sample, first}
    assert ids[0].isdisjoint(ids[1])


def test_models_that_are_not_alike_are_compared_as_far_as_possible(
    run: Run, after_a_run: Path, models: Callable[..., Result], champion: Path
) -> None:
    first = read(champion)["version"]
    columns = {"base": {"columns": ["BounceRates", "ExitRates"]}}
    run(pipeline="training", recipes=columns, promotion={"allow_new_segments": True})
    (second,) = {path.name for path in (after_a_run / "06_models/model_record.json").iterdir()} - {
        first
    }

    told = models("compare", first, second).output

    assert "recipes.base.columns" in told
    assert "promotion.allow_new_segments False True" in " ".join(told.split())
    sessions = after_a_run / "03_primary/valid_sessions.parquet"
    pd.read_parquet(sessions).drop(columns="ExitRates").to_parquet(sessions)
    lacking = models("compare", first, second).output
    assert "Not compared on the sessions of the last run: they lack " in lacking
    assert "ExitRates" in lacking
    sessions.unlink()
    none = models("compare", first, second).output
    assert "Not compared on the sessions of the last run: there are none." in none
