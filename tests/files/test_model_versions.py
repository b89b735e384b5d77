"""The model in use is whole and consistent, or the error says what is wrong."""

import json
import multiprocessing
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import planted_models
import pytest
from kedro.io import DataCatalog, DatasetError
from kedro.io.core import Version

from user_activity_trends.errors import (
    ChampionError,
    InputFileError,
    ModelMismatchError,
    UserActivityTrendsError,
)
from user_activity_trends.files import atomic
from user_activity_trends.files.model_versions import (
    ChampionDataset,
    EarlierLineageDataset,
    LineageDataset,
    ModelInUseDataset,
    PromotionReportDataset,
    ReigningChampionDataset,
    RunContextDataset,
)
from user_activity_trends.lifecycle.champion import Champion, Reign

atomic.install()


def reign(version: str) -> Reign:
    return Reign(version=version, model="m", since="now", how="promoted", why=f"why {version}")


def first(version: str = "a") -> dict[str, Any]:
    return Champion.first(reign(version)).model_dump(mode="json")


def then(champion: dict[str, Any], version: str) -> dict[str, Any]:
    known = Champion.model_validate(champion)
    return known.succeeded_by(reign(version)).model_dump(mode="json")


def cause(error: pytest.ExceptionInfo[DatasetError]) -> BaseException | None:
    return error.value.__cause__


@pytest.fixture
def champion(tmp_path: Path) -> ChampionDataset:
    return ChampionDataset(filepath=str(tmp_path / "models" / "champion.json"))


def content(dataset: ChampionDataset) -> bytes:
    return Path(str(dataset._filepath)).read_bytes()  # noqa: SLF001


# --- champion -----------------------------------------------------------------------------------


def test_what_was_saved_is_loaded(champion: ChampionDataset) -> None:
    assert not champion.exists()

    champion.save(first())
    champion.save(then(first(), "b"))

    assert champion.exists()
    assert champion.load() == then(first(), "b")


def test_without_a_champion_the_error_says_how_to_get_one(champion: ChampionDataset) -> None:
    with pytest.raises(DatasetError) as refused:
        champion.load()

    assert isinstance(cause(refused), InputFileError)
    assert "there is no champion" in str(cause(refused))
    assert "kedro run --pipelines training" in str(cause(refused))


def test_the_same_again_leaves_the_file_as_it_was(champion: ChampionDataset) -> None:
    champion.save(first())
    before = os.stat(str(champion._filepath))  # noqa: PTH116, SLF001

    champion.save(first())

    after = os.stat(str(champion._filepath))  # noqa: PTH116, SLF001
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@pytest.mark.parametrize(
    "stale",
    [
        pytest.param(first("c"), id="a first one, although there is one"),
        pytest.param(then(first(), "c"), id="a successor of what was in use before"),
        pytest.param(then(then(then(first(), "b"), "x"), "c"), id="a successor of what never was"),
    ],
)
def test_a_model_that_was_judged_against_another_takes_over_from_none(
    champion: ChampionDataset, stale: dict[str, Any]
) -> None:
    champion.save(first())
    champion.save(then(first(), "b"))
    before = content(champion)

    with pytest.raises(DatasetError) as refused:
        champion.save(stale)

    assert isinstance(cause(refused), ChampionError)
    assert "has changed in the meantime" in str(cause(refused))
    assert "b is in use since now" in str(cause(refused))
    assert content(champion) == before


@pytest.mark.parametrize("damaged", [b"", b"{", b"[]", b'{"version": "a"}'])
def test_a_damaged_file_is_neither_trusted_nor_replaced(
    champion: ChampionDataset, damaged: bytes
) -> None:
    champion.save(first())
    Path(str(champion._filepath)).write_bytes(damaged)  # noqa: SLF001

    for call in (champion.load, lambda: champion.save(then(first(), "b"))):
        with pytest.raises(DatasetError) as refused:
            call()
        assert isinstance(cause(refused), ChampionError)
        assert "damaged" in str(cause(refused))
    assert content(champion) == damaged

    champion.replace_damaged(first("c"))

    assert champion.load()["version"] == "c"


def _promote(path: str, version: str, ready: Any, ended: Any) -> None:
    dataset = ChampionDataset(filepath=path)
    before = dataset.load()
    ready.wait()
    try:
        dataset.save(then(before, version))
    except DatasetError as error:
        ended.put((version, type(error.__cause__).__name__))
    else:
        ended.put((version, "promoted"))


