"""A model comes back from its pickle unchanged, and a pickle that asks for more is refused."""

import builtins
import collections
import copyreg
import functools
import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError
from kedro_datasets.pickle import PickleDataset
from sklearn.cluster import KMeans
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler

from user_activity_trends.errors import UntrustedModelError
from user_activity_trends.files import model_pickle
from user_activity_trends.files.model_pickle import ALLOWED
from user_activity_trends.segmentation.model import SegmentationModel, build_model
from user_activity_trends.segmentation.scaling import FeatureScaler

BACKEND = "user_activity_trends.files.model_pickle"
KINDS = [
    (scaler, transform, fills)
    for scaler in ("minmax", "standard", "robust")
    for transform in ("none", "log1p")
    for fills in (False, True)
]
PLANTED = np.repeat([0, 1, 2], 40)


def _sessions() -> pd.DataFrame:
    numbers = np.random.default_rng(7)
    centers = np.array([[1.0, 50.0], [20.0, 10.0], [40.0, 90.0]])[PLANTED]
    return pd.DataFrame(centers + numbers.uniform(0, 2, centers.shape), columns=["a", "b"])


def _model(scaler: Any, transform: Any, *, fills: bool) -> SegmentationModel:
    sessions = _sessions()
    table = nw.from_native(sessions, eager_only=True)
    learnt = FeatureScaler.learn(table, ["a", "b"], transform, scaler, fill_gaps=fills)
    scaled = learnt.apply(table).to_native().to_numpy()
    return build_model(learnt, scaled, n_clusters=3, restarts=2, random_state=42)


@pytest.fixture(scope="module")
def models() -> dict[tuple[str, str, bool], SegmentationModel]:
    """One model of every kind that the settings allow."""
    return {
        (scaler, transform, fills): _model(scaler, transform, fills=fills)
        for scaler, transform, fills in KINDS
    }


@pytest.fixture(scope="module")
def dumped(models: dict[tuple[str, str, bool], SegmentationModel]) -> list[bytes]:
    """The bytes of each of them."""
    return [_dump(model) for model in models.values()]


def _dump(model: Any) -> bytes:
    file = io.BytesIO()
    model_pickle.dump(model, file)
    return file.getvalue()


def _load(content: bytes) -> Any:
    return model_pickle.load(io.BytesIO(content))


# --- models ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_model_comes_back_with_the_same_predictions(
    models: dict[tuple[str, str, bool], SegmentationModel], kind: tuple[str, str, bool]
) -> None:
    model = models[kind]
    sessions = _sessions()
    if kind[2]:
        sessions.loc[::7, "a"] = np.nan

    again = _load(_dump(model))

    assert type(again) is Pipeline
    assert list(again.feature_names_in_) == ["a", "b"]
    assert list(again.named_steps) == list(model.named_steps)
    np.testing.assert_array_equal(again.predict(sessions), model.predict(sessions))
    np.testing.assert_array_equal(
        again[:-1].transform(sessions),
        model[:-1].transform(sessions),  # type: ignore[index]
    )
    assert (
        again[-1].cluster_centers_.tobytes()
        == model.named_steps["cluster"].cluster_centers_.tobytes()
    )
    if not kind[2]:
        # The planted groups, under whatever numbers k-means gave them.
        assert len(set(zip(PLANTED, again.predict(sessions), strict=True))) == 3


def test_the_steps_are_those_that_the_settings_ask_for(
    models: dict[tuple[str, str, bool], SegmentationModel],
) -> None:
    found = {kind: list(model.named_steps) for kind, model in models.items()}

    for (scaler, transform, fills), steps in found.items():
        expected = [
            *["impute"] * fills,
            *["transform"] * (transform == "log1p"),
            "scale",
            "cluster",
        ]
        assert steps == expected, (scaler, transform, fills)


def test_it_is_the_backend_of_a_pickle_dataset(
    models: dict[tuple[str, str, bool], SegmentationModel], tmp_path: Path
) -> None:
    model = models["minmax", "none", False]
    dataset = PickleDataset(filepath=str(tmp_path / "model.pkl"), backend=BACKEND)

    dataset.save(model)

    np.testing.assert_array_equal(dataset.load().predict(_sessions()), model.predict(_sessions()))


@pytest.mark.parametrize("name", sorted(ALLOWED), ids=".".join)
def test_no_name_is_allowed_without_need(
    name: tuple[str, str], dumped: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_pickle, "ALLOWED", ALLOWED - {name})
    refused = set()

    for content in dumped:
        try:
            _load(content)
        except UntrustedModelError as error:
            refused.add(str(error).removeprefix("the model file asks for ").split(",")[0])

    assert refused == {".".join(name)}


