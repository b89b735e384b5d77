"""Which columns of a table mean what: the typed owner of ``columns`` in the parameters."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Kind = Literal["count", "duration", "amount", "rate", "number"]
"""What a numeric cell may hold: count (0, 1, 2, ...), duration and amount (0 or more),
rate (0 to 1), number (anything finite)."""


PeriodBin = Literal["day", "week", "month"]
"""What dates are taken together by."""


def _as_written(value: Any) -> Any:
    """Take a whole number, which YAML reads where no quotes are, for its digits."""
    return str(value) if type(value) is int else value


Spelling = Annotated[str, BeforeValidator(_as_written)]
"""A value as it stands in the file."""


class ValuesParams(BaseModel):
    """The values that a category may have, in order, and other spellings of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    accepted: tuple[Spelling, ...] = Field((), description="in order; empty accepts any value")
    codes: dict[Spelling, Spelling] = Field({}, description="spelling: what it stands for")


class ColumnsParams(BaseModel):
    """The columns of the table of sessions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str | None = Field(None, description="unique name of a session; null: its position")
    outcome: str | None = Field(None, description="what a session may end in, true or false")
    period: str | None = Field(None, description="when the session was, for instance its month")
    period_bin: PeriodBin | None = Field(
        None, description="the period is a date, taken together by this; null: it is a category"
    )
    user: str | None = Field(None, description="whose session it was, for moves between segments")
    dimensions: tuple[str, ...] = Field((), description="categories to break results down by")
    kinds: dict[str, Kind] = Field({}, description="numeric column: kind; default number")
    values: dict[str, ValuesParams] = Field({}, description="category column: its values")

    @property
    def carried(self) -> list[str]:
        """The columns that go along with the features, by which results are broken down."""
        named = (self.outcome, self.period, self.user, *self.dimensions)
        return [one for one in named if one is not None]

    @model_validator(mode="after")
    def _dimensions_differ(self) -> Self:
        repeated = [name for name in self.dimensions if self.dimensions.count(name) > 1]
        if repeated:
            msg = f"dimensions: {repeated[0]} is named twice; name each column once"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _outcome_is_true_or_false(self) -> Self:
        if self.outcome in self.values and self.values[self.outcome].accepted:
            msg = (
                f"values.{self.outcome}.accepted: the outcome is true or false; "
                "map other spellings under codes"
            )
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _dates_are_no_categories(self) -> Self:
        if self.period_bin and self.period in self.values and self.values[self.period].accepted:
            msg = (
                f"values.{self.period}.accepted: with period_bin: {self.period_bin} the period "
                "is a date; leave the values out, or set period_bin to null"
            )
            raise ValueError(msg)
        return self
