"""Agreement of partitions: scikit-learn's index, and overlaps worked out by hand."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from user_activity_trends.segmentation.agreement import adjusted_rand, best_jaccard, contingency


@pytest.mark.parametrize("seed", range(5))
def test_the_adjusted_rand_index_is_that_of_scikit_learn(seed: int) -> None:
    draw = np.random.default_rng(seed)
    one = draw.integers(0, 4, 200)
    other = np.where(draw.random(200) < 0.3, draw.integers(0, 6, 200), one)

    found = adjusted_rand(contingency(one, other, 4, 6))

    assert found == pytest.approx(adjusted_rand_score(one, other), rel=1e-12)
    assert 0.2 < found < 0.9


def test_the_same_partition_under_other_numbers_agrees_fully() -> None:
    one = np.array([0, 0, 1, 2, 2, 2])

    assert adjusted_rand(contingency(one, np.array([2, 1, 0])[one], 3, 3)) == 1


@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 1, 2]])
def test_partitions_that_leave_no_choice_agree(labels: list[int]) -> None:
    one = np.array(labels)

    assert adjusted_rand(contingency(one, one, 3, 3)) == 1


def test_each_cluster_is_found_where_it_overlaps_most() -> None:
    one = np.repeat([0, 1, 2], [6, 4, 2])
    other = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1])

    table = contingency(one, other, 3, 4)

    assert table.tolist() == [[5, 1, 0, 0], [0, 4, 0, 0], [0, 2, 0, 0]]
    assert best_jaccard(table).tolist() == pytest.approx([5 / 6, 4 / 7, 2 / 7])