# --- pickles that nobody should load -------------------------------------------------------


class _Call:
    """Pickled, it is a call of ``function`` with ``arguments``."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._call = (function, arguments)

    def __reduce__(self) -> Any:
        return self._call


def _touch(marker: Path) -> str:
    return f"touch {marker}"


def _program(marker: Path) -> str:
    return f"__import__('pathlib').Path({str(marker)!r}).touch()"


def _global(module: str, name: str) -> bytes:
    """Return the opcodes that push a global by names of the attacker's choice."""
    return (
        b"\x80\x04"
        + b"".join(b"\x8c" + bytes([len(text)]) + text.encode() for text in (module, name))
        + b"\x93"
    )


def _object_array(hidden: Any) -> np.ndarray[Any, Any]:
    array = np.empty(1, dtype=object)
    array[0] = hidden
    return array


def _joblib(hidden: Any) -> bytes:
    file = io.BytesIO()
    joblib.dump(hidden, file)
    return file.getvalue()


def _inside_a_model(hidden: Any) -> bytes:
    model = _model("minmax", "none", fills=False)
    model.named_steps["cluster"].extra_ = hidden
    return pickle.dumps(model, protocol=5)


SYSTEM = f"{os.system.__module__}.system"

DANGEROUS = [
    pytest.param(lambda m: pickle.dumps(_Call(os.system, _touch(m))), SYSTEM, id="os.system"),
    pytest.param(
        lambda m: pickle.dumps(_Call(os.system, _touch(m)), protocol=0), SYSTEM, id="protocol 0"
    ),
    pytest.param(
        lambda m: pickle.dumps(_Call(builtins.eval, _program(m))), "builtins.eval", id="eval"
    ),
    pytest.param(
        lambda m: pickle.dumps(_Call(builtins.exec, _program(m))), "builtins.exec", id="exec"
    ),
    pytest.param(
        lambda m: _global("os", "system") + f"(V{_touch(m)}\ntR.".encode(), "os.system", id="raw"
    ),
    pytest.param(
        lambda m: b"(S'" + _touch(m).encode() + b"'\nios\nsystem\n.", "os.system", id="INST"
    ),
    pytest.param(
        lambda m: pickle.dumps(_object_array(_Call(os.system, _touch(m)))),
        SYSTEM,
        id="hidden in an array",
    ),
    pytest.param(
        lambda m: _inside_a_model(_Call(os.system, _touch(m))), SYSTEM, id="hidden in a model"
    ),
]
"""A pickle that makes a file when it is loaded without care, and the name it asks for."""

OTHERS = [
    pytest.param(
        lambda _: _global("sklearn.pipeline", "Pipeline.fit.__globals__") + b".",
        "sklearn.pipeline.Pipeline.fit.__globals__",
        id="a path through an allowed class",
    ),
    pytest.param(
        lambda _: _global("sklearn.pipeline", "sys.modules") + b".",
        "sklearn.pipeline.sys.modules",
        id="a path through an allowed module",
    ),
    pytest.param(
        lambda m: pickle.dumps(functools.partial(os.system, _touch(m))),
        "functools.partial",
        id="functools.partial",
    ),
    pytest.param(
        lambda m: _joblib([np.arange(3), _Call(os.system, _touch(m))]),
        "joblib.numpy_pickle.NumpyArrayWrapper",
        id="joblib",
    ),
    pytest.param(
        lambda _: pickle.dumps(collections.UserDict(a=1), protocol=0, fix_imports=False),
        "copyreg._reconstructor",
        id="copyreg",
    ),
    pytest.param(
        lambda _: pickle.dumps(_Call(np.load, "x.npy")), f"{np.load.__module__}.load", id="np.load"
    ),
    pytest.param(
        lambda _: pickle.dumps(_Call(joblib.load, "x.pkl")),
        f"{joblib.load.__module__}.load",
        id="joblib.load",
    ),
    pytest.param(lambda _: pickle.dumps(getattr), "builtins.getattr", id="getattr"),
    pytest.param(
        lambda _: pickle.dumps(KMeans.fit), "sklearn.cluster._kmeans.KMeans.fit", id="a method"
    ),
    pytest.param(lambda _: pickle.dumps(pd.DataFrame({"a": [1]})), "pandas", id="a data frame"),
]


