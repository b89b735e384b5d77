"""All settings are checked before any node runs, and a refusal names the setting."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from user_activity_trends.errors import SettingError
from user_activity_trends.parameters import check_parameters
from user_activity_trends.sessions.columns import ValuesParams

BASE = Path(__file__).resolve().parents[1] / "conf" / "base"
DELETE = object()


def _base() -> dict[str, Any]:
    """Return the parameters of conf/base, the resolver of ``recipe`` replaced by hand."""
    settings: dict[str, Any] = {}
    for path in sorted(BASE.glob("parameters*.yml")):
        settings |= yaml.safe_load(path.read_text(encoding="utf-8"))
    return settings | {"recipe": "base"}


def _changed(path: str, value: Any) -> dict[str, Any]:
    settings = _base()
    *folders, last = path.split(".")
    block = settings
    for folder in folders:
        block = block[folder]
    if value is DELETE:
        del block[last]
    else:
        block[last] = value
    return settings


def _selection(
    method: str, n_clusters: int | None, fallback: str | None, *, keep_k: bool
) -> dict[str, Any]:
    return {
        "method": method,
        "n_clusters": n_clusters,
        "fallback": fallback,
        "keep_k": keep_k,
    }


def _refusals(settings: dict[str, Any]) -> list[str]:
    with pytest.raises(SettingError) as refused:
        check_parameters(settings)
    first, *lines = str(refused.value).splitlines()
    assert first == "the parameters (conf/, --params) are not accepted:"
    assert all(line.startswith("  - ") for line in lines)
    return [line.removeprefix("  - ") for line in lines]


def test_the_committed_settings_are_accepted_with_their_values() -> None:
    settings = _base()
    before = copy.deepcopy(settings)

    accepted = check_parameters(settings)

    assert settings == before
    assert accepted.recipe == "base"
    assert list(accepted.recipes.root) == ["base", "log"]
    assert len(accepted.recipes["base"].columns) == 9
    assert (accepted.recipes["base"].transform, accepted.recipes["base"].scaler) == (
        "none",
        "minmax",
    )
    assert "PageValues" not in accepted.recipes["log"].columns
    assert len(accepted.recipes["log"].columns) == 8
    assert accepted.recipes["log"].transform == "log1p"
    assert (accepted.columns.outcome, accepted.columns.period) == ("Revenue", "Month")
    assert accepted.data_processing.max_rejected_share == 0.05
    assert accepted.data_processing.duplicates == "keep"
    sweep = accepted.clustering.sweep
    assert (sweep.k_min, sweep.k_max, sweep.restarts, sweep.random_state) == (1, 10, 10, 42)
    assert accepted.clustering.selection.method == "elbow"
    assert (accepted.sessions_file, accepted.new_sessions_file) == (None, None)
    assert accepted.labelling.names.root == {}
    assert accepted.compare_recipes.recipes == ("base", "log")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("recipe", "log"),
        ("sessions_file", "s3://bucket/in.csv"),
        ("new_sessions_file", "in.csv"),
        ("columns.id", "key"),
        ("columns.outcome", None),
        ("columns.period", None),
        ("columns.user", "Visitor"),
        ("columns.user", "VisitorType"),
        ("columns.values.Month.accepted", ["Jan", "Feb"]),
        ("columns.values.VisitorType", {"codes": {"1": "New_Visitor"}}),
        ("columns.values.Revenue", {"codes": {"yes": "TRUE"}}),
        ("columns.id", "session_id"),
        ("data_processing.max_rejected_share", 0),
        ("data_processing.max_rejected_share", 1),
        ("data_processing.duplicates", "drop"),
        ("clustering.sweep.k_min", 10),
        (
            "clustering.selection",
            {"method": "fixed", "n_clusters": 10, "fallback": None, "keep_k": True},
        ),
        (
            "clustering.selection",
            {"method": "elbow", "n_clusters": 2, "fallback": "fixed", "keep_k": False},
        ),
        (
            "clustering.selection",
            {"method": "elbow", "n_clusters": None, "fallback": "silhouette", "keep_k": True},
        ),
        (
            "clustering.selection",
            {"method": "consensus", "n_clusters": None, "fallback": None, "keep_k": True},
        ),
        ("clustering.continuity", 0),
        ("promotion.evaluation_rows", "newest_period"),
        ("promotion.evaluation_rows", 0.2),
        ("promotion.allow_new_segments", True),
        ("promotion.gates.minimum_rows", 1),
        ("promotion.keep_versions", 5),
        ("labelling.names", {1: "Browsers", "2": "Buyers"}),
    ],
)
def test_every_documented_setting_is_accepted(path: str, value: Any) -> None:
    # Accepted is what comes out, not only that nothing is said.
    accepted = check_parameters(_changed(path, value)).model_dump(mode="json")

    for part in path.split("."):
        accepted = accepted[part]
    if isinstance(value, dict):
        assert {str(name): accepted[str(name)] for name in value} == {
            str(name): one for name, one in value.items()
        }
    else:
        assert accepted == value


@pytest.mark.parametrize(
    ("path", "value", "refusal"),
    [
        # unknown settings
        ("recipee", "log", "recipee: there is no such setting; did you mean recipe?"),
        (
            "session_file",
            "in.csv",
            "session_file: there is no such setting; did you mean sessions_file?",
        ),
        (
            "zzz",
            1,
            (
                "zzz: there is no such setting; known here: sessions_file, new_sessions_file, "
                "recipe, recipes, columns, data_processing, clustering, promotion, "
                "compare_recipes, labelling, tracking"
            ),
        ),
        (
            "columns.dimension",
            [],
            "columns.dimension: there is no such setting; did you mean dimensions?",
        ),
        (
            "columns.values.Month.acepted",
            [],
            "columns.values.Month.acepted: there is no such setting; did you mean accepted?",
        ),
        (
            "recipes.log.scalar",
            "minmax",
            "recipes.log.scalar: there is no such setting; did you mean scaler?",
        ),
        (
            "recipes.base.zzz",
            1,
            (
                "recipes.base.zzz: there is no such setting; known here: "
                "columns, transform, scaler, missing"
            ),
        ),
        (
            "data_processing.max_rejected",
            1,
            (
                "data_processing.max_rejected: there is no such setting; "
                "did you mean max_rejected_share?"
            ),
        ),
        (
            "clustering.n_clusters",
            3,
            (
                "clustering.n_clusters: there is no such setting; "
                "known here: sweep, selection, stability, continuity"
            ),
        ),
        (
            "clustering.sweep.kmax",
            3,
            "clustering.sweep.kmax: there is no such setting; did you mean k_max?",
        ),
        (
            "clustering.selection.n_cluster",
            3,
            "clustering.selection.n_cluster: there is no such setting; did you mean n_clusters?",
        ),
        ("labelling.name", {}, "labelling.name: there is no such setting; did you mean names?"),
        # missing settings
        ("recipe", DELETE, "recipe: Field required"),
        ("clustering.sweep.k_max", DELETE, "clustering.sweep.k_max: Field required"),
        ("recipes.log.columns", DELETE, "recipes.log.columns: Field required"),
        # values
        (
            "data_processing.max_rejected_share",
            2,
            "data_processing.max_rejected_share: Input should be less than or equal to 1, not 2",
        ),
        (
            "data_processing.max_rejected_share",
            -0.1,
            (
                "data_processing.max_rejected_share: Input should be greater than or equal to 0, "
                "not -0.1"
            ),
        ),
        (
            "data_processing.duplicates",
            "remove",
            "data_processing.duplicates: Input should be 'keep' or 'drop', not 'remove'",
        ),
        (
            "clustering.sweep.k_min",
            0,
            "clustering.sweep.k_min: Input should be greater than or equal to 1, not 0",
        ),
        (
            "clustering.sweep.random_state",
            2**32,
            "clustering.sweep.random_state: Input should be less than 4294967296, not 4294967296",
        ),
        (
            "clustering.selection.method",
            "elbo",
            (
                "clustering.selection.method: Input should be 'elbow', 'silhouette', 'consensus' "
                "or 'fixed', not 'elbo'"
            ),
        ),
        (
            "recipes.base.transform",
            "log",
            "recipes.base.transform: Input should be 'none' or 'log1p', not 'log'",
        ),
        (
            "columns.kinds.BounceRates",
            "ratio",
            (
                "columns.kinds.BounceRates: Input should be 'count', 'duration', 'amount', 'rate' "
                "or 'number', not 'ratio'"
            ),
        ),
        # contradictions
        (
            "clustering.sweep.k_min",
            11,
            "clustering.sweep: k_min = 11 is above k_max = 10",
        ),
        (
            "clustering.selection.n_clusters",
            11,
            "clustering: selection.n_clusters = 11 is outside sweep.k_min = 1 to sweep.k_max = 10",
        ),
        (
            "clustering.selection.method",
            "fixed",
            "clustering.selection: n_clusters is missing; method or fallback fixed needs it",
        ),
        (
            "clustering.selection.fallback",
            "fixed",
            "clustering.selection: n_clusters is missing; method or fallback fixed needs it",
        ),
        (
            "clustering.selection.fallback",
            "elbow",
            (
                "clustering.selection: fallback cannot be elbow, which is what failed; "
                "use silhouette or fixed"
            ),
        ),
        (
            "compare_recipes.recipes",
            ["base", "lgo"],
            "compare_recipes.recipes: there is no recipe 'lgo'; known: base, log",
        ),
        (
            "compare_recipes.recipes",
            ["log", "log"],
            "compare_recipes: recipes: log is named twice; name two or more different recipes",
        ),
        (
            "compare_recipes.recipes",
            ["base", "better"],
            (
                "compare_recipes: recipes: better is a column of the table itself; "
                "give the recipe another name"
            ),
        ),
        ("recipe", "lgo", "recipe: there is no recipe 'lgo'; known: base, log"),
        ("recipe", "", "recipe: there is no recipe ''; known: base, log"),
        (
            "recipes.log.columns",
            ["BounceRates", "ExitRates", "BounceRates"],
            "recipes.log: columns: a column is named twice",
        ),
        (
            "recipes.log.columns",
            ["BounceRates", "Revenue"],
            "recipes.log.columns: Revenue is columns.outcome, not a feature",
        ),
        (
            "recipes.log.columns",
            ["Month"],
            "recipes.log.columns: Month is columns.period, not a feature",
        ),
        (
            "columns.id",
            "PageValues",
            "recipes.base.columns: PageValues is columns.id, not a feature",
        ),
        (
            "recipes.base.columns",
            ["session_id"],
            "recipes.base.columns: session_id is a column of the results, not a feature",
        ),
        (
            "recipes.log.columns",
            ["__row"],
            "recipes.log.columns: __row is a column of the results, not a feature",
        ),
        (
            "columns.dimensions",
            ["Weekend", "session_id"],
            ("columns.dimensions: session_id is a column of the results; rename it in the file"),
        ),
        (
            "columns.period",
            "segment",
            "columns.period: segment is a column of the results; rename it in the file",
        ),
        (
            "columns.user",
            "segment_name",
            "columns.user: segment_name is a column of the results; rename it in the file",
        ),
        (
            "columns.user",
            "ExitRates",
            "recipes.base.columns: ExitRates is columns.user, not a feature",
        ),
        (
            "columns.user",
            "Month",
            "columns.user: Month is columns.period, and cannot be both",
        ),
        (
            "columns.id",
            "Revenue",
            "columns.outcome: Revenue is columns.id, and cannot be both",
        ),
        (
            "columns.id",
            "Weekend",
            "columns.dimensions: Weekend is columns.id, of which no two are alike",
        ),
        (
            "columns.period_bin",
            "month",
            (
                "columns: values.Month.accepted: with period_bin: month the period is a date; "
                "leave the values out, or set period_bin to null"
            ),
        ),
        (
            "columns.period_bin",
            "year",
            "columns.period_bin: Input should be 'day', 'week' or 'month', not 'year'",
        ),
        (
            "sessions_file",
            "",
            "sessions_file: String should have at least 1 character, not ''",
        ),
        (
            "recipes.a/b",
            {"columns": ["a"]},
            "recipes: 'a/b': a recipe's name has letters, digits, - and _ only",
        ),
        (
            "columns.values.Revenue",
            {"accepted": ["yes", "no"]},
            (
                "columns: values.Revenue.accepted: the outcome is true or false; "
                "map other spellings under codes"
            ),
        ),
        (
            "labelling.names",
            {1: "Buyers", 2: "Buyers"},
            "labelling.names: two segments have the same name",
        ),
    ],
)
def test_a_refusal_is_one_line_with_the_path_of_the_setting(
    path: str, value: Any, refusal: str
) -> None:
    assert _refusals(_changed(path, value)) == [refusal]


@pytest.mark.parametrize(
    ("path", "value", "start"),
    [
        ("columns", None, "columns: "),
        ("recipes.base", [], "recipes.base: "),
        ("clustering.sweep.k_max", "many", "clustering.sweep.k_max: "),
        ("clustering.sweep.k_max", 2.5, "clustering.sweep.k_max: "),
        (
            "data_processing.max_rejected_share",
            float("nan"),
            "data_processing.max_rejected_share: ",
        ),
        ("labelling.names", {"first": "Buyers"}, "labelling.names.first."),
        ("columns.values.Month.codes", {True: "Jan"}, "columns.values.Month.codes.1.[key]: "),
    ],
)
def test_a_wrong_type_is_refused_at_its_path(path: str, value: Any, start: str) -> None:
    (line,) = _refusals(_changed(path, value))

    assert line.startswith(start)


def test_all_refusals_come_at_once() -> None:
    settings = _changed("clustering.sweep.kmax", 3)
    settings["recipes"]["log"]["scaler"] = "max"
    settings["data_processing"]["max_rejected_share"] = 2

    assert sorted(line.split(":")[0] for line in _refusals(settings)) == [
        "clustering.sweep.kmax",
        "data_processing.max_rejected_share",
        "recipes.log.scaler",
    ]


def test_a_code_may_be_a_number_without_quotes() -> None:
    values = ValuesParams.model_validate({"accepted": [1, 2], "codes": {7: 1}})

    assert values == ValuesParams(accepted=("1", "2"), codes={"7": "1"})
