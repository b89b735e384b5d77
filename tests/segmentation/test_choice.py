"""What the sweep found, concluded; the cases of the stage are in its own tests."""

import numpy as np
import pandas as pd

from user_activity_trends.segmentation import evidence, sweep
from user_activity_trends.segmentation.choice import Background, conclude
from user_activity_trends.segmentation.selection import SelectionParams

ELBOW = SelectionParams(method="elbow", n_clusters=None, fallback=None, keep_k=True)


def test_planted_groups_are_chosen_and_columns_are_judged_where_their_meaning_is_known() -> None:
    """Column a tells the outcome, and is there in one period of four only."""
    draw = np.random.default_rng(0)
    groups = np.repeat([0, 1, 2], [60, 60, 60])
    points = np.array([(0.0, 0.1), (0.9, 0.1), (0.0, 0.9)])[groups]
    # Outside its group, a is exactly 0.
    scaled = points + draw.normal(0, 0.02, points.shape) * np.array([0, 1])
    scaled[:, 0] += (groups == 1) * draw.normal(0, 0.02, len(groups))
    sessions = pd.DataFrame(scaled, columns=["a", "b"]).assign(
        bought=groups == 1,
        month=np.where(groups == 1, "May", np.resize(["Jan", "Feb", "Mar"], 180)),
    )
    swept = sweep.sweep(scaled, range(1, 7), 4, 42)
    curve, known = evidence.gather(scaled, ["a", "b"], swept, 0, 42)

    told, silent = (
        conclude(curve, known, ELBOW, 4, Background(sessions, *columns))
        for columns in (("bought", "month"), (None, None))
    )

    assert told["k"] == silent["k"] == 3
    assert [(one["kind"], one["about"]) for one in told["warnings"]] == [
        ("outcome_proxy", "a"),
        ("calendar_artefact", "a"),
    ]
    assert silent["warnings"] == []
    assert {**told, "warnings": []} == silent
