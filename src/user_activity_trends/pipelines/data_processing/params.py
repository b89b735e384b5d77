"""The typed owner of ``data_processing`` in the parameters."""

from user_activity_trends.sessions.acceptance import DataProcessingParams

__all__ = ["DataProcessingParams"]
