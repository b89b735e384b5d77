"""How many threads the numerical libraries may use."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit native thread pools to one thread inside a ``with`` block.

    Small fits are several times faster so, and sums are added in one order:
    the same bytes come out whatever the number of cores.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield


@contextmanager
def small_fits() -> Iterator[None]:
    """Make many small fits cheap, and silent where they find fewer clusters than asked for.

    Besides native threads this limits scikit-learn's checks of arguments and of
    finite values, which cost as much as a small fit, on data that are known.
    """
    from sklearn import config_context
    from sklearn.exceptions import ConvergenceWarning

    few_checks = config_context(assume_finite=True, skip_parameter_validation=True)
    with one_thread(), few_checks, warnings.catch_warnings():
        # Whoever asks for k clusters looks at how many there are.
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield
