"""How many threads the numerical libraries may use."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

WORKERS = 1
"""Threads for independent fits. Measured on two cores with 12,330 sessions: two threads take as
long as one and half as much processor time again, since small fits wait for the interpreter."""

Item = TypeVar("Item")
Result = TypeVar("Result")


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
    from sklearn.exceptions import ConvergenceWarning

    with one_thread(), _few_checks(), warnings.catch_warnings():
        # Whoever asks for k clusters looks at how many there are.
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def _few_checks() -> AbstractContextManager[None]:
    from sklearn import config_context

    found: AbstractContextManager[None] = config_context(
        assume_finite=True, skip_parameter_validation=True
    )
    return found


def in_parallel(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int = WORKERS
) -> list[Result]:
    """Do independent pieces of work in a few threads, each as in ``small_fits``.

    Each piece draws from a seed of its own and uses one native thread, so that
    the result is the same whatever the number of threads.

    Args:
        work: Makes a result of an item.
        items: The items.
        workers: Threads.

    Returns:
        The results in the order of the items.
    """

    def alone(item: Item) -> Result:
        # These two belong to a thread (OpenMP's limit, scikit-learn's settings) ...
        with one_thread(), _few_checks():
            return work(item)

    # ... and these to the process (BLAS's limit, warnings): they last until all are done.
    with small_fits(), ThreadPoolExecutor(workers) as pool:
        return list(pool.map(alone, items))