def test_of_promotions_at_the_same_time_one_wins_and_the_others_are_told(
    champion: ChampionDataset,
) -> None:
    champion.save(first())
    start = multiprocessing.get_context("fork")
    ready, ended = start.Barrier(8), start.Queue()
    path = str(champion._filepath)  # noqa: SLF001
    processes = [
        start.Process(target=_promote, args=(path, f"v{one}", ready, ended)) for one in range(8)
    ]
    for one in processes:
        one.start()
    found = [ended.get(timeout=60) for _ in processes]
    for one in processes:
        one.join()

    won = [version for version, how in found if how == "promoted"]
    assert len(won) == 1
    assert sorted({how for _, how in found}) == ["ChampionError", "promoted"]
    assert champion.load() == then(first(), won[0])


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 64 KB."""
    place = tmp_path / "small"
    place.mkdir()
    mount = shutil.which("mount")
    done = subprocess.run(
        [mount or "mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)],
        check=False,
        capture_output=True,
        text=True,
    )
    if mount is None or done.returncode:
        pytest.skip(f"this machine cannot have a small file system: {done.stderr}")
    yield place
    subprocess.run([shutil.which("umount") or "umount", str(place)], check=True)


def _fill(file: Path) -> None:
    """Write until the disk is full."""
    opened = os.open(file, os.O_WRONLY | os.O_CREAT)
    with suppress(OSError):
        while True:
            os.write(opened, b"0" * 4096)
    os.close(opened)


def test_on_a_full_disk_the_champion_stays_whole(small_disk: Path) -> None:
    champion = ChampionDataset(filepath=str(small_disk / "champion.json"))
    lineage = LineageDataset(filepath=str(small_disk / "segment_lineage.json"))
    champion.save(first())
    before = content(champion)
    _fill(small_disk / "filler")

    step = {"version": "b", "based_on": None, "segments": [], "retired": []}
    for save in (
        lambda: champion.save(then(first(), "b")),
        lambda: lineage.save({"steps": [step]}),
    ):
        with pytest.raises(DatasetError, match="No space left on device"):
            save()

    assert content(champion) == before
    assert champion.load() == first()
    assert sorted(path.name for path in small_disk.iterdir()) == ["champion.json", "filler"]
    (small_disk / "filler").unlink()
    champion.save(then(first(), "b"))
    assert champion.load()["version"] == "b"


# --- what the champion names ----------------------------------------------------------------------


def plant(root: Path, version: str, model: str = "m") -> None:
    scorer = {
        "version": version,
        "model": model,
        "transform": "none",
        "scaler": "minmax",
        "features": [{"column": "a", "median": None, "center": 0.0, "scale": 1.0}],
        "segments": [
            {
                "segment": 1,
                "segment_name": "one",
                "colour": "#000000",
                "cluster": 0,
                "centroid": [0.5],
            }
        ],
        "distance_limit": 1.0,
    }
    record = planted_models.record(model, version).model_dump(mode="json")
    for name, whole in (("segment_scorer", scorer), ("model_record", record)):
        place = root / f"{name}.json" / version / f"{name}.json"
        place.parent.mkdir(parents=True)
        place.write_text(json.dumps(whole), encoding="utf-8")


def catalog_of(root: Path) -> DataCatalog:
    """Return what a catalog has of models, without those of their own pipelines."""
    json_files: dict[str, dict[str, Any]] = {
        name: {"type": "json.JSONDataset", "filepath": str(root / f"{name}.json")}
        for name in ("segment_scorer", "segment_identities", "segmentation_model", "model_record")
    }
    versioned = {name: one | {"versioned": True} for name, one in json_files.items()}
    own = {
        "champion": {"type": ChampionDataset, "filepath": str(root / "champion.json")},
        "promotion_report": {
            "type": PromotionReportDataset,
            "filepath": str(root / "promotion_report.json"),
            "versioned": True,
        },
        "segment_lineage": {"type": LineageDataset, "filepath": str(root / "lineage.json")},
    }
    return DataCatalog.from_config(versioned | own)


def reigning(root: Path, run: str = "2026-01-09T00.00.00.000Z") -> ReigningChampionDataset:
    dataset = ReigningChampionDataset(version=Version(None, run))
    dataset.connect(catalog_of(root))
    return dataset


A, B = "2026-01-01T00.00.00.000Z", "2026-01-02T00.00.00.000Z"


def test_the_version_that_is_named_is_read_and_not_the_latest(tmp_path: Path) -> None:
    plant(tmp_path, A)
    plant(tmp_path, B)
    ChampionDataset(filepath=str(tmp_path / "champion.json")).save(first(A))

    found = reigning(tmp_path).load()

    assert found.champion is not None
    assert found.scorer is not None
    assert found.record is not None
    assert (found.champion.version, found.scorer.version, found.record.version) == (A, A, A)


def test_a_run_that_is_run_again_follows_what_was_in_use_before_it(tmp_path: Path) -> None:
    plant(tmp_path, A)
    champion = ChampionDataset(filepath=str(tmp_path / "champion.json"))
    champion.save(first(A))
    assert reigning(tmp_path, run=A).load().champion is None
    champion.save(then(first(A), B))

    found = reigning(tmp_path, run=B).load()

    assert found.champion is not None
    assert found.champion.model_dump(mode="json") == first(A)
    champion.save(then(first(A), B))
    assert [one["version"] for one in champion.load()["history"]] == [A, B]


def test_that_no_model_is_in_use_is_an_answer(tmp_path: Path) -> None:
    found = reigning(tmp_path)

    assert found.exists()
    assert (found.load().champion, found.load().scorer) == (None, None)


@pytest.mark.parametrize("name", ["segment_scorer", "model_record"])
def test_files_of_different_models_are_refused(tmp_path: Path, name: str) -> None:
    plant(tmp_path, A)
    ChampionDataset(filepath=str(tmp_path / "champion.json")).save(first(A))
    place = tmp_path / f"{name}.json" / A / f"{name}.json"
    place.write_text(json.dumps(json.loads(place.read_text()) | {"model": "other"}))

    error = _refused(reigning(tmp_path), ModelMismatchError)

    assert f"{name} of version {A} belongs to model other, but champion names m" in error


@pytest.mark.parametrize("name", ["segment_scorer", "model_record"])
def test_a_file_that_is_gone_is_named_with_the_way_out(tmp_path: Path, name: str) -> None:
    plant(tmp_path, A)
    ChampionDataset(filepath=str(tmp_path / "champion.json")).save(first(A))
    shutil.rmtree(tmp_path / f"{name}.json" / A)

    error = _refused(reigning(tmp_path), InputFileError)

    assert f"champion names version {A}, of which there is no {name}" in error
    assert "kedro models promote VERSION" in error


def test_a_damaged_scorer_is_told(tmp_path: Path) -> None:
    plant(tmp_path, A)
    ChampionDataset(filepath=str(tmp_path / "champion.json")).save(first(A))
    (tmp_path / "segment_scorer.json" / A / "segment_scorer.json").write_text("{}")

    assert "segment_scorer is damaged" in _refused(reigning(tmp_path), ModelMismatchError)


def test_without_a_champion_there_is_no_model_in_use(tmp_path: Path) -> None:
    dataset = ModelInUseDataset()
    dataset.connect(catalog_of(tmp_path))

    assert not dataset.exists()
    assert "there is no champion" in _refused(dataset, InputFileError)


def _refused(dataset: Any, kind: type[UserActivityTrendsError]) -> str:
    with pytest.raises(DatasetError) as refused:
        dataset.load()
    assert isinstance(cause(refused), kind)
    return str(cause(refused))


# --- lineage and context ------------------------------------------------------------------------


def test_steps_are_added_to_what_the_file_holds_by_then(tmp_path: Path) -> None:
    one, other = (LineageDataset(filepath=str(tmp_path / "lineage.json")) for _ in range(2))
    assert one.load() == {"steps": []}
    steps = {
        version: {"version": version, "based_on": None, "segments": [], "retired": []}
        for version in "abc"
    }

    one.save({"steps": [steps["a"]]})
    other.save({"steps": [steps["b"]]})
    one.save({"steps": [steps["c"]]})
    one.save({"steps": [steps["c"]]})

    assert [step["version"] for step in one.load()["steps"]] == ["a", "b", "c"]


def test_the_lineage_before_a_run_is_read_where_it_is_written(tmp_path: Path) -> None:
    catalog, earlier = catalog_of(tmp_path), EarlierLineageDataset()
    earlier.connect(catalog)
    assert earlier.load() == {"steps": []}
    step = {"version": "a", "based_on": None, "segments": [], "retired": []}

    catalog["segment_lineage"].save({"steps": [step]})

    assert earlier.load() == {"steps": [step]}


def test_two_runs_at_the_same_time_do_not_give_one_id_to_two_segments(tmp_path: Path) -> None:
    dataset = LineageDataset(filepath=str(tmp_path / "lineage.json"))

    def step(version: str, *segments: tuple[int, str]) -> dict[str, Any]:
        told = {"segment_name": "x", "share": 0.5, "came_from": []}
        made = [told | {"segment": one, "origin": origin} for one, origin in segments]
        return {"version": version, "based_on": None, "segments": made, "retired": []}

    dataset.save({"steps": [step("a", (1, "first"), (2, "first"))]})
    dataset.save({"steps": [step("b", (1, "kept"), (3, "new"))]})
    dataset.save({"steps": [step("b", (1, "kept"), (3, "new"))]})  # a task that is run again
    before = dataset.load()
    with pytest.raises(DatasetError) as refused:
        dataset.save({"steps": [step("c", (1, "kept"), (3, "split"), (4, "new"))]})

    assert isinstance(cause(refused), ChampionError)
    assert "has given the ids 3 to segments of its own; run again" in str(cause(refused))
    assert dataset.load() == before


@pytest.mark.parametrize("damaged", ["{", '{"steps": [{"version": "a"}]}'])
def test_a_damaged_lineage_is_told_by_its_name_and_not_overwritten(
    tmp_path: Path, damaged: str
) -> None:
    place = tmp_path / "lineage.json"
    place.write_text(damaged)
    dataset = LineageDataset(filepath=str(place))
    step = {"version": "a", "based_on": None, "segments": [], "retired": []}

    for call in (dataset.load, lambda: dataset.save({"steps": [step]})):
        with pytest.raises(DatasetError) as refused:
            call()
        told = str(cause(refused))
        assert "lineage.json is damaged" in told
        assert "estore it" in told
    assert place.read_text() == damaged


def test_a_store_that_asks_who_one_is_gets_the_credentials() -> None:
    known: dict[str, Any] = {"credentials": {"key": "k"}, "fs_args": {"asynchronous": False}}
    version = Version(None, A)
    datasets = (
        ChampionDataset(filepath="memory://champion.json", **known),
        LineageDataset(filepath="memory://lineage.json", **known),
        PromotionReportDataset(filepath="memory://report.json", version=version, **known),
    )

    opened = [getattr(one, "files", None) or one._file.files for one in datasets]  # noqa: SLF001

    assert [one.storage_options for one in opened] == [{"key": "k", "asynchronous": False}] * 3
    again = datasets[-1].at(A)
    assert again.files.storage_options == opened[-1].storage_options


def test_a_report_is_kept_with_the_model_that_it_is_about(tmp_path: Path) -> None:
    def dataset(load: str | None = None) -> PromotionReportDataset:
        return PromotionReportDataset(
            filepath=str(tmp_path / "report.json"), version=Version(load, "of another run")
        )

    assert not dataset().exists()
    assert "there is no report on any model" in _refused(dataset(), InputFileError)
    for version in (B, A):
        dataset().save({"candidate": version, "in_words": f"Größe {version}"})

    assert (tmp_path / "report.json" / A / "report.json").exists()
    assert dataset().load()["candidate"] == B
    assert dataset(A).load() == {"candidate": A, "in_words": f"Größe {A}"}
    assert not dataset("2026-01-03T00.00.00.000Z").exists()


def test_a_run_knows_the_version_that_it_writes() -> None:
    dataset = RunContextDataset(version=Version(None, A))

    dataset.tell({"recipe": "log"})

    found = dataset.load()

    assert (found.version, found.parameters) == (A, {"recipe": "log"})
    assert dataset.exists()


@pytest.mark.parametrize(
    "dataset",
    [
        RunContextDataset(version=Version(None, A)),
        ModelInUseDataset(),
        ReigningChampionDataset(version=Version(None, A)),
        EarlierLineageDataset(),
    ],
    ids=lambda one: type(one).__name__,
)
def test_what_is_only_read_cannot_be_saved(dataset: Any) -> None:
    with pytest.raises(DatasetError, match="read-only"):
        dataset.save({})
