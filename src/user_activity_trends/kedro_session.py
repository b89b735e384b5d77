"""The project's Kedro session: a plain one whose id is on every log line."""

from typing import Any

from kedro.framework.session import KedroSession

from user_activity_trends import logs


class RunSession(KedroSession):
    """A Kedro session that tells the log which run it is."""

    def __init__(self, session_id: str, **kwargs: Any) -> None:
        logs.set_run_id(session_id)
        super().__init__(session_id=session_id, **kwargs)
