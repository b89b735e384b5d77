"""How many threads the numerical libraries may use."""

from contextlib import AbstractContextManager


def one_thread() -> AbstractContextManager[object]:
    """Limit native thread pools to one thread inside a ``with`` block.

    Small fits are several times faster so, and sums are added in one order:
    the same bytes come out whatever the number of cores.
    """
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[object] = threadpool_limits(limits=1)
    return limits
