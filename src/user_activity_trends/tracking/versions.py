"""What the mirror reads: the model versions that the catalog holds."""

from collections.abc import Sequence
from typing import Any, Protocol


class Reign(Protocol):
    """A model version's time in use."""

    @property
    def version(self) -> str:
        """Return its version."""


class Champion(Reign, Protocol):
    """The model version in use."""

    @property
    def history(self) -> Sequence[Reign]:
        """Return all that were in use, this one as the last."""


class Record(Protocol):
    """What a model version was made of."""

    def model_dump(self, *, mode: str = ...) -> dict[str, Any]:
        """Return it as plain data; ``mode="json"`` for what JSON can hold."""


class Versions(Protocol):
    """The model versions of one recipe."""

    def versions(self) -> list[str]:
        """Return the complete versions, the oldest first."""

    def fingerprints(self) -> dict[str, str | None]:
        """Return every version there ever was, and the fingerprint of its model; None: unknown."""

    def champion(self) -> Champion | None:
        """Return the version in use; None if no model is."""

    def record(self, version: str) -> Record:
        """Return what a version was made of."""

    def load(self, dataset: str, version: str) -> Any:
        """Return what a dataset of the catalog holds for a version."""

    def report(self, version: str) -> dict[str, Any] | None:
        """Return how a version stood before the gates; None if it never did."""