@pytest.mark.parametrize(("make", "asked"), [*DANGEROUS, *OTHERS])
def test_a_pickle_that_asks_for_more_is_refused_before_it_runs(
    make: Callable[[Path], bytes], asked: str, tmp_path: Path
) -> None:
    marker = tmp_path / "it_ran"
    content = make(marker)

    with pytest.raises(UntrustedModelError) as refused:
        _load(content)

    assert str(refused.value).startswith(f"the model file asks for {asked}")
    assert not marker.exists()


@pytest.mark.parametrize(("make", "asked"), DANGEROUS)
def test_those_pickles_are_really_dangerous(
    make: Callable[[Path], bytes], asked: str, tmp_path: Path
) -> None:
    del asked
    marker = tmp_path / "it_ran"

    pickle.loads(make(marker))  # noqa: S301 (that it runs is the claim)

    assert marker.exists()


def test_a_registered_extension_code_is_refused_as_well() -> None:
    copyreg.add_extension("os", "system", 0x7F)  # type: ignore[no-untyped-call]
    try:
        with pytest.raises(UntrustedModelError, match=r"asks for os\.system,"):
            _load(b"\x80\x02\x82\x7f.")
    finally:
        copyreg.remove_extension("os", "system", 0x7F)  # type: ignore[no-untyped-call]


def test_through_the_dataset_the_reason_is_the_cause(tmp_path: Path) -> None:
    marker = tmp_path / "it_ran"
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(_Call(os.system, _touch(marker))))

    with pytest.raises(DatasetError) as refused:
        PickleDataset(filepath=str(path), backend=BACKEND).load()

    assert type(refused.value.__cause__) is UntrustedModelError
    assert not marker.exists()


# --- bytes that are no model ------------------------------------------------------------------


@pytest.mark.parametrize("kept", [0, 1, 2, 40, 300, -300, -2, -1])
def test_a_truncated_model_is_refused(kept: int, dumped: list[bytes]) -> None:
    for content in dumped:
        with pytest.raises(UntrustedModelError, match="damaged or not a model"):
            _load(content[:kept])


@pytest.mark.parametrize(
    "content",
    [
        b"garbage",
        b"session_id,segment\n1,2\n",
        b"\x00" * 100,
        b"\x80\x05",
        b"\x80\xff.",
        bytes(range(256)),
        b"PK\x03\x04",
        b".",
        b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f.",
    ],
)
def test_bytes_that_are_no_pickle_are_refused(content: bytes) -> None:
    with pytest.raises(UntrustedModelError, match="damaged or not a model"):
        _load(content)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"a": 1}, id="dict"),
        pytest.param(None, id="None"),
        pytest.param("text", id="text"),
        pytest.param(np.arange(3), id="array"),
        pytest.param(KMeans, id="class"),
        pytest.param(KMeans(3), id="k-means alone"),
    ],
)
def test_a_harmless_pickle_that_is_no_model_is_refused(other: Any) -> None:
    with pytest.raises(UntrustedModelError, match="not a model"):
        _load(pickle.dumps(other))


class _Called:
    """Pickles as a call of ``function`` with ``arguments``, and a state to build on the result."""

    def __init__(self, function: Any, *arguments: Any, state: Any = None) -> None:
        self._call = (function, arguments, state)

    def __reduce__(self) -> Any:
        function, arguments, state = self._call
        return (function, arguments) if state is None else (function, arguments, state)


def _pointers_of_an_array() -> Any:
    return _Called(np.ndarray, (9,), np.dtype("O"), b"A" * 72)


def _pointers_of_a_changed_type() -> Any:
    plain = _Called(np.dtype, "O8", False, True, state=(3, "|", None, None, None, -1, -1, 0))  # noqa: FBT003
    return _Called(np._core.numeric._frombuffer, b"A" * 72, plain, (9,), "C")  # noqa: SLF001


def _type_of_another_kind() -> Any:
    return _Called(np.dtype, "V72")


@pytest.mark.parametrize(
    "make", [_pointers_of_an_array, _pointers_of_a_changed_type, _type_of_another_kind]
)
def test_bytes_of_a_pickle_never_become_pointers(make: Any) -> None:
    with pytest.raises(UntrustedModelError):
        _load(_dump({"feature_names_in_": make()}))

    assert np.dtype("O").hasobject
    assert np.array(["still", "objects"], dtype=object).tolist() == ["still", "objects"]


def test_a_pipeline_of_other_steps_is_no_model() -> None:
    with pytest.raises(UntrustedModelError, match="not a model: it holds a Pipeline"):
        _load(_dump(Pipeline([("scale", MinMaxScaler())])))
