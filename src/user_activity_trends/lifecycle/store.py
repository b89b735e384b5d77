"""All model versions that the catalog holds, and the change of the one in use."""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Any

from kedro.io import CatalogProtocol
from kedro.io.core import DatasetError
from pydantic import ValidationError

from user_activity_trends.errors import ChampionError, InputFileError, ModelMismatchError
from user_activity_trends.files.atomic import VERSION
from user_activity_trends.files.model_versions import (
    ChampionDataset,
    PromotionReportDataset,
    load_version,
    parsed,
)
from user_activity_trends.lifecycle.champion import Champion, How, Reign, in_order, read_champion
from user_activity_trends.lifecycle.context import now
from user_activity_trends.lifecycle.judgement import Report
from user_activity_trends.lifecycle.record import ModelRecord
from user_activity_trends.segmentation.alignment import Lineage, listed
from user_activity_trends.segmentation.model import fingerprint
from user_activity_trends.segmentation.naming import SegmentIdentities
from user_activity_trends.segmentation.scorer import SegmentScorer

MODEL = (
    "segmentation_model",
    "segment_identities",
    "training_metrics",
    "segment_scorer",
    "model_record",
)
"""Datasets without which a version is no model."""
REPORT = "promotion_report"
"""Dataset that says how it stood before the gates; written last."""


_ABANDONED = timedelta(days=1)


def _abandoned_before() -> str:
    """Return the version from which on a run may be going on; older ones ended, some way."""
    return _as_version(datetime.now(UTC) - _ABANDONED)


