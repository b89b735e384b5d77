"""What each table of ours must look like; the catalog checks it on load and on save.

The columns that users configure are free; tables that users bring are checked
by rules built from the parameters (``user_activity_trends.sessions.rules``).
"""

from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.typing.pandas import Series

from user_activity_trends.segmentation.criteria import FIXED


def _is_finite(table: pd.DataFrame) -> bool:
    numbers = table.select_dtypes("number").to_numpy(dtype=np.float64)
    return bool(np.isfinite(numbers).all())


def _holds(table: pd.DataFrame, low: str, value: str, high: str) -> "bool | pd.Series[bool]":
    """Tell whether each interval that is known holds its value."""
    if value not in table:
        return True
    known = table[[low, value, high]].notna().all(axis=1)
    return ~known | ((table[low] <= table[value]) & (table[value] <= table[high]))


class RejectedSessions(pa.DataFrameModel):
    """One line a defect."""

    class Config:
        """The columns are these and no others."""

        strict = True

    file: Series[str] = pa.Field(coerce=True)
    row: Series[int] = pa.Field(coerce=True, ge=1)
    session_id: Series[str] = pa.Field(coerce=True)
    column: Series[str] = pa.Field(coerce=True)
    value: Series[str] = pa.Field(coerce=True)
    reason: Series[str] = pa.Field(coerce=True, str_length={"min_value": 1})


class Sessions(pa.DataFrameModel):
    """One session a row, known by a unique ``session_id``."""

    session_id: Series[Any] = pa.Field(unique=True, nullable=False)


class ScaledFeatures(Sessions):
    """Sessions whose features are all finite numbers."""

    @pa.dataframe_check
    @classmethod
    def features_are_finite(cls, table: pd.DataFrame) -> bool:
        """Check that no number is missing or infinite."""
        return _is_finite(table)


class ElbowCurve(pa.DataFrameModel):
    """One row a cluster count."""

    k: Series[int] = pa.Field(unique=True, ge=1)
    sse: Series[float] = pa.Field(ge=0)
    silhouette: Series[float] = pa.Field(nullable=True, ge=-1, le=1, coerce=True)
    davies_bouldin: Series[float] = pa.Field(nullable=True, ge=0, coerce=True)
    calinski_harabasz: Series[float] = pa.Field(nullable=True, ge=0, coerce=True)
    smallest_share: Series[float] = pa.Field(gt=0, le=1)
    stability_mean: Series[float] = pa.Field(nullable=True, ge=-1, le=1, coerce=True)
    stability_min: Series[float] = pa.Field(nullable=True, ge=-1, le=1, coerce=True)
    prediction_strength: Series[float] = pa.Field(nullable=True, ge=0, le=1, coerce=True)
    permuted_sse: Series[float] = pa.Field(nullable=True, ge=0, coerce=True)
    permuted_silhouette: Series[float] = pa.Field(nullable=True, ge=-1, le=1, coerce=True)
    permuted_davies_bouldin: Series[float] = pa.Field(nullable=True, ge=0, coerce=True)
    permuted_calinski_harabasz: Series[float] = pa.Field(nullable=True, ge=0, coerce=True)


class SessionSegments(Sessions):
    """The segment of each session."""

    segment: Series[int] = pa.Field(ge=1)
    segment_name: Series[str]
    distance: Series[float] = pa.Field(ge=0)
    margin: Series[float] = pa.Field(ge=0, nullable=True)
    model_version: Series[str]


class SegmentProfiles(pa.DataFrameModel):
    """One row a segment."""

    segment: Series[int] = pa.Field(unique=True, ge=1)
    segment_name: Series[str] = pa.Field(unique=True)
    sessions: Series[int] = pa.Field(ge=1)
    share: Series[float] = pa.Field(ge=0, le=1)
    outcome_rate: Series[float] | None = pa.Field(ge=0, le=1)
    ci_low: Series[float] | None = pa.Field(ge=0, le=1)
    ci_high: Series[float] | None = pa.Field(ge=0, le=1)
    stability: Series[float] = pa.Field(nullable=True, ge=0, le=1, coerce=True)
    rule: Series[str] = pa.Field(nullable=True, coerce=True)
    rule_precision: Series[float] = pa.Field(nullable=True, ge=0, le=1, coerce=True)
    rule_recall: Series[float] = pa.Field(nullable=True, ge=0, le=1, coerce=True)

    @pa.dataframe_check
    @classmethod
    def shares_add_up(cls, table: pd.DataFrame) -> bool:
        """Check that every session is in one segment."""
        return bool(abs(table["share"].sum() - 1) < 1e-9)  # noqa: PLR2004

    @pa.dataframe_check
    @classmethod
    def intervals_hold_rates(cls, table: pd.DataFrame) -> "bool | pd.Series[bool]":
        """Check that each rate is within its interval."""
        return _holds(table, "ci_low", "outcome_rate", "ci_high")


