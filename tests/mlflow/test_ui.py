"""MLflow's user interface in a real browser: it shows what was logged."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pytest
from mlflow import MlflowClient
from planted_versions import PlantedStore
from playwright.sync_api import Browser, Page, expect
from projects import make_context
from servers import MlflowServer, answers, free_port, wait_for

from user_activity_trends.tracking.switch import mirror

FIRST, SECOND = "2026-11-26T05.38.00.123Z", "2026-11-26T06.38.00.123Z"
PATIENCE = 90_000
"""Milliseconds; the machine may be busy."""

expect.set_options(timeout=PATIENCE)


@pytest.fixture
def context(server: MlflowServer, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")
    return make_context(tracking={"registered_model": "shown"})


@pytest.fixture(name="context_of_a_file")
def _context_of_a_file() -> Any:
    return make_context()


@pytest.fixture
def page(browser: Browser, server: MlflowServer) -> Iterator[Page]:
    """Open a page; nothing in it may leave the machine, and no script may fail."""
    opened = browser.new_context(
        base_url=server.url, viewport={"width": 1400, "height": 900}, color_scheme="light"
    )
    opened.set_default_timeout(PATIENCE)
    problems: list[str] = []
    opened.on("weberror", lambda error: problems.append(f"script: {error.error}"))
    opened.on(
        "request",
        lambda request: (
            problems.append(f"leaves the machine: {request.url}")
            if not request.url.startswith((f"{server.url}/", "data:", "blob:"))
            else None
        ),
    )
    yield opened.new_page()
    opened.close()
    assert problems == []


def look(page: Page, name: str) -> None:
    """Keep a picture where SCREENSHOTS names a folder for them."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", animations="disabled")


def assert_aliases(page: Page, expected: dict[str, str | None]) -> None:
    """See that each version's row in the registry has this alias, or none."""
    page.goto("/#/models/shown")
    page.reload()
    for version, alias in expected.items():
        row = page.get_by_role("row").filter(has=page.get_by_text(version, exact=True))
        for one in ("champion", "candidate"):
            label = row.get_by_text(re.compile(rf"^@\s*{one}$"))
            expect(label).to_have_count(1 if one == alias else 0)


def test_promotion_and_rollback_show_in_the_registry(
    context: Any, store: PlantedStore, page: Page
) -> None:
    mirror(context, store)
    assert_aliases(page, {FIRST: "champion", SECOND: "candidate"})
    look(page, "registry")

    store.in_use = SECOND
    mirror(context, store)
    assert_aliases(page, {SECOND: "champion", FIRST: None})

    store.in_use = FIRST
    mirror(context, store)
    assert_aliases(page, {FIRST: "champion", SECOND: "candidate"})


def test_a_run_shows_settings_metrics_and_figures(
    context: Any, store: PlantedStore, page: Page
) -> None:
    figure = go.Figure(go.Bar(y=[1, 2]), layout={"title": {"text": "Planted figure"}})
    store.in_use = SECOND
    mirror(context, store, trained=SECOND, figures={"sizes_chart": figure})
    newest = next(
        one
        for one in MlflowClient().search_model_versions("name='shown'")
        if one.tags["model_version"] == SECOND
    )
    experiment = MlflowClient().get_experiment_by_name("user_activity_trends")
    assert experiment is not None
    address = f"/#/experiments/{experiment.experiment_id}/runs/{newest.run_id}"

    page.goto(address)
    expect(page.get_by_role("heading", name=SECOND)).to_be_visible()
    for name, value in (("clustering.sweep.k_max", "3"), ("training.sse", "4")):
        row = page.get_by_role("row").filter(has=page.get_by_text(name, exact=True))
        expect(row).to_contain_text(value)
    look(page, "run")

    page.goto(f"{address}/model-metrics")
    page.reload()
    expect(page.get_by_text("sweep.sse", exact=True).first).to_be_visible()
    look(page, "metrics")

    page.goto(f"{address}/artifacts/figures.html")
    page.reload()
    drawn = page.frame_locator("iframe").get_by_text("Planted figure")
    expect(drawn).to_be_visible()
    look(page, "figures")


def test_make_mlflow_shows_the_file(context_of_a_file: Any, store: PlantedStore) -> None:
    mirror(context_of_a_file, store)
    port = str(free_port())
    environment = os.environ | {"MLFLOW_PORT": port, "PYTHONPATH": "src"}
    command = [sys.executable, "-m", "user_activity_trends.tracking_ui"]
    with subprocess.Popen(command, env=environment, start_new_session=True) as interface:
        try:
            address = f"http://127.0.0.1:{port}"
            wait_for("the user interface", lambda: answers(address), 120)
            found = MlflowClient(address).get_model_version_by_alias(
                "user_activity_trends", "champion"
            )
            assert found.tags["model_version"] == FIRST
        finally:
            os.killpg(interface.pid, signal.SIGKILL)


def test_make_mlflow_announces_no_port_that_is_taken() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        environment = os.environ | {"MLFLOW_PORT": str(port), "PYTHONPATH": "src"}
        command = [sys.executable, "-m", "user_activity_trends.tracking_ui"]
        done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].endswith("set MLFLOW_PORT to a free port")


def test_where_a_server_is_its_address_is_told(server: MlflowServer) -> None:
    environment = os.environ | {"MLFLOW_TRACKING_URI": server.url, "PYTHONPATH": "src"}
    command = [sys.executable, "-m", "user_activity_trends.tracking_ui"]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert done.stdout == f"the tracking server has the user interface: {server.url}\n"
