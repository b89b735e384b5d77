"""Datasets that know of model versions: the one in use, and the one that a run makes.

``champion`` is one small file that names the model version in use. Everything
else of a model lies under its version, is written once and never changed, so that
replacing that file is all that a promotion or a rollback does.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import fsspec
from fsspec.implementations.local import LocalFileSystem
from kedro.io import AbstractDataset
from kedro.io.core import Version, get_protocol_and_path
from pydantic import BaseModel, ValidationError

from user_activity_trends.errors import ChampionError, InputFileError, ModelMismatchError
from user_activity_trends.lifecycle.champion import Champion, read_champion
from user_activity_trends.lifecycle.context import RunContext, read_context
from user_activity_trends.lifecycle.in_use import ModelInUse, ReigningChampion
from user_activity_trends.lifecycle.record import ModelRecord
from user_activity_trends.segmentation.alignment import Lineage
from user_activity_trends.segmentation.scorer import SegmentScorer

_REPORT = "promotion_report"

Kind = TypeVar("Kind", bound=BaseModel)


class SmallFile:
    """One small JSON file that several processes may want to change."""

    def __init__(self, filepath: str) -> None:
        """Take a path or an address."""
        protocol, path = get_protocol_and_path(filepath)
        self.path = PurePosixPath(path)
        self._files = fsspec.filesystem(protocol)

    def read(self) -> Any:
        """Return what it holds; None if there is none.

        Raises:
            ChampionError: It is not JSON.
        """
        try:
            with self._files.open(str(self.path), "r", encoding="utf-8") as file:
                return json.load(file)
        except FileNotFoundError:
            return None
        except ValueError as error:
            msg = (
                f"{self.path} is damaged ({error}); restore it. Of champion.json the model that "
                "it should name may also be promoted again: kedro models promote VERSION"
            )
            raise ChampionError(msg) from error

    def write(self, content: BaseModel) -> None:
        """Replace it."""
        self._files.makedirs(str(self.path.parent), exist_ok=True)
        with self._files.open(str(self.path), "w", encoding="utf-8") as file:
            file.write(content.model_dump_json(indent=2))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes out while it is read and replaced; on this machine only."""
        if not isinstance(self._files, LocalFileSystem):  # an object store has no locks
            yield
            return
        folder = Path(self.path.parent)
        folder.mkdir(parents=True, exist_ok=True)
        opened = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(opened, fcntl.LOCK_EX)
            yield
        finally:
            os.close(opened)


class ChampionDataset(AbstractDataset[dict[str, Any], dict[str, Any]]):
    """``champion``: it is replaced only by what was made with regard to what it says."""

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        """Take the path of the file."""
        self._file = SmallFile(filepath)
        self._filepath = self._file.path
        self._protocol = get_protocol_and_path(filepath)[0]
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


class _Named(AbstractDataset[None, Any]):
    """Read-only: what belongs to the version that ``champion`` names."""

    def __init__(
        self,
        *,
        filepath: str,
        files: Mapping[str, dict[str, Any]],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Take the path of ``champion``, and the catalog's entries of what it names."""
        self._file = SmallFile(filepath)
        self._filepath = self._file.path
        self._files = files
        self.metadata = metadata

    def _champion(self) -> Champion | None:
        found = self._file.read()
        return None if found is None else read_champion(found)

    def _dataset(self, name: str, champion: Champion) -> AbstractDataset[Any, Any]:
        """Return the catalog's dataset, at the version that is in use."""
        found: AbstractDataset[Any, Any] = AbstractDataset.from_config(
            name, dict(self._files[name]), load_version=champion.version
        )
        return found

    def _read(self, name: str, champion: Champion) -> Any:
        dataset = self._dataset(name, champion)
        if not dataset.exists():
            msg = (
                f"champion names version {champion.version}, of which there is no {name} "
                f"({self._files[name]['filepath']}/{champion.version}); restore it, or choose "
                "another model: kedro models list, kedro models promote VERSION"
            )
            raise InputFileError(msg)
        return dataset.load()

    def save(self, data: None) -> None:
        """Refuse: models are written under their own names."""
        msg = f"{type(self).__name__} is read-only"
        raise NotImplementedError(msg)

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}


