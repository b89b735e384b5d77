"""Load a segmentation model from a pickle without trusting the pickle.

A backend for ``pickle.PickleDataset``. Unpickling calls whatever the file names;
this loader refuses every name that a segmentation model does not need before
anything is imported or called.
"""

import pickle
from typing import IO, Any

import numpy as np

from user_activity_trends.errors import UntrustedModelError

# Module and name of every class and function that the pickle of a fitted
# imputer, transform, scaler and k-means refers to.
ALLOWED = frozenset(
    {
        ("numpy", "dtype"),
        ("numpy", "log1p"),
        ("numpy", "ndarray"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "scalar"),
        ("numpy._core.numeric", "_frombuffer"),
        ("sklearn.cluster._kmeans", "KMeans"),
        ("sklearn.impute._base", "SimpleImputer"),
        ("sklearn.pipeline", "Pipeline"),
        ("sklearn.preprocessing._data", "MinMaxScaler"),
        ("sklearn.preprocessing._data", "RobustScaler"),
        ("sklearn.preprocessing._data", "StandardScaler"),
        ("sklearn.preprocessing._function_transformer", "FunctionTransformer"),
    }
)


_KINDS = frozenset({"f8", "i8", "i4", "b1", "O8"})


class _NoArray:
    """Stands for ``numpy.ndarray``, which, called, makes pointers of the pickle's bytes."""


def _array(*_: object) -> Any:
    """Make the empty array that the pickle then fills; numpy checks what it fills it with."""
    from numpy._core.multiarray import _reconstruct

    return _reconstruct(np.ndarray, (0,), b"b")


def _dtype(kind: object, *_: object) -> Any:
    """Return one of numpy's own types, whose state a pickle cannot change."""
    if kind not in _KINDS:
        msg = f"the model file asks for an array of type {kind!r}, which no model has"
        raise UntrustedModelError(msg)
    return np.dtype(str(kind))


_SAFER = {
    ("numpy", "dtype"): _dtype,
    ("numpy", "ndarray"): _NoArray,
    ("numpy._core.multiarray", "_reconstruct"): _array,
}
"""What the pickle gets instead of numpy functions that trust their arguments."""


class _AllowListUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            msg = (
                f"the model file asks for {module}.{name}, which no segmentation model needs; "
                "nothing in it was run. Replace the file with one from a training run that you "
                "trust (kedro run --pipelines training)"
            )
            raise UntrustedModelError(msg)
        return _SAFER.get((module, name)) or super().find_class(module, name)


def load(file: IO[bytes]) -> Any:
    """Unpickle a segmentation model.

    Args:
        file: Open binary file.

    Returns:
        The scikit-learn ``Pipeline`` that ``dump`` wrote.

    Raises:
        UntrustedModelError: The file names anything but the classes of such a
            pipeline, or is no pickle at all; the message says which file, if fsspec
            has opened it.
    """
    try:
        return _load(file)
    except UntrustedModelError as error:
        place = getattr(file, "path", None)
        if place is None:
            raise
        msg = f"{place}: {error}"
        raise UntrustedModelError(msg) from error.__cause__


def _load(file: IO[bytes]) -> Any:
    from sklearn.pipeline import Pipeline

    try:
        model = _AllowListUnpickler(file).load()
    except UntrustedModelError:
        raise
    except Exception as error:  # damaged bytes make unpickling raise nearly anything
        msg = (
            f"the model file is damaged or not a model ({type(error).__name__}: {error}); "
            "restore it, or train again (kedro run --pipelines training)"
        )
        raise UntrustedModelError(msg) from error
    fitted = isinstance(model, Pipeline) and {"scale", "cluster"} <= set(model.named_steps)
    if not (fitted and hasattr(model, "feature_names_in_")):
        msg = (
            f"the model file is not a model: it holds a {type(model).__name__}; restore it, "
            "or train again (kedro run --pipelines training)"
        )
        raise UntrustedModelError(msg)
    return model


def dump(model: Any, file: IO[bytes]) -> None:
    """Pickle a segmentation model.

    Args:
        model: A fitted scikit-learn ``Pipeline``.
        file: Binary file, open for writing.
    """
    pickle.dump(model, file, protocol=5)
