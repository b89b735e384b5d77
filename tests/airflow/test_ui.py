"""The user interface in a real browser: what people open is there, is right and can be read."""

import itertools
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    expect,
)
from stack import TRAINING, USER, WHOLE, Stack

STAGES = ("data_processing", "clustering", "promotion", "labelling", "reporting")
WIDTH, HEIGHT = 1400, 900
SMALLEST_FONT = 10
# The width in pixels of the mark of its state in a bar of the Gantt chart.
MARK = 10
PATIENCE = 60_000
"""Milliseconds; the machine may be busy."""

# What Airflow itself does at each sign-in, and no setting prevents.
NOT_SIGNED_IN_YET = r"401 \(Unauthorized\) \(/ui/config\)"
FAB_LOGIN_SCRIPT = r"Cannot read properties of undefined \(reading 'tz'\)"

expect.set_options(timeout=PATIENCE)


@dataclass
class Watch:
    """Collects what goes wrong in the pages of a context, or leaves the machine."""

    home: str
    problems: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def follow(self, context: BrowserContext) -> None:
        context.on("console", self._console)
        context.on("weberror", lambda error: self.problems.append(f"script: {error.error}"))
        context.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            where = message.location["url"].removeprefix(self.home)
            self.problems.append(f"console: {message.text} ({where})")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((f"{self.home}/", "data:", "blob:")):
            self.problems.append(f"leaves the machine: {request.url}")

    def check(self) -> None:
        assert [
            problem
            for problem in self.problems
            if not any(re.search(pattern, problem) for pattern in self.expected)
        ] == []


@pytest.fixture(scope="module")
def signed_in(browser: Browser, stack: Stack) -> Any:
    """Sign in by the form that people see, and return what the browser then keeps."""
    watch = Watch(stack.url, expected=[NOT_SIGNED_IN_YET, FAB_LOGIN_SCRIPT])
    context = browser.new_context(base_url=stack.url)
    context.set_default_timeout(PATIENCE)
    watch.follow(context)
    page = context.new_page()
    page.goto("/")
    page.get_by_label("Username").fill(USER)
    page.get_by_label("Password").fill(stack.passwords[USER])
    page.get_by_role("button", name="Sign In").click()
    expect(page.get_by_role("link", name="Dags", exact=True)).to_be_visible()
    kept = context.storage_state()
    context.close()
    watch.check()
    return kept


@pytest.fixture
def watch(stack: Stack) -> Iterator[Watch]:
    watching = Watch(stack.url)
    yield watching
    watching.check()


@pytest.fixture
def page(browser: Browser, stack: Stack, signed_in: Any, watch: Watch) -> Iterator[Page]:
    """Open a page of somebody who has signed in, and has no settings yet."""
    context = browser.new_context(
        base_url=stack.url,
        storage_state=signed_in,
        viewport={"width": WIDTH, "height": HEIGHT},
        color_scheme="light",
    )
    context.set_default_timeout(PATIENCE)
    watch.follow(context)
    yield context.new_page()
    context.close()


# Where the text is, how large it is drawn, and whether the ends and the middle of its first and
# last line can be seen: text that is cut off is not there, and nothing but what is transparent,
# such as the link that Airflow spreads over a whole box, may lie on it.
LOOK = """(element) => {
    element.scrollIntoView({block: "nearest", inline: "nearest"});
    const range = document.createRange();
    range.selectNodeContents(element);
    let lines = [...range.getClientRects()].filter((line) => line.width > 0);
    if (lines.length === 0) lines = [element.getBoundingClientRect()];
    const zoom = element.offsetWidth
        ? element.getBoundingClientRect().width / element.offsetWidth : 1;
    const clear = /^(transparent|rgba\\(.*, 0\\)|.* \\/ 0\\))$/;
    const hidden = [lines[0], lines.at(-1)].flatMap((line) =>
        [line.left + 3, line.left + line.width / 2, line.right - 3].filter((x) => {
            const pile = document.elementsFromPoint(x, line.top + line.height / 2);
            const depth = pile.findIndex((one) => element.contains(one));
            return depth < 0 || pile.slice(0, depth).some(
                (one) => !clear.test(getComputedStyle(one).backgroundColor));
        }));
    return {
        left: Math.min(...lines.map((line) => line.left)),
        right: Math.max(...lines.map((line) => line.right)),
        height: lines[0].height,
        font: parseFloat(getComputedStyle(element).fontSize) * zoom,
        hidden,
    };
}"""


def settled(what: Callable[[], Any], page: Page) -> Any:
    """Return what does not change any more: things move while they are being drawn."""
    before, now = None, what()
    while before != now:
        page.wait_for_timeout(200)
        before, now = now, what()
    return now