def _as_version(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H.%M.%S.000Z")


class ModelStore:
    """The versions of one recipe's model."""

    def __init__(self, catalog: CatalogProtocol[Any, Any]) -> None:
        """Take the catalog of the recipe."""
        self._catalog = catalog

    def versions(self) -> list[str]:
        """Return the versions that are whole, the oldest first."""
        return sorted(set.intersection(*(set(self._saved(name)) for name in MODEL)))

    def fingerprints(self) -> dict[str, str | None]:
        """Return every version that was ever trained, and the fingerprint of its model.

        Returns:
            None as the fingerprint of a version that was never in use and is removed, or
            cannot be read.

        Raises:
            ChampionError: ``champion`` is damaged.
            ModelMismatchError: ``segment_lineage`` is damaged.
        """
        lineage = Lineage.model_validate(self._catalog["segment_lineage"].load())
        champion = self.champion()
        complete = self.versions()
        found: dict[str, str | None] = dict.fromkeys(one.version for one in lineage.steps)
        found |= dict.fromkeys(complete)
        found |= {one.version: one.model for one in (champion.history if champion else ())}
        for version in complete:
            with suppress(ModelMismatchError, DatasetError, InputFileError):
                found[version] = self.record(version).model
        return found

    def incomplete(self) -> list[str]:
        """Return the versions of which a part is missing, since their run was interrupted."""
        any_part = set().union(*(self._saved(name) for name in MODEL))
        return sorted(any_part - set(self.versions()))

    def missing(self, version: str) -> list[str]:
        """Name the datasets of which a version has no file."""
        return [name for name in MODEL if not self._has(name, version)]

    def champion(self) -> Champion | None:
        """Return which model is in use; None if none is.

        Raises:
            ChampionError: ``champion`` is damaged.
        """
        found = self._champion.read()
        return None if found is None else read_champion(found)

    def load(self, dataset: str, version: str) -> Any:
        """Load what one dataset holds of one version.

        Raises:
            InputFileError: There is nothing of that version.
        """
        self._must_have(dataset, version)
        return load_version(self._catalog[dataset], dataset, version)

    def record(self, version: str) -> ModelRecord:
        """Return what a version was made of."""
        return parsed(ModelRecord, "model_record", self.load("model_record", version))

    def scorer(self, version: str) -> SegmentScorer:
        """Return a version as numbers."""
        return parsed(SegmentScorer, "segment_scorer", self.load("segment_scorer", version))

    def identities(self, version: str) -> SegmentIdentities:
        """Return what a version's clusters are called."""
        found = self.load("segment_identities", version)
        return parsed(SegmentIdentities, "segment_identities", found)

    def report(self, version: str) -> dict[str, Any] | None:
        """Return how a version stood before the gates; None if it never did.

        Raises:
            ModelMismatchError: What says so is damaged.
        """
        if not self._has(REPORT, version):
            return None
        found: dict[str, Any] = self.load(REPORT, version)
        try:
            Report.model_validate(found)
        except ValidationError as error:
            path = self._files(REPORT)[1]
            msg = (
                f"{path}/{version}/{path.name} is damaged: {error.error_count()} of its values are "
                "not as they must be; restore it, or remove it, and its model counts as never "
                "judged"
            )
            raise ModelMismatchError(msg) from error
        return found

    def promote(self, version: str, how: How, why: str) -> Champion:
        """Put a version in use.

        Args:
            version: A version that is whole.
            how: Whether somebody promotes it, or goes back to it.
            why: For people.

        Returns:
            What ``champion`` says now; what it said before, if that names the version.

        Raises:
            InputFileError: There is no such version, or a part of it is missing.
            ModelMismatchError: Its parts belong to different models, or its ids mean other
                segments than those of the model in use.
            ChampionError: The champion has changed while this was going on.
        """
        reign = Reign(
            version=version,
            model=self._check(version),
            since=now(),
            how=how,
            why=why,
            sample=self.record(version).data.sample,
        )
        try:
            old = self.champion()
        except ChampionError:
            new = Champion.first(reign)
            self._champion.replace_damaged(new.model_dump(mode="json"))
            return new
        if old is not None and old.version == version:
            return old
        if old is not None:
            self._must_not_reuse_ids(version, old)
        new = Champion.first(reign) if old is None else old.succeeded_by(reign)
        self._champion_saved(new)
        return new

    def rollback_target(self) -> str:
        """Return the version that the one in use has replaced.

        Raises:
            ChampionError: There is none.
        """
        champion = self.champion()
        if champion is None:
            msg = "there is no champion, so there is nothing to roll back"
            raise ChampionError(msg)
        target = champion.rollback_target()
        if target is None:
            msg = (
                f"{champion.version} has replaced no other model, so there is nothing to go back "
                "to; kedro models list shows what there is, kedro models promote VERSION chooses"
            )
            raise ChampionError(msg)
        of_the_sample = {one.version: one.sample for one in champion.history}
        if of_the_sample[target] and not champion.sample:
            msg = (
                f"before {champion.version} the model of the embedded sample was in use, which is "
                f"not for sessions of your own; if you want it all the same: kedro models promote "
                f"{target} --force"
            )
            raise ChampionError(msg)
        return target

    def rollback(self, why: str) -> Champion:
        """Put that version in use which the one in use has replaced; see ``promote``."""
        return self.promote(self.rollback_target(), "rolled back", why)

    def retain(self, newest: int, judged: str | None = None) -> list[str]:
        """Remove old versions, and what runs that were interrupted have left.

        The champion stays, and so does the one that a rollback would go back to. What
        is incomplete, was never judged, or has passed and was never in use stays for a
        day: its run may be going on, and about to put it in use.

        Args:
            newest: Versions to keep besides those, the newest.
            judged: The version that the calling run has judged, which stays as well.

        Returns:
            The versions that were removed, the oldest first.
        """
        champion = self.champion()
        history = champion.history if champion else ()
        needed = {*in_order(history)[-2:]}
        others = [one for one in self.versions() if one not in needed]
        oldest = others[: max(len(others) - newest, 0)]
        ended = _abandoned_before()
        done = [one for one in oldest if self._is_done(one, ended, history)]
        left = [one for one in self.incomplete() if one < ended]
        removed = sorted({*done, *left} - needed - {judged})
        for version in removed:
            # The record goes first: without it, the version is incomplete and no model.
            for name in ("model_record", *MODEL, REPORT):
                files, place = self._files(name)
                with suppress(FileNotFoundError):
                    files.rm(str(place / version), recursive=True)
        return removed

    def _is_done(self, version: str, ended: str, history: Sequence[Reign]) -> bool:
        """Tell whether no run goes on that makes a version, or puts it in use."""
        try:
            report = self.report(version)
            trained = datetime.fromisoformat(self.record(version).trained)
        except (ModelMismatchError, DatasetError, InputFileError):
            return version < ended  # it cannot be read, or is being removed
        # The version of an orchestrated run is its interval's, which may be long ago.
        started = max(version, _as_version(trained))
        if started < ended or any(one.version == version for one in history):
            return True
        return report is not None and report["decision"] == "refused"

    def _must_not_reuse_ids(self, version: str, old: Champion) -> None:
        """Refuse a model that follows from none of one's own in use, but has ids of theirs."""
        own = [one.version for one in old.history if not one.sample]
        known = {one.version for one in old.history}
        if not own or version in known or self.record(version).data.sample:
            return
        lineage = Lineage.model_validate(self._catalog["segment_lineage"].load())
        shared = lineage.shares(version).keys() & lineage.shares(own[-1]).keys()
        if shared and lineage.root(version) != lineage.root(own[-1]):
            msg = (
                f"{version} and {own[-1]} go back to different first models, so the segments "
                f"{listed(sorted(shared))} are not the same in both, and their ids would mean "
                "other sessions. The model in use stays; train again, which goes on from it"
            )
            raise ModelMismatchError(msg)

    @property
    def _champion(self) -> ChampionDataset:
        found = self._catalog["champion"]
        if not isinstance(found, ChampionDataset):
            msg = "champion in catalog.yml must be of type ChampionDataset"
            raise TypeError(msg)
        return found

    def _champion_saved(self, new: Champion) -> None:
        try:
            self._champion.save(new.model_dump(mode="json"))
        except DatasetError as error:  # Kedro wraps what a dataset raises
            if isinstance(error.__cause__, ChampionError):
                raise error.__cause__ from None
            raise

    def _files(self, name: str) -> tuple[Any, PurePosixPath]:
        """Return the file system of a dataset, and its place there."""
        dataset = self._catalog[name]
        own = isinstance(dataset, PromotionReportDataset)
        # Kedro has no public names for them.
        files = dataset.files if own else dataset._fs  # noqa: SLF001
        return files, PurePosixPath(dataset._filepath)  # noqa: SLF001

    def _saved(self, name: str) -> list[str]:
        """Return the versions that one dataset has."""
        files, path = self._files(name)
        files.invalidate_cache()
        try:
            folders: Iterable[str] = files.ls(str(path), detail=False)
        except FileNotFoundError:
            return []
        names = (PurePosixPath(folder).name for folder in folders)
        versions = (one for one in names if re.fullmatch(VERSION, one))
        return [one for one in versions if files.exists(str(path / one / path.name))]

    def _has(self, name: str, version: str) -> bool:
        """Tell whether one dataset has a version; what is no version has no place to look at."""
        files, path = self._files(name)
        known = re.fullmatch(VERSION, version) is not None
        return known and bool(files.exists(str(path / version / path.name)))

    def _must_have(self, name: str, version: str) -> None:
        if not self._has(name, version):
            known = ", ".join(self.versions()[-3:]) or "none"
            msg = (
                f"there is no {name} of version {version} in {self._files(name)[1]}; the newest "
                f"models are: {known} (kedro models list; --recipe, --env and DATA_ROOT say whose)"
            )
            raise InputFileError(msg)

    def _check(self, version: str) -> str:
        """See that all parts of a version are there and of one model; return its fingerprint."""
        parts = {name: self.load(name, version) for name in MODEL}
        own = fingerprint(parts["segmentation_model"])
        identities = parsed(SegmentIdentities, "segment_identities", parts["segment_identities"])
        scorer = parsed(SegmentScorer, "segment_scorer", parts["segment_scorer"])
        record = parsed(ModelRecord, "model_record", parts["model_record"])
        for name, model in (
            ("segment_identities", identities.model),
            ("segment_scorer", scorer.model),
            ("model_record", record.model),
        ):
            if model != own:
                msg = (
                    f"{name} of version {version} belongs to model {model}, but its "
                    f"segmentation_model is {own}; restore the files, or choose another version. "
                    "The model in use stays"
                )
                raise ModelMismatchError(msg)
        if scorer.version != version or not scorer.is_of(identities):
            msg = (
                f"segment_scorer of version {version} does not label as its segmentation_model and "
                "segment_identities do; restore the files, or choose another version. The model in "
                "use stays"
            )
            raise ModelMismatchError(msg)
        return own
