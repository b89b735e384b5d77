"""How segments move through time, through a run: on the public data set, and on a planted one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from kedro.framework.project import settings

Tables = Callable[..., dict[str, pd.DataFrame]]

TABLES = (
    "segment_profiles",
    "typical_sessions",
    "segment_trends",
    "segment_breakdowns",
    "conversion_changes",
    "trend_tests",
    "segment_migrations",
)


def _quick(k: int) -> dict[str, Any]:
    """Return settings of ``clustering`` that spend no time on the choice of k."""
    return {
        "sweep": {"k_max": 4, "restarts": 3},
        "selection": {"method": "fixed", "n_clusters": k},
        "stability": {"resamples": 0},
    }


PUBLISHED = {
    "Feb": 184,
    "Mar": 1907,
    "May": 3364,
    "June": 288,
    "Jul": 432,
    "Aug": 433,
    "Sep": 448,
    "Oct": 549,
    "Nov": 2998,
    "Dec": 1727,
}
"""Sessions by month (Sakar et al. 2019, Online shoppers purchasing intention dataset)."""


@pytest.fixture
def tables(in_project: Path, data_root: Path) -> Tables:
    """Run what the tables need, and load them through the catalog."""

    def made(**params: Any) -> dict[str, pd.DataFrame]:
        with settings.SESSION_CLASS.create(
            project_path=in_project, env="base", runtime_params=params
        ) as session:
            session.run(pipeline_names=["training"], to_outputs=[*TABLES])
            catalog = session.load_context().catalog
            return {name: catalog.load(name) for name in TABLES}

    assert data_root
    return made


def test_the_public_data_set_has_its_published_months_and_changes(
    tables: Tables, real_sessions: Path
) -> None:
    found = tables(sessions_file=str(real_sessions), clustering=_quick(3))

    trends = found["segment_trends"]
    by_month = trends.groupby("period", sort=False)[["sessions", "conversions"]].sum()
    assert by_month["sessions"].to_dict() == PUBLISHED
    assert [*by_month.index] == [*PUBLISHED]
    assert trends["conversions"].sum() / trends["sessions"].sum() == pytest.approx(0.1547, abs=5e-5)
    assert (trends["conversions"].sum(), trends["sessions"].sum()) == (1908, 12_330)

    changes = found["conversion_changes"].set_index(["period_from", "period_to"])
    assert changes.loc[("Oct", "Nov"), "change"] == pytest.approx(0.0440, abs=5e-5)
    assert [*changes.index] == list(zip([*PUBLISHED][:-1], [*PUBLISHED][1:], strict=True))
    assert (changes["change"] - changes["mix"] - changes["rate"]).abs().max() < 1e-12
    rates = by_month["conversions"] / by_month["sessions"]
    assert changes["change"].to_numpy() == pytest.approx(rates.diff().dropna().to_numpy())

    breakdowns = found["segment_breakdowns"]
    assert breakdowns.groupby("dimension")["sessions"].sum().tolist() == [12_330, 12_330]
    by_value = breakdowns.groupby("value")["sessions"].sum().to_dict()
    assert by_value == {
        "New_Visitor": 1694,
        "Returning_Visitor": 10_551,
        "Other": 85,
        "FALSE": 9462,
        "TRUE": 2868,
    }
    few = trends["sessions"] < 30
    assert trends.loc[few, ["conversion_rate", "ci_low", "ci_high"]].isna().all(axis=None)
    assert trends.loc[~few, ["conversion_rate", "ci_low", "ci_high"]].notna().all(axis=None)

    told = (~few).groupby(trends["segment"]).sum().tolist()
    tests = found["trend_tests"].set_index(["measure", "segment"])["periods"]
    assert tests["share"].tolist() == [10] * 3
    assert tests["conversion_rate"].tolist() == told
    assert len(found["segment_migrations"]) == 0
    profiles = found["segment_profiles"]
    assert (profiles["rule_precision"] > 0.9).all()
    assert (profiles["rule_recall"] > 0.9).all()
    assert found["typical_sessions"]["rank"].tolist() == [1, 2, 3] * 3


def planted(folder: Path) -> Path:
    """Write sessions of two kinds, whose shares and conversions are known in every month.

    Readers see 2 pages and convert at 10 % throughout; buyers see 30 and convert
    at 40 %, in the last month at 60 %. Buyers grow by 10 points a month, there are
    no sessions in March, and user ``u`` is a reader first and a buyer later.
    """
    rng = np.random.default_rng(6)
    rows = []
    for month, buyers, rate in (("2026-01", 20, 40), ("2026-02", 30, 40), ("2026-04", 50, 60)):
        for place in range(1000):
            is_buyer = place % 100 < buyers
            of_kind = place // 100 * buyers + place % 100 if is_buyer else (
                place // 100 * (100 - buyers) + place % 100 - buyers
            )  # fmt: skip
            total = 10 * (buyers if is_buyer else 100 - buyers)
            bought = of_kind < total * (rate if is_buyer else 10) / 100
            day = 1 + place % 28
            pages = (30 if is_buyer else 2) + rng.integers(0, 2)
            rows.append((f"{month}-{day:02d} 12:30", pages, rng.normal(100, 5), bought, ""))
    table = pd.DataFrame(rows, columns=["at", "pages", "seconds", "bought", "who"])
    table.loc[[999, 2000, 0], "who"] = "u"  # a reader in January, a buyer then and in April
    file = folder / "planted.csv"
    table.sample(frac=1, random_state=1).to_csv(file, index=False)
    return file


def test_a_planted_table_gives_back_what_was_planted(tables: Tables, tmp_path: Path) -> None:
    recipe = {"columns": ["pages", "seconds"], "transform": "none", "scaler": "standard"}
    columns = {"outcome": "bought", "period": "at", "period_bin": "month", "user": "who"}

    found = tables(
        sessions_file=str(planted(tmp_path)),
        recipes={"base": recipe},
        columns=columns | {"dimensions": []},
        clustering=_quick(2),
    )

    trends = found["segment_trends"]
    assert trends["period"].tolist() == [*("2026-01",) * 2, *("2026-02",) * 2, *("2026-04",) * 2]
    assert trends["sessions"].tolist() == [800, 200, 700, 300, 500, 500]
    assert trends["conversions"].tolist() == [80, 80, 70, 120, 50, 300]
    changes = found["conversion_changes"]
    assert changes["change"].tolist() == pytest.approx([0.03, 0.16])
    # More buyers at rates of 10 and 40 %; then 20 points more of them at 10 and 50 %.
    assert changes["mix"].tolist() == pytest.approx([0.1 * 0.3, 0.2 * 0.4])
    assert changes["rate"].tolist() == pytest.approx([0, 0.2 * 0.4], abs=1e-12)
    tests = found["trend_tests"].set_index(["segment", "measure"])
    # 20, 30 and 50 % in the first, second and fourth month lie on one line.
    assert tests.loc[(2, "share"), "change_per_period"] == pytest.approx(0.1)
    assert tests.loc[(1, "conversion_rate"), "p_value"] == pytest.approx(1)
    moves = found["segment_migrations"]
    assert moves["moves"].sum() == 2
    assert len(found["segment_breakdowns"]) == 0
    profiles = found["segment_profiles"]
    assert profiles["rule"].tolist() == ["pages at most 20", "pages at least 20"]
    assert profiles[["rule_precision", "rule_recall"]].to_numpy().tolist() == [[1, 1], [1, 1]]
    assert profiles["median_pages"].isin([2, 3, 30, 31]).all()
