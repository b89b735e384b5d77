"""Where inputs and outputs are: resolvers for ``catalog.yml``."""

SAMPLE_SESSIONS = "data/01_raw/sample_sessions.csv"
SAMPLE_NEW_SESSIONS = "data/01_raw/sample_new_sessions.csv"


def output_root(data_root: str, recipe: str) -> str:
    """Return the folder of a recipe's outputs.

    A recipe other than ``base`` has a folder of its own, so that a trial never
    overwrites what is in use.

    >>> output_root("data", "base"), output_root("s3://bucket/x/", "log")
    ('data', 's3://bucket/x/recipes/log')
    """
    root = data_root.rstrip("/") or "/"
    return root if recipe == "base" else f"{root.rstrip('/')}/recipes/{recipe}"


def new_sessions_file(sessions_file: str, given: str | None) -> str | None:
    """Return the file of sessions to score.

    The sample is scored with the sample only: whoever brings sessions of their
    own and no new ones scores nothing.

    >>> new_sessions_file("data/01_raw/sample_sessions.csv", None)
    'data/01_raw/sample_new_sessions.csv'
    >>> new_sessions_file("mine.csv", None) is None
    True
    >>> new_sessions_file("mine.csv", "new.csv")
    'new.csv'
    """
    if given:
        return given
    return SAMPLE_NEW_SESSIONS if sessions_file == SAMPLE_SESSIONS else None
