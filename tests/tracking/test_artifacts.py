"""The input example of a model, and the page of its figures."""

from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from user_activity_trends.segmentation.model import build_model
from user_activity_trends.segmentation.scaling import FeatureScaler, Scaler, Transform
from user_activity_trends.tracking.example import centroids_in_own_units
from user_activity_trends.tracking.figures import page

CENTRES = np.array([[5.0, 10.0], [30.0, 300.0], [60.0, 12.0]])


def model_of(transform: Transform, scaler: Scaler, *, fill_gaps: bool) -> Any:
    """Train on three groups, each within less than one above its centre."""
    noise = np.random.default_rng(7).random((120, 2))
    table = pd.DataFrame(CENTRES[np.arange(120) % 3] + noise, columns=["pages", "minutes"])
    frame = nw.from_native(table, eager_only=True)
    learnt = FeatureScaler.learn(frame, list(table), transform, scaler, fill_gaps=fill_gaps)
    return build_model(learnt, learnt.apply(frame).select(list(table)).to_numpy(), 3, 2, 7)


@pytest.mark.parametrize("fill_gaps", [False, True])
@pytest.mark.parametrize("scaler", ["minmax", "standard", "robust"])
@pytest.mark.parametrize("transform", ["none", "log1p"])
def test_the_example_is_one_typical_session_a_cluster(
    transform: Transform, scaler: Scaler, *, fill_gaps: bool
) -> None:
    model = model_of(transform, scaler, fill_gaps=fill_gaps)

    example = centroids_in_own_units(model)

    assert model.predict(example).tolist() == [0, 1, 2]
    found = np.floor(example.sort_values("pages").to_numpy())
    assert found.tolist() == CENTRES.tolist()
    assert example.dtypes.astype(str).to_dict() == {"pages": "float64", "minutes": "float64"}


def test_the_page_of_figures_has_plotly_once_and_loads_nothing() -> None:
    figures = {name: go.Figure(go.Bar(y=[1, 2], name=name)) for name in ("sizes", "elbow")}

    html = page(figures, "<script>alert(1)</script>")

    assert "<title>Figures of model &lt;script&gt;" in html
    assert html.count('<script src="') == 0
    assert html.count('id="sizes"') == html.count('id="elbow"') == 1
    assert len(html) < 2 * len(page({"sizes": figures["sizes"]}, "v"))