class NewSessionSegments(pa.DataFrameModel):
    """Every new session, scored or with the reason why not; its id may be what is missing."""

    session_id: Series[Any] = pa.Field(nullable=True)

    segment: Series[pd.Int64Dtype] = pa.Field(nullable=True, coerce=True, ge=1)
    segment_name: Series[str] = pa.Field(nullable=True, coerce=True)
    distance: Series[float] = pa.Field(nullable=True, ge=0, coerce=True)
    margin: Series[float] = pa.Field(nullable=True, ge=0, coerce=True)
    unusual: Series[pd.BooleanDtype] = pa.Field(nullable=True, coerce=True)
    reason: Series[str] = pa.Field(nullable=True, coerce=True)
    model_version: Series[str] = pa.Field(coerce=True)

    @pa.dataframe_check
    @classmethod
    def is_scored_or_explained(cls, table: pd.DataFrame) -> "pd.Series[bool]":
        """Check that a session has either a segment or a reason."""
        explained = table["reason"].fillna("") != ""
        return table["segment"].notna() != explained


class TypicalSessions(pa.DataFrameModel):
    """The sessions nearest the centroid of each segment; ``rank`` 1 is the nearest."""

    class Config:
        """A segment has each rank once."""

        unique = ("segment", "rank")

    segment: Series[int] = pa.Field(ge=1)
    segment_name: Series[str]
    rank: Series[int] = pa.Field(ge=1)
    session_id: Series[Any]
    distance: Series[float] = pa.Field(ge=0)


class _Counted(pa.DataFrameModel):
    """Sessions of one segment within a period or a category, and what they ended in."""

    segment: Series[int] = pa.Field(ge=1, coerce=True)
    segment_name: Series[str] = pa.Field(coerce=True)
    sessions: Series[int] = pa.Field(ge=0, coerce=True)
    share: Series[float] = pa.Field(ge=0, le=1, coerce=True)
    share_low: Series[float] = pa.Field(nullable=True, ge=0, le=1, coerce=True)
    share_high: Series[float] = pa.Field(nullable=True, ge=0, le=1, coerce=True)
    conversions: Series[int] | None = pa.Field(ge=0, coerce=True)
    conversion_rate: Series[float] | None = pa.Field(nullable=True, ge=0, le=1, coerce=True)
    ci_low: Series[float] | None = pa.Field(nullable=True, ge=0, le=1, coerce=True)
    ci_high: Series[float] | None = pa.Field(nullable=True, ge=0, le=1, coerce=True)

    @pa.dataframe_check
    @classmethod
    def conversions_are_of_sessions(cls, table: pd.DataFrame) -> "bool | pd.Series[bool]":
        """Check that no more sessions converted than there were."""
        return "conversions" not in table or table["conversions"] <= table["sessions"]

    @pa.dataframe_check
    @classmethod
    def intervals_hold_shares(cls, table: pd.DataFrame) -> "bool | pd.Series[bool]":
        """Check that each share is within its interval."""
        return _holds(table, "share_low", "share", "share_high")

    @pa.dataframe_check
    @classmethod
    def intervals_hold_rates(cls, table: pd.DataFrame) -> "bool | pd.Series[bool]":
        """Check that each rate is within its interval."""
        return _holds(table, "ci_low", "conversion_rate", "ci_high")


class SegmentTrends(_Counted):
    """One row a period and segment, in calendar order."""

    class Config:
        """A period has each segment once."""

        unique = ("period", "segment")

    period: Series[str] = pa.Field(coerce=True)


