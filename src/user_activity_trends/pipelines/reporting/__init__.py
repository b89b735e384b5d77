"""Show how the segments move through time, and put all of it on one page."""

from user_activity_trends.pipelines.reporting.pipeline import create_pipeline

__all__ = ["create_pipeline"]