class ModelInUseDataset(_Named):
    """``model_in_use``: the model that ``champion`` names."""

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
        read = {name: self._read(name, champion) for name in self._files if name != _REPORT}
        record = parsed(ModelRecord, "model_record", read["model_record"])
        model = read["segmentation_model"]
        for name, found in (
            ("segmentation_model", fingerprint(model)),
            ("segment_identities", read["segment_identities"].get("model")),
            ("model_record", record.model),
        ):
            _same(name, found, champion)
        return ModelInUse(
            champion, model, read["segment_identities"], record, self._report(champion)
        )

    def _report(self, champion: Champion) -> dict[str, Any]:
        """Return how the model stood before its gates; nothing if it was put in use without."""
        dataset = self._dataset(_REPORT, champion)
        found: dict[str, Any] = dataset.load() if dataset.exists() else {}
        return found

    def _exists(self) -> bool:
        return self._file.read() is not None


class ReigningChampionDataset(_Named):
    """``reigning_champion``: the model in use before this run; there may be none."""

    versioned = True  # so that Kedro says which version this run writes

    def __init__(self, *, version: Version, **kwargs: Any) -> None:
        """Take what Kedro says, and what the other one takes."""
        super().__init__(**kwargs)
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
            "its values are not as they must be; train again (kedro run --pipelines training)"
        )
        raise ModelMismatchError(msg) from error


class LineageDataset(AbstractDataset[dict[str, Any], dict[str, Any]]):
    """``segment_lineage``: models are added to it, none is ever taken away."""

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        """Take the path of the file."""
        self._file = SmallFile(filepath)
        self._filepath = self._file.path
        self._protocol = get_protocol_and_path(filepath)[0]
        self.metadata = metadata

    def load(self) -> dict[str, Any]:
        """Return all steps; none if there is no file."""
        return self._lineage().model_dump(mode="json")

    def save(self, data: dict[str, Any]) -> None:
        """Add the last step of ``data`` to what the file holds by now."""
        step = Lineage.model_validate(data).steps[-1]
        with self._file.locked():
            self._file.write(self._lineage().with_step(step))

    def _lineage(self) -> Lineage:
        return parsed(Lineage, "segment_lineage", self._file.read() or {})

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
        self, *, filepath: str, version: Version, metadata: dict[str, Any] | None = None
    ) -> None:
        """Take the path of the file, and what Kedro says."""
        self._protocol, path = get_protocol_and_path(filepath)
        self._filepath = PurePosixPath(path)
        self._load_version = version.load
        self.files = fsspec.filesystem(self._protocol)
        self.metadata = metadata

    def load(self) -> dict[str, Any]:
        """Return the report on the version that is asked for, or on the newest that has one.

        Raises:
            InputFileError: There is none.
        """
        place = self._place()
        if place is None:
            msg = f"{self._filepath}: there is no report on {self._load_version or 'any model'}"
            raise InputFileError(msg)
        found: dict[str, Any] = SmallFile(f"{self._protocol}://{place}").read()
        return found

    def at(self, version: str) -> "PromotionReportDataset":
        """Return the dataset of the report on one version."""
        return PromotionReportDataset(
            filepath=f"{self._protocol}://{self._filepath}", version=Version(version, None)
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
        self._sessions = ""
        self._parameters: dict[str, Any] = {}
        self._context: RunContext | None = None
        self.metadata = metadata

    def load(self) -> RunContext:
        """Look at the surroundings, once a run."""
        if self._context is None:
            self._context = read_context(
                self._run_version, self._sessions, self._parameters, Path.cwd()
            )
        return self._context

    def tell(self, sessions: str, parameters: dict[str, Any]) -> None:
        """Take what only a run knows: its sessions, after all environments, and its parameters."""
        self._sessions, self._parameters = sessions, parameters

    def save(self, data: None) -> None:
        """Refuse: it is what it is."""
        msg = "run_context is read-only"
        raise NotImplementedError(msg)

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"version": self._run_version}
