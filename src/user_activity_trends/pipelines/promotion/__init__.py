"""Let a new model take over only if it is as good as the one in use, and much the same."""

from user_activity_trends.pipelines.promotion.pipeline import create_pipeline

__all__ = ["create_pipeline"]
