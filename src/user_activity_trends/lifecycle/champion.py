"""Which model is in use, since when and why; and what was in use before."""

from collections.abc import Sequence
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from user_activity_trends.errors import ChampionError

How = Literal["promoted", "promoted by hand", "rolled back"]


class Reign(BaseModel):
    """One model's time in use."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    model: str
    """Fingerprint of the model."""
    since: str
    """Time in UTC, as ISO 8601."""
    how: How
    why: str
    sample: bool = False
    """Whether the model was trained on the embedded sample, which is nobody's own data."""


class Champion(BaseModel):
    """The model in use, and the ones before it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    model: str
    since: str
    how: How
    why: str
    sample: bool = False
    history: tuple[Reign, ...]
    """All that were in use, the oldest first; the last is the model in use."""

    @model_validator(mode="after")
    def _last_of_history_is_in_use(self) -> Self:
        now = Reign(**{name: getattr(self, name) for name in Reign.model_fields})
        if not self.history or self.history[-1] != now:
            msg = "history does not end with the model in use"
            raise ValueError(msg)
        return self

    @classmethod
    def first(cls, reign: Reign) -> "Champion":
        """Return the champion of a project that had none."""
        return cls(**reign.model_dump(), history=(reign,))

    def succeeded_by(self, reign: Reign) -> "Champion":
        """Return what the file says when another model takes over."""
        return Champion(**reign.model_dump(), history=(*self.history, reign))

    def before(self, version: str) -> "Champion | None":
        """Return what was said before a run put its own model in use; None: nothing was in use.

        Args:
            version: The run's version. A task that is run again must not take what
                its first attempt has put in use for its predecessor.
        """
        history = list(self.history)
        while history and history[-1].version == version:
            history.pop()
        if not history:
            return None
        return Champion(**history[-1].model_dump(), history=tuple(history))

    @property
    def had_own_sessions(self) -> bool:
        """Tell whether a model of one's own sessions has ever been in use."""
        return not all(one.sample for one in self.history)

    def rollback_target(self) -> str | None:
        """Return the version that a rollback goes to; None if nothing was in use before.

        It is the one that the model in use has replaced. Rollbacks that follow
        each other go further and further back; the way forward is a promotion.
        """
        stack = in_order(self.history)
        return stack[-2] if len(stack) > 1 else None


def in_order(history: Sequence[Reign]) -> list[str]:
    """Return the versions that have replaced each other, without those that were rolled back.

    >>> reign = dict(model="m", since="t", why="w")
    >>> a, b, c, back = (Reign(version=v, how=h, **reign) for v, h in
    ...     [("a", "promoted"), ("b", "promoted"), ("c", "promoted"), ("b", "rolled back")])
    >>> in_order([a, b, c, back])
    ['a', 'b']
    """
    stack: list[str] = []
    for one in history:
        if one.how == "rolled back" and one.version in stack:
            del stack[len(stack) - stack[::-1].index(one.version) :]
        elif not stack or stack[-1] != one.version:
            stack.append(one.version)
    return stack


def read_champion(content: Any) -> Champion:
    """Check what the file says.

    Raises:
        ChampionError: It is damaged, or of another version of this project.
    """
    try:
        return Champion.model_validate(content)
    except ValidationError as error:
        msg = (
            f"champion is damaged or of another version of this project: {error.error_count()} of "
            "its values are not as they must be; see which models there are (kedro models list) "
            "and name one: kedro models promote VERSION"
        )
        raise ChampionError(msg) from error
