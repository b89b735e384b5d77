"""Where users go: from the segment of one session to that of their next."""

import pandas as pd

_TYPES = {"segment_from": "int64", "segment_to": "int64", "moves": "int64", "share": "float64"}


def count_moves(sessions: pd.DataFrame) -> pd.DataFrame:
    """Count the moves from each session of a user to that user's next one.

    Args:
        sessions: One session a row, in the order of the file: ``user`` (missing
            where it is not known) and ``segment``; and ``place`` of its period in
            the calendar, which goes before the order of the file.

    Returns:
        One row a segment that somebody moved on from and a segment of ``sessions``:
        ``segment_from``, ``segment_to`` (the same where a user stayed), ``moves``,
        ``share`` (of all moves from ``segment_from``).
    """
    ordered = sessions.sort_values("place", kind="stable")
    following = ordered.groupby("user", sort=False)["segment"].shift(-1)
    moved = following.notna()
    left = ordered.loc[moved, "segment"].astype("int64")
    pairs = pd.MultiIndex.from_arrays(
        [left, following[moved].astype("int64")], names=["segment_from", "segment_to"]
    )
    grid = pd.MultiIndex.from_product(
        [sorted(left.unique()), sorted(sessions["segment"].unique())], names=pairs.names
    )
    moves = pd.Series(1, index=pairs).groupby(level=[0, 1]).sum().reindex(grid, fill_value=0)
    found = moves.rename("moves").reset_index()
    found["share"] = found["moves"] / found.groupby("segment_from")["moves"].transform("sum")
    return found[list(_TYPES)].astype(_TYPES)


def no_moves() -> pd.DataFrame:
    """Return the table without any row, each column of its type."""
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in _TYPES.items()})
