"""``make bench`` says what is too slow, by the median of the wall times."""

from collections.abc import Callable
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def bench(load_benchmark: Callable[[str], ModuleType]) -> ModuleType:
    """Return the benchmark, which is no part of the package."""
    return load_benchmark("run_against_original")


@pytest.mark.parametrize(
    ("quick", "complete", "slow"),
    [
        ([2, 2, 4.02, 9, 9], [10, 10, 10, 99, 99], {"resamples 0": "2.01"}),
        ([2, 2, 4, 4, 4], [1, 1, 10, 10, 10], {}),
        ([2, 2, 3, 3, 9], [1, 9, 11, 12, 99], {"complete": "5.50"}),
        ([5] * 5, [11] * 5, {"resamples 0": "2.50", "complete": "5.50"}),
    ],
)
def test_the_median_of_the_wall_times_is_compared_with_what_is_allowed(
    bench: ModuleType,
    capsys: pytest.CaptureFixture[str],
    quick: list[float],
    complete: list[float],
    slow: dict[str, str],
) -> None:
    rounds = [
        {"resamples 0": (one, 99.0), "complete": (other, 99.0), "original": (2.0, 1.0)}
        for one, other in zip(quick, complete, strict=True)
    ]

    assert bench.AT_MOST == {"resamples 0": 2, "complete": 5}
    assert bench.too_slow(rounds) == [
        (
            f"too slow: kedro run {name} takes {median} times the wall time of the original, "
            f"more than the {bench.AT_MOST[name]:g} allowed"
        )
        for name, median in slow.items()
    ]
    wall = [line for line in capsys.readouterr().out.splitlines() if line.startswith("wall")]
    assert [line.rpartition("; ")[2] for line in wall] == ["at most 2)", "at most 5)"]