class SegmentBreakdowns(_Counted):
    """One row a dimension, value and segment."""

    class Config:
        """A value has each segment once."""

        unique = ("dimension", "value", "segment")

    dimension: Series[str] = pa.Field(coerce=True)
    value: Series[str] = pa.Field(coerce=True, nullable=True)


class ConversionChanges(pa.DataFrameModel):
    """The change of the overall conversion from each period to the next: ``mix`` + ``rate``."""

    period_from: Series[str] = pa.Field(coerce=True)
    period_to: Series[str] = pa.Field(coerce=True)
    change: Series[float] = pa.Field(ge=-1, le=1, coerce=True)
    mix: Series[float] = pa.Field(ge=-1, le=1, coerce=True)
    rate: Series[float] = pa.Field(ge=-1, le=1, coerce=True)

    @pa.dataframe_check
    @classmethod
    def parts_add_up(cls, table: pd.DataFrame) -> "pd.Series[bool]":
        """Check that mix and rate make the change."""
        return (table["change"] - table["mix"] - table["rate"]).abs() < 1e-12  # noqa: PLR2004


class TrendTests(pa.DataFrameModel):
    """One row a segment and measure (``share`` or ``conversion_rate``)."""

    class Config:
        """A segment has each test once."""

        unique = ("segment", "measure")

    segment: Series[int] = pa.Field(ge=1, coerce=True)
    segment_name: Series[str] = pa.Field(coerce=True)
    measure: Series[str] = pa.Field(coerce=True, isin=["share", "conversion_rate"])
    periods: Series[int] = pa.Field(ge=3, coerce=True)
    change_per_period: Series[float] = pa.Field(coerce=True)
    effect_size: Series[float] = pa.Field(ge=-1, le=1, coerce=True)
    p_value: Series[float] = pa.Field(ge=0, le=1, coerce=True)


class SegmentMigrations(pa.DataFrameModel):
    """From one session of a user to the next: where users go."""

    class Config:
        """A pair of segments is there once."""

        unique = ("segment_from", "segment_to")

    segment_from: Series[int] = pa.Field(ge=1, coerce=True)
    segment_to: Series[int] = pa.Field(ge=1, coerce=True)
    moves: Series[int] = pa.Field(ge=0, coerce=True)
    share: Series[float] = pa.Field(ge=0, le=1, coerce=True)


class RecipeComparison(pa.DataFrameModel):
    """One row a criterion; the columns that are not named here are the recipes."""

    criterion: Series[str] = pa.Field(unique=True, coerce=True)
    unit: Series[str] = pa.Field(
        coerce=True, isin=["k", "yes or no", "index", "share", "score", "count"]
    )
    wanted: Series[str] = pa.Field(nullable=True, coerce=True, isin=["high", "low", ""])
    tolerance: Series[float] = pa.Field(nullable=True, ge=0, coerce=True)
    compared: Series[bool] = pa.Field(coerce=True)
    better: Series[str] = pa.Field(nullable=True, coerce=True)
    note: Series[str] = pa.Field(coerce=True, str_length={"min_value": 1})

    @pa.dataframe_check
    @classmethod
    def recipes_have_numbers(cls, table: pd.DataFrame) -> bool:
        """Check that two recipes or more are there, with a number or a gap in every row."""
        recipes = table[[name for name in table if name not in FIXED]]
        return recipes.shape[1] > 1 and recipes.select_dtypes("number").shape == recipes.shape

    @pa.dataframe_check
    @classmethod
    def what_is_compared_is_known(cls, table: pd.DataFrame) -> "pd.Series[bool]":
        """Check that a row that decides something lacks no value and says what is wanted."""
        recipes = [name for name in table if name not in FIXED]
        known = table[recipes].notna().all(axis=1) & table["wanted"].isin(["high", "low"])
        return known | ~table["compared"]

    @pa.dataframe_check
    @classmethod
    def better_names_recipes(cls, table: pd.DataFrame) -> bool:
        """Check that only recipes are better, and only where values are compared."""
        recipes = {str(name) for name in table if name not in FIXED}
        named = [{*cell.split(",")} if cell else set() for cell in table["better"].fillna("")]
        return all(
            one <= recipes and (compared or not one)
            for one, compared in zip(named, table["compared"], strict=True)
        )
