"""Score new sessions with what was learnt in training, and with nothing else."""

from user_activity_trends.pipelines.inference.pipeline import create_pipeline

__all__ = ["create_pipeline"]
