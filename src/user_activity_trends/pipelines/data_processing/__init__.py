"""Check the sessions, set aside the rows that break a rule, and scale the features."""

from user_activity_trends.pipelines.data_processing.pipeline import create_pipeline

__all__ = ["create_pipeline"]