def assert_legible(*texts: Locator) -> None:
    """Check that each text is there once, in the window, large enough, and not covered."""
    for text in texts:
        expect(text).to_be_visible()
        look = settled(lambda text=text: text.evaluate(LOOK), text.page)
        window = text.page.viewport_size
        assert window is not None
        assert 0 <= look["left"] < look["right"] <= window["width"], (text, look)
        assert look["height"] > 0, (text, look)
        assert look["font"] >= SMALLEST_FONT, (text, look)
        assert look["hidden"] == [], (text, look)


def open_run(page: Page, run_id: str, rest: str = "") -> None:
    # Other tests leave runs behind; the grid shows only so many.
    page.goto(f"/dags/{TRAINING}/runs/{run_id}{rest}?limit=25")


def test_the_graph_shows_every_stage_and_how_it_went(page: Page, trained: str) -> None:
    # Airflow draws all stages into half of the window: five are small on less than a full screen.
    page.set_viewport_size({"width": 1920, "height": 1080})
    open_run(page, trained)
    page.get_by_role("button", name="Show Graph").click()
    graph = page.get_by_role("application")
    for stage in STAGES:
        name = graph.get_by_role("link", name=stage).get_by_text(stage, exact=True)
        assert_legible(name)
        state = graph.get_by_test_id(f"rf__node-{stage}").get_by_text("success", exact=True)
        assert_legible(state)
    for before, after in itertools.pairwise(STAGES):
        edge = graph.get_by_role("img", name=f"Edge from {before} to {after}")
        expect(edge).to_have_count(1)


def point_at(page: Page, cell: Locator, told: Locator) -> None:
    """Point at a cell until it tells: the grid is drawn anew now and then, and misses the mouse."""
    for _ in range(10):
        cell.hover()
        try:
            expect(told).to_be_visible(timeout=3_000)
        except AssertionError:
            page.mouse.move(0, 0)
        else:
            return


def test_the_grid_shows_the_run(page: Page, trained: str) -> None:
    open_run(page, trained)
    assert_legible(page.get_by_role("heading", name=trained))
    for stage in STAGES:
        assert_legible(page.get_by_test_id(stage).get_by_text(stage, exact=True))
        told = page.get_by_role("tooltip").filter(has_text=stage)
        point_at(page, page.get_by_test_id(f"grid-{trained}-{stage}"), told)
        expect(told).to_contain_text("State: Success")
        page.mouse.move(0, 0)
        expect(told).to_be_hidden()


def test_the_gantt_chart_draws_each_task_as_long_as_it_took(
    page: Page, stack: Stack, trained: str
) -> None:
    open_run(page, trained)
    page.get_by_role("button", name="Show Gantt").click()
    # Links that are neither cells of the grid nor in the table beside it; the last part of a
    # bar, as the time in the queue may be drawn before it.
    drawn = [
        page.locator(f"a[href*='/{trained}/tasks/{stage}']:not([data-testid], td *)").last
        for stage in STAGES
    ]
    for bar in drawn:
        expect(bar).to_be_visible()
    boxes = settled(lambda: [bar.bounding_box() for bar in drawn], page)
    bars = dict(zip(STAGES, boxes, strict=True))
    tasks = stack.api.tasks(TRAINING, trained)
    began = {
        stage: datetime.fromisoformat(tasks[stage]["start_date"]).timestamp() for stage in STAGES
    }
    first, last = STAGES[0], STAGES[-1]
    scale = (bars[last]["x"] - bars[first]["x"]) / (began[last] - began[first])
    for stage in STAGES:
        start = bars[first]["x"] + scale * (began[stage] - began[first])
        assert bars[stage]["x"] == pytest.approx(start, abs=1), stage
        # A bar that would be narrower is drawn as wide as the mark of its state.
        width = max(MARK, scale * tasks[stage]["duration"])
        assert bars[stage]["width"] == pytest.approx(width, rel=0.1), stage
    assert max(bar["x"] + bar["width"] for bar in bars.values()) <= WIDTH


def test_the_code_is_the_generated_file(page: Page, stack: Stack, trained: str) -> None:
    open_run(page, trained)
    page.get_by_role("link", name="Code").click()
    assert_legible(page.get_by_text("Generated by `make dags`"))
    file = page.get_by_text(re.compile(r"_training_dag\.py$"))
    assert_legible(file)
    # The editor keeps its lines in any order.
    shown = page.locator(".view-line").evaluate_all(
        """(lines) => lines
            .sort((one, other) => parseInt(one.style.top) - parseInt(other.style.top))
            .map((line) => line.textContent.replaceAll('\\u00a0', ' '))"""
    )
    source = (stack.folder / "dags" / file.inner_text()).read_text().splitlines()
    assert shown[:20] == source[:20]


