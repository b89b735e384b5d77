"""Datasets that know of model versions: the one in use, and the one that a run makes.

``champion`` is one small file that names the model version in use. Everything
else of a model lies under its version, is written once and never changed, so that
replacing that file is all that a promotion or a rollback does.
"""

import json
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, TypeVar

import fsspec
from kedro.io import AbstractDataset, CatalogProtocol, DatasetError
from kedro.io.core import Version, get_protocol_and_path
from pydantic import BaseModel, ValidationError

from user_activity_trends.errors import ChampionError, InputFileError, ModelMismatchError
from user_activity_trends.files.small_file import SmallFile
from user_activity_trends.lifecycle.champion import Champion, read_champion
from user_activity_trends.lifecycle.context import RunContext, now, read_context
from user_activity_trends.lifecycle.in_use import ModelInUse, ReigningChampion
from user_activity_trends.lifecycle.record import ModelRecord
from user_activity_trends.segmentation.alignment import Lineage, listed
from user_activity_trends.segmentation.naming import SegmentIdentities
from user_activity_trends.segmentation.scorer import SegmentScorer

Kind = TypeVar("Kind", bound=BaseModel)


class ChampionDataset(AbstractDataset[dict[str, Any], dict[str, Any]]):
    """``champion``: it is replaced only by what was made with regard to what it says."""

    def __init__(
        self,
        *,
        filepath: str,
        credentials: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Take the path of the file, and what its file system is to be opened with."""
        self._file = SmallFile(filepath, credentials, fs_args)
        self._filepath, self._protocol = self._file.path, self._file.protocol
        self.metadata = metadata

    def load(self) -> dict[str, Any]:
        """Return what it says.

        Raises:
            InputFileError: There is no champion.
            ChampionError: The file is damaged.
        """
        found = self._file.read()
        if found is None:
            msg = f"{self._filepath}: there is no champion, so no model is in use; {NO_CHAMPION}"
            raise InputFileError(msg)
        return read_champion(found).model_dump(mode="json")

    def save(self, data: dict[str, Any]) -> None:
        """Replace it, or leave it as it is if it says the same.

        Raises:
            ChampionError: Another promotion or rollback has taken place since
                the champion was read that ``data`` is to succeed.
        """
        new = read_champion(data)
        with self._file.locked():
            found = self._file.read()
            old = None if found is None else read_champion(found)
            if old and old.history[: len(new.history)] == new.history:
                return  # a refused model changes nothing, whatever has happened since
            earlier = old.before(new.version) if old else None
            if (earlier.history if earlier else ()) != new.history[:-1]:
                seen = f"{old.version} is in use since {old.since}" if old else "there is none"
                msg = (
                    "the champion has changed in the meantime, by another run or command: "
                    f"{seen}. Nothing was replaced; model {new.version} was judged against what "
                    "was in use before. Run again, or promote it by hand (kedro models promote)"
                )
                raise ChampionError(msg)
            self._file.write(new)

    def read(self) -> Any:
        """Return what the file holds, unchecked; None if there is none.

        Raises:
            ChampionError: It is not JSON.
        """
        return self._file.read()

    def replace_damaged(self, data: dict[str, Any]) -> None:
        """Put a new file in the place of one that cannot be read."""
        with self._file.locked():
            self._file.write(read_champion(data))

    def _exists(self) -> bool:
        return self._file.read() is not None

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}


NO_CHAMPION = (
    "train one (kedro run --pipelines training). If a run has refused its model, see why "
    "(kedro models list, kedro models show VERSION)"
)


class _Follower(AbstractDataset[None, Any]):
    """Read-only: what other datasets of the catalog hold.

    Where these are is asked of the catalog, not written down again: an environment
    that puts one of them elsewhere says so once.
    """

    followed: ClassVar[tuple[str, ...]]
    """Names of these datasets; where the first is, this one is said to be."""

    def __init__(self, *, metadata: dict[str, Any] | None = None) -> None:
        """Know nothing yet; a hook connects it as soon as there is a catalog."""
        self._datasets: dict[str, Any] = {}
        self.metadata = metadata

    def connect(self, catalog: CatalogProtocol[Any, Any]) -> None:
        """Take the datasets that it follows."""
        self._datasets = {name: catalog[name] for name in self.followed}

    @property
    def _filepath(self) -> PurePosixPath | None:
        first = self._datasets.get(self.followed[0])
        return None if first is None else first._filepath  # noqa: SLF001 (as Kedro names it)

    def save(self, data: None) -> None:  # noqa: ARG002 (as Kedro has it)
        """Refuse: what it shows is written under its own name."""
        msg = f"{type(self).__name__} is read-only"
        raise DatasetError(msg)

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}


class _Named(_Follower):
    """What belongs to the version that ``champion`` names."""

    def _champion(self) -> Champion | None:
        found = self._datasets["champion"].read()
        return None if found is None else read_champion(found)

    def _read(self, name: str, champion: Champion) -> Any:
        dataset = at_version(self._datasets[name], champion.version)
        if not dataset.exists():
            msg = (
                f"champion names version {champion.version}, of which there is no {name} "
                f"({self._datasets[name]._filepath}/{champion.version}); "  # noqa: SLF001
                "restore it, or choose another model: kedro models list, kedro models promote "
                "VERSION. If there is none, begin anew in another DATA_ROOT, so that no id comes "
                "to mean another segment"
            )
            raise InputFileError(msg)
        return load_version(self._datasets[name], name, champion.version)


class ModelInUseDataset(_Named):
    """``model_in_use``: the model that ``champion`` names."""

    followed = (
        "champion",
        "segmentation_model",
        "segment_identities",
        "segment_scorer",
        "model_record",
        "promotion_report",
    )

    def load(self) -> ModelInUse:
        """Read all of it.

        Raises:
            InputFileError: There is no champion, or one of its files is missing.
            ModelMismatchError: Its files belong to different models.
        """
        from user_activity_trends.segmentation.model import fingerprint

        champion = self._champion()
        if champion is None:
            msg = f"{self._filepath}: there is no champion, so no model is in use; {NO_CHAMPION}"
            raise InputFileError(msg)
        model = self._read("segmentation_model", champion)
        named = self._read("segment_identities", champion)
        identities = parsed(SegmentIdentities, "segment_identities", named)
        scorer = parsed(SegmentScorer, "segment_scorer", self._read("segment_scorer", champion))
        record = parsed(ModelRecord, "model_record", self._read("model_record", champion))
        for name, found in (
            ("segmentation_model", fingerprint(model)),
            ("segment_identities", identities.model),
            ("segment_scorer", scorer.model),
            ("model_record", record.model),
        ):
            _same(name, found, champion)
        # Labels do without the scorer, but whoever scores with it must get the same.
        if scorer.version != champion.version or not scorer.is_of(identities):
            msg = (
                f"segment_scorer of version {champion.version} does not label as its "
                "segmentation_model and segment_identities do; restore it, or choose another "
                "model: kedro models list, kedro models promote VERSION"
            )
            raise ModelMismatchError(msg)
        return ModelInUse(champion, model, named, record, self._report(champion))

    def _report(self, champion: Champion) -> dict[str, Any]:
        """Return how the model stood before its gates; nothing if it was put in use without."""
        report = at_version(self._datasets["promotion_report"], champion.version)
        found: dict[str, Any] = report.load() if report.exists() else {}
        return found

    def _exists(self) -> bool:
        return bool(self._datasets["champion"].exists())


class ReigningChampionDataset(_Named):
    """``reigning_champion``: the model in use before this run; there may be none."""

    followed = ("champion", "segment_scorer", "model_record")
    versioned = True  # so that Kedro says which version this run writes

    def __init__(self, *, version: Version, metadata: dict[str, Any] | None = None) -> None:
        """Take what Kedro says."""
        super().__init__(metadata=metadata)
        self._run_version = str(version.save)

    def load(self) -> ReigningChampion:
        """Read its numbers, not its pickle.

        Raises:
            InputFileError: One of its files is missing.
            ModelMismatchError: Its files belong to different models.
        """
        now = self._champion()
        history = now.history if now else ()
        own = next((one.model for one in history if one.version == self._run_version), None)
        champion = now.before(self._run_version) if now else None
        if champion is None:
            return ReigningChampion(own_model=own)
        scorer = parsed(SegmentScorer, "segment_scorer", self._read("segment_scorer", champion))
        record = parsed(ModelRecord, "model_record", self._read("model_record", champion))
        _same("segment_scorer", scorer.model, champion)
        _same("model_record", record.model, champion)
        return ReigningChampion(champion, scorer, record, own)

    def _exists(self) -> bool:
        return True  # that there is none is an answer


class EarlierLineageDataset(_Follower):
    """``earlier_lineage``: what ``segment_lineage`` holds before a run adds to it."""

    followed = ("segment_lineage",)

    def load(self) -> dict[str, Any]:
        """Return all steps; none if there is no file."""
        found: dict[str, Any] = self._datasets["segment_lineage"].load()
        return found

    def _exists(self) -> bool:
        return True  # none is a lineage as well


def at_version(dataset: Any, version: str) -> Any:
    """Return the dataset of the catalog as it reads one version."""
    if isinstance(dataset, PromotionReportDataset):
        return dataset.at(version)
    return dataset._copy(_version=Version(version, None))  # noqa: SLF001 (there is no public way)


def load_version(dataset: Any, name: str, version: str) -> Any:
    """Load one version of a dataset of the catalog.

    Raises:
        ModelMismatchError: Its file is damaged.
    """
    try:
        return at_version(dataset, version).load()
    except DatasetError as error:
        if isinstance(error.__cause__, ModelMismatchError):
            raise error.__cause__ from None
        if not isinstance(error.__cause__, ValueError):
            raise
        msg = (
            f"{name} of version {version} is damaged ({error.__cause__}); restore it, or choose "
            "another model: kedro models list, kedro models promote VERSION"
        )
        raise ModelMismatchError(msg) from error


def _same(name: str, found: str | None, champion: Champion) -> None:
    if found != champion.model:
        msg = (
            f"{name} of version {champion.version} belongs to model {found}, but champion names "
            f"{champion.model}: files were mixed up. Restore it, or choose another model: kedro "
            "models list, kedro models promote VERSION"
        )
        raise ModelMismatchError(msg)


def parsed(kind: type[Kind], name: str, content: Any) -> Kind:
    """Check what the dataset ``name`` holds.

    Raises:
        ModelMismatchError: It is not of that kind.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        msg = (
            f"{name} is damaged or of another version of this project: {error.error_count()} of "
            "its values are not as they must be; restore it, or choose another model: kedro models "
            "list, kedro models promote VERSION"
        )
        raise ModelMismatchError(msg) from error


class LineageDataset(AbstractDataset[dict[str, Any], dict[str, Any]]):
    """``segment_lineage``: models are added to it, none is ever taken away."""

    def __init__(
        self,
        *,
        filepath: str,
        credentials: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Take the path of the file, and what its file system is to be opened with."""
        self._file = SmallFile(filepath, credentials, fs_args)
        self._filepath, self._protocol = self._file.path, self._file.protocol
        self.metadata = metadata

    def load(self) -> dict[str, Any]:
        """Return all steps; none if there is no file."""
        return self._lineage().model_dump(mode="json")

    def save(self, data: dict[str, Any]) -> None:
        """Add the last step of ``data`` to what the file holds by now.

        Raises:
            ChampionError: Another run has given the same new ids since this one read it.
        """
        step = Lineage.model_validate(data).steps[-1]
        with self._file.locked():
            lineage = self._lineage()
            taken = lineage.without(step.version).ids & step.given
            if taken:
                msg = (
                    f"{self._filepath}: another run that went on at the same time has given the "
                    f"ids {listed(sorted(taken))} to segments of its own; run again"
                )
                raise ChampionError(msg)
            self._file.write(lineage.with_step(step))

    def _lineage(self) -> Lineage:
        try:
            return Lineage.model_validate(self._file.read() or {})
        except ValidationError as error:
            msg = (
                f"{self._filepath} is damaged or of another version of this project: "
                f"{error.error_count()} of its values are not as they must be. Restore it; it "
                "says which ids were used, so that none is used again"
            )
            raise ModelMismatchError(msg) from error

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}


class PromotionReportDataset(AbstractDataset[dict[str, Any], dict[str, Any]]):
    """``promotion_report``: it is kept with the model that it is about, not with its run.

    They are the same if one run trains and judges; a stage that runs by itself has
    a version of its own.
    """

    versioned = True  # so that Kedro says which version is to be read

    def __init__(
        self,
        *,
        filepath: str,
        version: Version,
        credentials: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Take the path of the file, what opens its file system, and what Kedro says."""
        self._protocol, path = get_protocol_and_path(filepath)
        self._filepath = PurePosixPath(path)
        self._load_version = version.load
        self._opening = {"credentials": credentials, "fs_args": fs_args}
        self.files = fsspec.filesystem(self._protocol, **(credentials or {}), **(fs_args or {}))
        self.metadata = metadata

    def load(self) -> dict[str, Any]:
        """Return the report on the version that is asked for, or on the newest that has one.

        Raises:
            InputFileError: There is none.
            ModelMismatchError: It is damaged.
        """
        place = self._place()
        if place is None:
            msg = f"{self._filepath}: there is no report on {self._load_version or 'any model'}"
            raise InputFileError(msg)
        try:
            found: dict[str, Any] = SmallFile(f"{self._protocol}://{place}", **self._opening).read()
        except ChampionError as error:
            msg = (
                f"{place} is damaged ({error.__cause__}); restore it, or remove it, and its model "
                "counts as never judged"
            )
            raise ModelMismatchError(msg) from error
        return found

    def at(self, version: str) -> "PromotionReportDataset":
        """Return the dataset of the report on one version."""
        return PromotionReportDataset(
            filepath=f"{self._protocol}://{self._filepath}",
            version=Version(version, None),
            **self._opening,
        )

    def save(self, data: dict[str, Any]) -> None:
        """Write the report to the version of its candidate."""
        place = self._filepath / data["candidate"] / self._filepath.name
        self.files.makedirs(str(place.parent), exist_ok=True)
        with self.files.open(str(place), "w", encoding="utf-8") as file:
            json.dump(data, file, indent=2, ensure_ascii=False, allow_nan=False)
        self._load_version = data["candidate"]  # what was written is what is read back

    def _place(self) -> PurePosixPath | None:
        """Return the file of the version that is asked for, if it is there."""
        self.files.invalidate_cache()
        if self._load_version:
            versions = [self._load_version]
        else:
            try:
                folders = self.files.ls(str(self._filepath), detail=False)
            except FileNotFoundError:
                return None
            versions = sorted((PurePosixPath(one).name for one in folders), reverse=True)
        places = (self._filepath / one / self._filepath.name for one in versions)
        return next((one for one in places if self.files.exists(str(one))), None)

    def _exists(self) -> bool:
        return self._place() is not None

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "version": self._load_version}


class RunContextDataset(AbstractDataset[None, RunContext]):
    """``run_context``: the version that a run writes, when it began, packages and code."""

    versioned = True  # so that Kedro says which version this run writes

    def __init__(self, *, version: Version, metadata: dict[str, Any] | None = None) -> None:
        """Take what Kedro says."""
        self._run_version = str(version.save)
        self._started = now()  # a catalog is made when its run begins
        self._parameters: dict[str, Any] = {}
        self._context: RunContext | None = None
        self.metadata = metadata

    def load(self) -> RunContext:
        """Look at the surroundings, once a run."""
        if self._context is None:
            self._context = read_context(
                self._run_version, self._started, self._parameters, Path.cwd()
            )
        return self._context

    def tell(self, parameters: dict[str, Any]) -> None:
        """Take what only a run knows: its parameters."""
        self._parameters = parameters

    def save(self, data: None) -> None:  # noqa: ARG002 (as Kedro has it)
        """Refuse: it is what it is."""
        msg = "run_context is read-only"
        raise DatasetError(msg)

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"version": self._run_version}
