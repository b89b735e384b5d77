"""Work in threads: in order, with one native thread each, and with nothing left behind."""

import time
import warnings

import numpy as np
import sklearn
from threadpoolctl import threadpool_info

from user_activity_trends.segmentation.fits import fit_quickly
from user_activity_trends.segmentation.threads import in_parallel, one_thread, small_fits


def native_threads(_: object = None) -> set[int]:
    np.ones((2, 2)) @ np.ones((2, 2))
    return {pool["num_threads"] for pool in threadpool_info()}


def test_results_come_in_the_order_of_the_items() -> None:
    def late(item: int) -> int:
        time.sleep(0.02 * (3 - item))
        return item * item

    assert in_parallel(late, range(4), workers=4) == [0, 1, 4, 9]


def test_each_thread_has_one_native_thread_and_few_checks() -> None:
    before = (native_threads(), sklearn.get_config())

    assert in_parallel(native_threads, range(3)) == [{1}] * 3
    found = in_parallel(lambda _: sklearn.get_config()["assume_finite"], range(3))

    assert found == [True] * 3
    assert (native_threads(), sklearn.get_config()) == before


def test_a_fit_that_finds_fewer_clusters_is_silent_inside_and_warned_about_outside() -> None:
    points = np.zeros((5, 2))
    before = list(warnings.filters)

    assert [one.sizes.tolist() for one in in_parallel(lambda s: fit_quickly(points, 2, 1, s), [0])]
    with small_fits():
        fit_quickly(points, 2, 1, 0)

    assert warnings.filters == before


def test_results_do_not_depend_on_the_number_of_threads() -> None:
    points = np.random.default_rng(0).random((500, 4))

    def centers(seed: int) -> bytes:
        return fit_quickly(points, 6, 2, seed).centers.tobytes()

    assert in_parallel(centers, range(4), workers=1) == in_parallel(centers, range(4), workers=4)


def test_the_limit_ends_with_the_block() -> None:
    before = native_threads()

    with one_thread():
        assert native_threads() == {1}

    assert native_threads() == before
