"""Fits in one native thread, with few checks, and with nothing left behind."""

import warnings

import numpy as np
import pytest
import sklearn
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_info

from user_activity_trends.segmentation.fits import fit_quickly
from user_activity_trends.segmentation.threads import one_thread, small_fits


def native_threads() -> set[int]:
    np.ones((2, 2)) @ np.ones((2, 2))
    return {pool["num_threads"] for pool in threadpool_info()}


def test_small_fits_have_one_native_thread_and_few_checks() -> None:
    before = (native_threads(), sklearn.get_config())

    with small_fits():
        assert native_threads() == {1}
        assert sklearn.get_config()["assume_finite"]
        assert sklearn.get_config()["skip_parameter_validation"]

    assert (native_threads(), sklearn.get_config()) == before


def test_a_fit_that_finds_fewer_clusters_is_silent_inside_and_warned_about_outside() -> None:
    points = np.zeros((5, 2))
    before = list(warnings.filters)

    with small_fits():
        fit_quickly(points, 2, 1, 0)

    assert warnings.filters == before
    with pytest.warns(ConvergenceWarning):
        fit_quickly(points, 2, 1, 0)


def test_the_limit_ends_with_the_block() -> None:
    before = native_threads()

    with one_thread():
        assert native_threads() == {1}

    assert native_threads() == before
