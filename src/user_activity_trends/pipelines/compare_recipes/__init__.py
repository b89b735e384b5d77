"""Try several recipes on the same sessions, and measure them by the same criteria."""

from user_activity_trends.pipelines.compare_recipes.pipeline import create_pipeline

__all__ = ["create_pipeline"]
