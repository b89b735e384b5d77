"""A planted rule is found, told in words, and the words are as true as they are said to be."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from user_activity_trends.segmentation import rules_in_words
from user_activity_trends.segmentation.rules_in_words import describe_segments

COLUMNS = ["segment", "rule", "rule_precision", "rule_recall"]


def described(features: dict[str, Any], segments: Any) -> pd.DataFrame:
    found = describe_segments(pd.DataFrame(features), np.asarray(segments))
    assert list(found.columns) == COLUMNS
    return found.set_index("segment")


def keeping(rule: str, features: pd.DataFrame) -> NDArray[np.bool_]:
    """Read a rule as a person does, and return which sessions keep it."""
    kept = np.ones(len(features), dtype=bool)
    number = r"(-?[0-9,.]+(?:e[+-]?[0-9]+)?)"
    told = re.split(r", | and ", rule)
    for part in told:
        for pattern, keeps in (
            (f"(.+) above {number} up to {number}", lambda x, low, high: (x > low) & (x <= high)),
            (f"(.+) from {number} to {number}", lambda x, low, high: (x >= low) & (x <= high)),
            (f"(.+) exactly {number}", lambda x, only: x == only),
            (f"(.+) at least {number}", lambda x, low: x >= low),
            (f"(.+) above {number}", lambda x, low: x > low),
            (f"(.+) at most {number}", lambda x, high: x <= high),
        ):
            if found := re.fullmatch(pattern, part):
                name, *limits = found.groups()
                kept &= keeps(features[name], *(float(one.replace(",", "")) for one in limits))
                break
        else:
            pytest.fail(f"nobody understands {part!r}")
    return kept


# --- what is said ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "rules"),
    [
        # Numbers: the shortest that separates; whole numbers are counted.
        ([0.0, 0.5, 9.5, 10.0], ("x at most 5", "x above 5")),
        ([0.1, 2.2, 2.4, 9.9], ("x at most 2.3", "x above 2.3")),
        ([0.0, 0.0, 1.3, 7.5], ("x at most 0", "x above 0")),
        ([0, 2, 3, 9], ("x at most 2", "x at least 3")),
        ([0, 0, 4, 9], ("x at most 0", "x at least 1")),
        ([-9, -5, -4, -1], ("x at most -5", "x at least -4")),
        ([-0.5, -0.4, -0.2, -0.1], ("x at most -0.3", "x above -0.3")),
        ([0.0001, 0.0002, 0.0004, 0.0005], ("x at most 0.0003", "x above 0.0003")),
        ([1e-9, 2e-9, 4e-9, 5e-9], ("x at most 3e-09", "x above 3e-09")),
        ([1.5, 2.5, 31_000.5, 40_000.5], ("x at most 20,000", "x above 20,000")),
        ([12_344, 12_345, 12_346, 12_347], ("x at most 12,345", "x at least 12,346")),
        ([1024.25, 1024.5, 1024.75, 1025], ("x at most 1024.6", "x above 1024.6")),
        ([1.0, 1.0, 1 + 2**-52, 2.0], ("x at most 1", "x above 1")),
        (
            [1 + 2**-52, 1 + 2**-52, 1 + 2**-51, 2.0],  # no number lies between the two
            ("x at most 1.0000000000000002", "x above 1.0000000000000002"),
        ),
        ([-1e100, -1.5, 1.5, 1e100], ("x at most 0", "x above 0")),
        ([1e99, 2e99, 4e99, 1e100], ("x at most 3e+99", "x above 3e+99")),
    ],
)
def test_two_segments_either_side_of_a_gap(values: list[float], rules: tuple[str, str]) -> None:
    found = described({"x": values * 5}, [1, 1, 2, 2] * 5)

    assert found["rule"].tolist() == [*rules]
    assert found[["rule_precision", "rule_recall"]].to_numpy().tolist() == [[1, 1], [1, 1]]


def test_conditions_on_one_feature_are_put_together() -> None:
    counts = described({"x": [0, 1, 2, 3, 4, 5] * 9}, [1, 1, 2, 2, 3, 3] * 9)
    numbers = described({"x": [0.5, 1.5, 4.5, 5.5, 8.5, 9.5] * 9}, [1, 1, 2, 2, 3, 3] * 9)
    single = described({"x": [0, 1, 2, 3, 4] * 9}, [1, 1, 2, 3, 3] * 9)

    assert counts.loc[2, "rule"] == "x from 2 to 3"
    assert numbers.loc[2, "rule"] == "x above 3 up to 7"
    assert single.loc[2, "rule"] == "x exactly 2"


def test_several_features_make_one_sentence() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.uniform(0, 10, (4_000, 3)), columns=["a", "b", "c"]).round(2)
    inside = (table["a"] > 4) & (table["b"] > 5) & (table["c"] <= 6)

    found = described(dict(table), np.where(inside, 2, 1))

    parts = sorted(re.split(r", | and ", found.loc[2, "rule"]))
    assert parts == ["a above 4", "b above 5", "c at most 6"]
    assert found.loc[2, "rule"].count(" and ") == 1
    assert found.loc[2, ["rule_precision", "rule_recall"]].tolist() == [1, 1]


def test_a_condition_that_hardly_matters_is_left_out() -> None:
    # b tells 3 of the 2,000 sessions apart, which is nothing to be told.
    a = np.repeat([0.0, 1.0], 1_000)
    b = np.r_[np.zeros(1_000), np.full(3, 9.0), np.zeros(997)]

    found = described({"a": a, "b": b}, np.where((a > 0) & (b == 0), 2, 1))

    assert found.loc[2, "rule"] == "a above 0" or found.loc[2, "rule"] == "a at least 1"
    assert found.loc[2, "rule_precision"] == 0.997
    assert found.loc[2, "rule_recall"] == 1


def test_columns_are_told_in_words_unless_two_would_read_alike() -> None:
    def rule(*names: str) -> str:
        values = [[0, 1] * 9, [0] * 18]
        return described(dict(zip(names, values, strict=False)), [1, 2] * 9).loc[2, "rule"]

    assert rule("ProductRelated_Duration") == "product related duration at least 1"
    assert rule("PageValues", "Page_Values") == "PageValues at least 1"
    assert rule("__") == "__ at least 1"
    assert rule("<b>&'\"\U0001f600" + "x" * 80) == "<b>&'\"\U0001f600" + "x" * 80 + " at least 1"


# --- whether it is true ------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_fidelity_is_that_of_the_words(seed: int) -> None:
    """Clusters of k-means on long-tailed data, which no rule describes exactly."""
    from sklearn.cluster import KMeans

    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "stay": rng.lognormal(3, 2, 900),
            "pages": rng.poisson(rng.choice([1, 30], 900)).astype(float),
            "share": rng.beta(0.3, 3, 900),
        }
    )
    table.loc[rng.random(900) < 0.3, "stay"] = 0
    scaled = np.log1p(table) / np.log1p(table).std()
    segments = KMeans(5, n_init=1, random_state=seed).fit_predict(scaled) + 1

    found = describe_segments(table, segments).set_index("segment")

    assert sorted(found.index) == [1, 2, 3, 4, 5]
    for segment, rule, precision, recall in found.itertuples():
        kept, members = keeping(rule, table), segments == segment
        assert precision == pytest.approx((kept & members).sum() / kept.sum())
        assert recall == pytest.approx((kept & members).sum() / members.sum())
        assert 2 * precision * recall / (precision + recall) > 0.6
        assert len(re.split(r", | and ", rule)) <= 3


def test_a_gap_stands_for_the_median() -> None:
    gone = np.nan
    # The median is 5.5: sessions with a gap keep the rule of those above 3.
    found = described({"x": [1.5, 1.5, 5.5, 5.5, 6.5, gone, gone]}, [1, 1, 2, 2, 2, 2, 1])

    assert found.loc[2, "rule"] == "x above 4"
    assert found.loc[2, ["rule_precision", "rule_recall"]].tolist() == [0.8, 1]


@pytest.mark.parametrize(
    ("features", "segments"),
    [
        ({"x": [1, 2, 3]}, [1, 1, 1]),
        ({"x": [4, 4, 4, 4]}, [1, 1, 2, 2]),
        ({"x": [1, 2] * 50}, [1] * 50 + [2] * 50),
    ],
    ids=["one segment", "one value", "a feature that says nothing"],
)
def test_where_nothing_tells_segments_apart_there_is_no_rule(
    features: dict[str, list[int]], segments: list[int]
) -> None:
    found = described(features, segments)

    assert found.index.tolist() == sorted(set(segments))
    assert found.isna().all(axis=None)
    assert {name: str(kind) for name, kind in found.dtypes.items()} == {
        "rule": "str",
        "rule_precision": "float64",
        "rule_recall": "float64",
    }


# --- large tables ------------------------------------------------------------------------------


def large() -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Three segments in 60,000 sessions; the smallest has one session in 1,000."""
    rng = np.random.default_rng(5)
    segments = np.repeat([1, 2, 3], [40_000, 19_940, 60])
    middle = np.array([0.0, 10.0, 30.0])[segments - 1]
    table = pd.DataFrame({"x": rng.normal(middle, 1), "noise": rng.normal(size=60_000)})
    order = rng.permutation(60_000)
    return table.iloc[order].reset_index(drop=True), segments[order]


