"""Where inputs and outputs are: the sample, and resolvers for ``conf/``."""

import os

SAMPLE_SESSIONS = "data/01_raw/sample_sessions.csv"
SAMPLE_NEW_SESSIONS = "data/01_raw/sample_new_sessions.csv"


def is_sample(file: str | None) -> bool:
    """Tell whether a file of sessions is the embedded sample, which is nobody's own.

    >>> is_sample("/somewhere/data/01_raw/sample_sessions.csv"), is_sample("sessions.csv")
    (True, False)
    """
    return str(file).endswith(SAMPLE_SESSIONS)


def output_root(data_root: str, recipe: str) -> str:
    """Return the folder of a recipe's outputs.

    A recipe other than ``base`` has a folder of its own, so that a trial never
    overwrites what is in use.

    >>> output_root("data", "base"), output_root("s3://bucket/x/", "log")
    ('data', 's3://bucket/x/recipes/log')
    """
    root = data_root.rstrip("/") or "/"
    return root if recipe == "base" else f"{root.rstrip('/')}/recipes/{recipe}"


def environment_variable(name: str, default: str | None = None) -> str | None:
    """Return an environment variable; one that is empty counts as one that is not set.

    A leading ``~`` is the home folder.
    """
    value = os.environ.get(name)
    return os.path.expanduser(value) if value else default  # noqa: PTH111 (it may be an address)
