"""Which file each figure and table comes from."""

from dataclasses import dataclass

from user_activity_trends.locations import output_root

PATHS = {
    "champion": "06_models/champion.json",
    "promotion_report": "06_models/promotion_report.json",
    "valid_sessions": "03_primary/valid_sessions.parquet",
    "session_segments": "07_model_output/session_segments.parquet",
    "curve_in_use": "07_model_output/curve_in_use.csv",
    "choice_in_use": "07_model_output/choice_in_use.json",
    "segment_profiles": "07_model_output/segment_profiles.csv",
    "typical_sessions": "07_model_output/typical_sessions.csv",
    "rejected_sessions": "02_intermediate/rejected_sessions.csv",
    "data_quality": "08_reporting/data_quality.json",
    "segment_trends": "08_reporting/segment_trends.csv",
    "segment_breakdowns": "08_reporting/segment_breakdowns.csv",
    "conversion_changes": "08_reporting/conversion_changes.csv",
    "trend_tests": "08_reporting/trend_tests.csv",
    "segment_migrations": "08_reporting/segment_migrations.csv",
}
"""Datasets and where they are below the data root, as in the catalog."""


@dataclass(frozen=True)
class Source:
    """A dataset, by its name in the catalog and its path below the data root."""

    name: str
    path: str


def source(dataset: str) -> Source:
    """Return where a dataset is.

    >>> source("segment_trends").path
    '08_reporting/segment_trends.csv'
    """
    return Source(dataset, PATHS[dataset])


def root(recipe: str) -> str:
    """Return the folder that the paths start at, unless ``DATA_ROOT`` says otherwise.

    >>> root("log")
    'data/recipes/log'
    """
    return output_root("data", recipe)