def test_a_rare_segment_of_a_large_table_has_its_rule() -> None:
    table, segments = large()
    assert len(table) > rules_in_words.LEARNT

    found = describe_segments(table, segments).set_index("segment")

    # The 60 beyond 20 hardly make the rule of the second segment less true.
    assert found["rule"].tolist() == ["x at most 5", "x above 5", "x above 20"]
    assert found["rule_precision"].tolist() == pytest.approx([1, 0.997, 1], abs=5e-4)
    assert found["rule_recall"].tolist() == pytest.approx([1, 1, 1], abs=5e-4)


def test_fidelity_is_measured_on_all_sessions_and_not_on_the_sample(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rules_in_words, "LEARNT", 40)
    rng = np.random.default_rng(1)
    x = pd.DataFrame({"x": rng.normal(size=5_000)})
    segments = np.where(x["x"] + rng.normal(0, 0.5, 5_000) > 0, 2, 1)

    found = describe_segments(x, segments).set_index("segment")

    for segment, rule, precision, recall in found.itertuples():
        kept, members = keeping(rule, x), segments == segment
        assert (precision, recall) == pytest.approx(
            ((kept & members).sum() / kept.sum(), (kept & members).sum() / members.sum())
        )


def test_a_sample_is_learnt_on_that_stands_for_all_sessions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of two overlapping segments the rare one is taken whole, and yet counted as rare."""
    from sklearn import tree

    learnt = []

    class Recorded(tree.DecisionTreeClassifier):
        def fit(self, ranks: Any, members: Any, **given: Any) -> Any:
            learnt.append(len(ranks))
            return super().fit(ranks, members, **given)

    def rare() -> float:
        found = describe_segments(x, segments).set_index("segment")
        precision, recall = found.loc[2, ["rule_precision", "rule_recall"]]
        return 2 * precision * recall / (precision + recall)

    monkeypatch.setattr(tree, "DecisionTreeClassifier", Recorded)
    rng = np.random.default_rng(3)
    segments = np.repeat([1, 2], [19_000, 300])
    x = pd.DataFrame({"x": rng.normal(2.5 * (segments - 1), 1)})

    of_all = rare()
    monkeypatch.setattr(rules_in_words, "LEARNT", 2_000)
    of_sample = rare()

    assert learnt == [19_300, 19_300, 1_300, 1_300]
    assert of_sample > 0.9 * of_all


def test_the_same_seed_gives_the_same_rules() -> None:
    table, segments = large()

    once, again = describe_segments(table, segments, 1), describe_segments(table, segments, 1)

    pd.testing.assert_frame_equal(once, again, check_exact=True)


def test_the_input_stays_as_it_was() -> None:
    table = pd.DataFrame({"x": [1.0, np.nan, 3.0, 4.0]})
    segments = np.array([1, 1, 2, 2])
    before, known = table.copy(deep=True), segments.copy()

    describe_segments(table, segments)

    pd.testing.assert_frame_equal(table, before, check_exact=True)
    assert segments.tolist() == known.tolist()
