"""Put every session into its segment, and say who the segments are."""

from user_activity_trends.pipelines.labelling.pipeline import create_pipeline

__all__ = ["create_pipeline"]
