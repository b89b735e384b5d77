"""Every error that this project raises on purpose.

A message names the file, column, row or setting, says what was seen there and
what to do about it. The command line prints the message alone, without a
traceback, and exits with 1.
"""

from collections.abc import Iterable


class UserActivityTrendsError(Exception):
    """Root of all errors that the project raises on purpose."""


class SettingError(UserActivityTrendsError):
    """A setting is unknown, has a value that is not accepted, or contradicts another."""


class InputFileError(UserActivityTrendsError):
    """An input file is missing, or cannot be read as a table."""


class ColumnsError(UserActivityTrendsError):
    """Column names are missing from a table, or occur more than once in it."""


class CellsError(UserActivityTrendsError):
    """So many cells break the rules that going on would mislead."""


class DegenerateDataError(UserActivityTrendsError):
    """The sessions do not differ enough to be segmented."""


class NoElbowError(UserActivityTrendsError):
    """The curve of the sum of squared errors has no elbow, and no fallback is configured."""


class UntrustedModelError(UserActivityTrendsError):
    """A model file asks for something that a segmentation model never needs."""


class ModelMismatchError(UserActivityTrendsError):
    """Files that belong to one model are damaged, or come from different training runs."""


class ChampionError(UserActivityTrendsError):
    """Which model is in use cannot be read, or has changed in the meantime."""


class PromotionRefusedError(UserActivityTrendsError):
    """A model was refused, and there is none in use that could go on."""


class MixedRunsError(UserActivityTrendsError):
    """A file that one task of a run hands to another was replaced by another run in between."""


class RealDataError(UserActivityTrendsError):
    """The public data set could not be downloaded, or is not the one expected."""


LASTING = (
    SettingError,
    ColumnsError,
    CellsError,
    DegenerateDataError,
    NoElbowError,
    UntrustedModelError,
    ModelMismatchError,
    ChampionError,
    PromotionRefusedError,
    MixedRunsError,
)
"""Errors that the same run meets again however often it is tried.

The others may pass: a file that is missing may arrive, a store that is away comes back.
"""


def listed(names: Iterable[str]) -> str:
    r"""List names that come from outside; what a terminal would obey is shown escaped.

    >>> listed(["pages", "\x1b[31mred"])
    "pages, '\\x1b[31mred'"
    """
    return ", ".join(name if name.isprintable() else repr(name) for name in names)
