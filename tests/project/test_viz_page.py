"""The page of Kedro-Viz in a real browser: stages, layers, previews, and how the last run went."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from playwright.sync_api import Browser, Page, Request, expect

pytestmark = pytest.mark.long

PROJECT = Path(__file__).resolve().parents[2]
STAGES = ["clustering", "data_processing", "inference", "labelling", "promotion", "reporting"]
LAYERS = [
    *("raw", "intermediate", "primary", "feature"),
    *("model_input", "models", "model_output", "reporting"),
]
PATIENCE = 60_000
"""Milliseconds; the machine may be busy."""
FONT = "https://fonts.googleapis.com/"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Return a copy of the project after two runs, since these leave traces in its folder."""
    copy = tmp_path_factory.mktemp("viz") / "project"
    copy.mkdir()
    for name in ("conf", "src"):
        shutil.copytree(PROJECT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(PROJECT / "tests/data", copy / "tests/data")
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(PROJECT / name, copy / name)
    # The copy's code is measured where it lies.
    variables = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    environment = variables | {
        "DATA_ROOT": str(copy / "data"),
        "PYTHONPATH": str(copy / "src"),
        "KEDRO_ENV": "test",
    }
    # The main job last: how it went is what the page tells.
    for pipeline in ("compare_recipes", "__default__"):
        subprocess.run(
            [sys.executable, "-m", "kedro", "run", "--pipelines", pipeline],
            cwd=copy,
            env=environment,
            check=True,
            capture_output=True,
        )
    return copy, environment


@pytest.fixture(scope="module")
def served(copy: tuple[Path, dict[str, str]]) -> Iterator[str]:
    """Start Kedro-Viz on a free port; return its address."""
    folder, environment = copy
    port = _free_port()
    command = [sys.executable, "-m", "kedro", "viz", "run", "--no-browser", "--env=test"]
    with (folder / "viz.log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/api/main", folder / "viz.log")
        yield address
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _free_port() -> int:
    """Return a free port; Kedro-Viz takes none above 49,151."""
    for port in range(20_000 + os.getpid() % 20_000, 49_000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    msg = "no port is free"
    raise OSError(msg)


def _wait_for(address: str, log: Path) -> None:
    end = time.monotonic() + PATIENCE / 1000
    while True:
        try:
            httpx.get(address, trust_env=False).raise_for_status()
        except httpx.HTTPError:
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.2)
        else:
            return


@pytest.fixture
def page(browser: Browser, served: str) -> Iterator[Page]:
    """Open a page that may ask nobody else for anything, but its own web font."""
    outside: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith((f"{served}/", FONT, "data:", "blob:")):
            outside.append(request.url)

    context = browser.new_context(viewport={"width": 1400, "height": 900}, base_url=served)
    context.set_default_timeout(PATIENCE)
    context.on("request", note)
    yield context.new_page()
    context.close()
    assert outside == []


def test_every_stage_is_one_box_and_every_layer_is_named_in_order(page: Page) -> None:
    page.goto("/")

    boxes = page.locator("g.pipeline-node--modularPipeline")
    expect(boxes).to_have_count(len(STAGES), timeout=PATIENCE)
    assert sorted(box.text_content() or "" for box in boxes.all()) == STAGES
    layers = page.locator(".pipeline-layer-name")
    expect(layers).to_have_text(LAYERS, timeout=PATIENCE)


@pytest.mark.parametrize(
    "table", ["segment_profiles", "segment_trends", "conversion_changes", "elbow_curve"]
)
def test_a_table_has_a_preview(page: Page, table: str) -> None:
    page.goto(f"/?pid=__default__&expandAllPipelines=true&sn={table}")

    preview = page.locator(".pipeline-metadata table")
    expect(preview).to_be_visible(timeout=PATIENCE)
    assert preview.locator("tr").count() > 1


def _charts() -> list[str]:
    path = PROJECT / "conf/base/catalog_reporting.yml"
    catalog = yaml.safe_load(path.read_text(encoding="utf-8"))
    entries = {name: entry for name, entry in catalog.items() if not name.startswith("_")}
    return [name for name, entry in entries.items() if entry["type"] == "plotly.JSONDataset"]


@pytest.mark.parametrize("chart", _charts())
def test_a_chart_has_a_preview_that_has_drawn_something(page: Page, chart: str) -> None:
    pipeline = "compare_recipes" if chart == "recipe_comparison_chart" else "__default__"
    page.goto(f"/?pid={pipeline}&expandAllPipelines=true&sn={chart}")

    drawn = page.locator(".pipeline-metadata .js-plotly-plot .plot-container svg.main-svg").first
    expect(drawn).to_be_visible(timeout=PATIENCE)
    marks = page.locator(".pipeline-metadata .js-plotly-plot").locator(
        ".points path, .point path, path.js-line, image, .heatmaplayer image, .point"
    )
    expect(marks.first).to_be_attached(timeout=PATIENCE)


def test_the_run_is_told_to_have_succeeded(page: Page) -> None:
    page.goto("/workflow")

    expect(page.get_by_text("completed successfully")).to_be_visible(timeout=PATIENCE)


def test_the_static_site_has_the_pipelines_and_their_previews(
    copy: tuple[Path, dict[str, str]], project: Path
) -> None:
    folder, environment = copy
    makefile = (project / "Makefile").read_text(encoding="utf-8")
    command = "kedro viz build --include-previews"
    assert command in makefile

    subprocess.run(
        [sys.executable, "-m", *command.split()],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
    )

    built = folder / "build"
    assert (built / "index.html").exists()
    told = "".join(path.read_text("utf-8") for path in (built / "api/nodes").iterdir())
    assert "segment_profiles.csv" in told
    assert '"preview_type":"PlotlyPreview"' in told.replace(" ", "")
