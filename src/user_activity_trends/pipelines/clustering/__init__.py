"""Find how many segments there are, train the model, and name them."""

from user_activity_trends.pipelines.clustering.pipeline import create_pipeline

__all__ = ["create_pipeline"]