def test_the_log_of_a_task_names_the_nodes_that_ran(page: Page, trained: str) -> None:
    open_run(page, trained, "/tasks/data_processing")
    for node in ("validate_sessions", "scale_features"):
        line = page.get_by_text(re.compile(rf"INFO .* data_processing\.{node}$"))
        assert_legible(line)


def test_the_documentation_lists_the_stages(page: Page, trained: str) -> None:
    assert trained
    page.goto(f"/dags/{TRAINING}")
    page.get_by_role("button", name="Dag Docs").click()
    documentation = page.get_by_role("dialog")
    for stage in STAGES:
        assert_legible(documentation.get_by_text(stage, exact=True))
    # It is rendered, not shown as it is written.
    expect(documentation.get_by_role("listitem")).to_have_count(len(STAGES))
    expect(documentation).not_to_contain_text("**")


def trigger_form(page: Page) -> tuple[Locator, Locator, Locator, Locator]:
    """Open the form; return it with its fields for sessions, recipe and number of segments."""
    page.goto(f"/dags/{TRAINING}")
    page.get_by_role("button", name="Trigger Dag").click()
    form = page.get_by_role("dialog")

    def field(title: str, role: Any) -> Locator:
        return form.get_by_role("group").filter(has_text=re.compile(f"^{title}")).get_by_role(role)

    return (
        form,
        field("Sessions", "textbox"),
        field("Recipe", "combobox"),
        field("Largest number of segments to try", "spinbutton"),
    )


def test_the_trigger_form_has_a_typed_field_for_each_parameter(page: Page) -> None:
    form, sessions, recipe, segments = trigger_form(page)
    for title in ("Sessions", "Recipe", "Largest number of segments to try"):
        # The title of a field that has to be filled in ends in a star.
        assert_legible(form.get_by_text(re.compile(rf"^\s*{title}\s*\*?\s*$")))
    for explanation in ("CSV file: path or address", "Columns and scaling", "as configured."):
        assert_legible(form.get_by_text(explanation))
    expect(sessions).to_have_value("")
    expect(segments).to_have_value("")
    recipe.click()
    options = page.get_by_role("option")
    assert_legible(*options.all())
    assert options.all_inner_texts() == ["base", "log"]
    options.filter(has_text="log").click()
    expect(form.get_by_role("group").filter(has_text=re.compile("^Recipe"))).to_contain_text("log")
    form.get_by_role("button", name="Close").click()
    expect(form).to_be_hidden()


def test_a_wrong_value_starts_nothing(page: Page, stack: Stack, trained: str, watch: Watch) -> None:
    assert trained
    watch.expected.append(rf"400 \(Bad Request\) \(/api/v2/dags/{TRAINING}/dagRuns\)")
    runs = stack.api.get(f"dags/{TRAINING}/dagRuns")["total_entries"]
    form, sessions, _, segments = trigger_form(page)
    # The form does not keep a number that is too small.
    segments.fill("1")
    segments.blur()
    expect(segments).not_to_have_value("1")
    assert int(segments.input_value()) >= 3
    # It asks the server about texts.
    sessions.fill("${x}")
    form.get_by_role("button", name="Trigger", exact=True).click()
    assert_legible(form.get_by_text("400 Bad Request"))
    assert_legible(form.get_by_text("Invalid input for param sessions_file: '${x}'"))
    form.get_by_role("button", name="Close").click()
    expect(form).to_be_hidden()
    assert stack.api.get(f"dags/{TRAINING}/dagRuns")["total_entries"] == runs


if picture := os.environ.get("SCREENSHOT"):

    def test_the_picture_for_the_readme_is_taken(page: Page, stack: Stack) -> None:
        run_id = stack.api.trigger(WHOLE)
        assert stack.api.wait_for_run(WHOLE, run_id)["state"] == "success"
        page.set_viewport_size({"width": WIDTH, "height": 800})
        page.goto(f"/dags/{WHOLE}/runs/{run_id}")
        page.get_by_role("button", name="Show Graph").click()
        # Airflow gives the graph so much room that the table beside it loses its states.
        border = page.get_by_role("separator").bounding_box()
        assert border is not None
        page.mouse.move(border["x"] + border["width"] / 2, border["y"] + 100)
        page.mouse.down()
        page.mouse.move(732, border["y"] + 100, steps=5)
        page.mouse.up()
        start = page.get_by_role("columnheader").filter(has_text="Start Date")
        start.get_by_role("button").click()
        page.get_by_role("button", name="Fit View").click()
        page.mouse.move(WIDTH - 5, 795)
        node = page.get_by_test_id("rf__node-inference")
        expect(node.get_by_text("success", exact=True)).to_be_visible()
        settled(node.bounding_box, page)
        settled(lambda: page.get_by_role("table").inner_text(), page)
        page.screenshot(path=picture, animations="disabled")
