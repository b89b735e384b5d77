"""What is shown together must have been labelled together."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from user_activity_trends.errors import ModelMismatchError
from user_activity_trends.lifecycle.record import has_values

_AGAIN = "kedro run --pipelines labelling,reporting"


def check_labels(
    session_segments: pd.DataFrame,
    valid_sessions: pd.DataFrame,
    choice_in_use: Mapping[str, Any],
    version: str,
) -> None:
    """See that segments are of these sessions, by the model in use.

    Args:
        session_segments: The segment of each session.
        valid_sessions: The sessions.
        choice_in_use: Says which sessions were labelled.
        version: Version of the model in use.

    Raises:
        ModelMismatchError: They are of another model, or of other sessions.
    """
    labelled_by = session_segments["model_version"].iloc[0]
    if labelled_by != version:
        msg = (
            f"session_segments was written by model {labelled_by}, but {version} is in use by "
            f"now; label the sessions with it: {_AGAIN}"
        )
        raise ModelMismatchError(msg)
    if "labelled" not in choice_in_use:
        msg = (
            "choice_in_use was written by an earlier version of this project; label your "
            f"sessions again: {_AGAIN}"
        )
        raise ModelMismatchError(msg)
    names = list(choice_in_use["trained_on"]["columns"])
    if not has_values(valid_sessions, names, choice_in_use["labelled"]):
        _of_other_sessions("session_segments")


def check_profiles(segment_profiles: pd.DataFrame, session_segments: pd.DataFrame) -> None:
    """See that profiles are of just these segments.

    Raises:
        ModelMismatchError: They count other sessions.
    """
    counted = session_segments["segment"].value_counts().to_dict()
    profiled = dict(zip(segment_profiles["segment"], segment_profiles["sessions"], strict=True))
    if counted != profiled:
        _of_other_sessions("segment_profiles")


def _of_other_sessions(name: str) -> None:
    msg = (
        f"{name} is of other sessions than valid_sessions, which a later run has read; label "
        f"those: {_AGAIN}"
    )
    raise ModelMismatchError(msg)
