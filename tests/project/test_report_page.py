"""The report in a real browser: it is read from a file, without a network, by all kinds of people.

Each case is a page that the nodes of the stage make of planted tables; the last
one is what ``kedro run`` writes.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from planted_results import plant, report
from playwright.sync_api import Browser, BrowserContext, Page, expect

WIDTHS, SCHEMES = (1400, 390), ("light", "dark")
CHARTS = 9
YEAR = ("Jan", "Feb", "Mar", "Apr", "May", "June", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
HOSTILE = (
    "<script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 1'>",
    "&amp; \"two\" 'one' $x^2$ %{meta[0]}",
    "😀 <a href='https://example.com'>emoji</a>",
    "x" * 80,
    "</script><!-- <b>bold</b>",
)
CASES: dict[str, dict[str, Any]] = {
    "three segments": {"accepted": YEAR, "rejected": 37},
    "no outcome": {"outcome": False},
    "no period": {"periods": ()},
    "one period": {"periods": ("Feb",)},
    "two segments": {"segments": 2, "user": True},
    "eight segments": {"segments": 8, "sessions": 4_000, "periods": YEAR},
    "12 segments": {"segments": 12, "sessions": 4_000, "periods": YEAR},
    "12 segments, two months by day": {
        "segments": 12,
        "sessions": 30_000,
        "periods": [f"2026-0{month}-{day:02d}" for month in (1, 2) for day in range(1, 29)],
        "period_bin": "day",
    },
    "no resamples": {"resamples": 0},
    "100,000 sessions": {"sessions": 100_000},
    "six weeks by day": {
        "periods": [f"2026-0{month}-{day:02d}" for month in (1, 2) for day in range(1, 22)],
        "period_bin": "day",
    },
    "hostile names": {
        "segments": len(HOSTILE),
        "names": HOSTILE,
        "features": ("<b>Pages</b>", "</script>", "😀 &quot;Rates", "y" * 80, '=1+"1"'),
        "dimension": "<i>Kind</i>",
        "values": ("<u>under</u>", "=1+1"),
        "periods": ("<b>one</b>", "two & three", "p" * 80),
        "rejected": 9,
    },
}

# What is wrong with what can be seen, in words.
LOOK = """() => {
    const problems = [];
    const box = (element) => element.getBoundingClientRect();
    const seen = (element) => box(element).width > 0 && box(element).height > 0;
    if (document.documentElement.scrollWidth > innerWidth)
        problems.push(`the page is ${document.documentElement.scrollWidth} wide`);
    for (const plot of document.querySelectorAll(".plot")) {
        const svg = box(plot.querySelector(".main-svg"));
        // Of what has nothing to draw, the frame around the reason.
        const some = plot.data.some((trace) => trace.x.length);
        const marks = plot.querySelectorAll(some
            ? ".points path, .point path, .js-line, .heatmaplayer image"
            : ".shapelayer path");
        if (![...marks].some((mark) => box(mark).width > 0 || box(mark).height > 0))
            problems.push(`${plot.id} has drawn nothing`);
        const below = plot.closest("figure").querySelector("figcaption");
        if (svg.bottom > box(below).top + 1) problems.push(`${plot.id} lies on its caption`);
        const texts = [...plot.querySelectorAll("svg text")].filter(
            (text) => text.textContent.trim() && seen(text));
        for (const text of texts) {
            const at = box(text);
            if (at.left < svg.left - 1 || at.right > svg.right + 1
                || at.top < svg.top - 1 || at.bottom > svg.bottom + 1)
                problems.push(`${plot.id}: ${text.textContent} is cut off`);
        }
        // Slanted labels stand side by side, though the boxes around them overlap.
        const slanted = (text) => {
            const turn = /rotate\\((-?[0-9.]+)/.exec(text.getAttribute("transform") || "");
            return turn && Number(turn[1]) % 90 !== 0;
        };
        const straight = texts.filter((text) => !slanted(text));
        straight.forEach((one, place) => straight.slice(place + 1).forEach((other) => {
            const [a, b] = [box(one), box(other)];
            const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
            const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
            if (wide > 2 && high > 3)
                problems.push(`${plot.id}: ${one.textContent} and ${other.textContent} overlap`);
        }));
    }
    for (const section of document.querySelectorAll("section")) {
        const parts = [...section.children].filter(seen);
        parts.slice(1).forEach((part, place) => {
            if (box(part).top < box(parts[place]).bottom - 1)
                problems.push(`${section.id}: ${part.className || part.tagName} lies on another`);
        });
    }
    return problems;
}"""

TEXTS = """() => [...document.querySelectorAll(".plot")].map((plot) => {
    const text = plot.querySelector(".xtick text");
    return text && getComputedStyle(text).fill;
}).filter(Boolean)"""


@pytest.fixture(scope="module")
def page_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Write the page of a case, once."""
    folder = tmp_path_factory.mktemp("pages")

    def written(case: str) -> Path:
        path = folder / f"{re.sub('[^a-z0-9]', '-', case)}.html"
        if not path.exists():
            path.write_text(report(plant(**CASES[case]))["report"], encoding="utf-8")
        return path

    return written


@contextmanager
def opened(browser: Browser, path: Path, **options: Any) -> Iterator[Page]:
    """Open a file; at the end, nothing may have gone wrong or have been asked for."""
    context: BrowserContext = browser.new_context(**options)
    wrong: list[str] = []
    context.on(
        "console",
        lambda told: (
            wrong.append(f"console: {told.text}") if told.type in {"error", "warning"} else None
        ),
    )
    context.on("weberror", lambda error: wrong.append(f"script: {error.error}"))
    context.on(
        "dialog", lambda dialog: (wrong.append(f"dialog: {dialog.message}"), dialog.accept())
    )
    address = path.as_uri()
    context.on(
        "request",
        lambda asked: wrong.append(f"asks for {asked.url}") if asked.url != address else None,
    )
    page = context.new_page()
    page.goto(address)
    yield page
    context.close()
    assert wrong == []


def viewed(width: int, scheme: str) -> dict[str, Any]:
    return {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}


def assert_legible(page: Page) -> None:
    assert page.locator(".plot").count() == CHARTS
    assert page.evaluate(LOOK) == []


@pytest.mark.long
@pytest.mark.parametrize("case", CASES)
def test_every_chart_is_drawn_and_nothing_is_cut_off_or_overlaps(
    browser: Browser, page_of: Callable[[str], Path], case: str
) -> None:
    wide, narrow = WIDTHS
    with opened(browser, page_of(case), **viewed(wide, "light")) as page:
        assert_legible(page)
        page.set_viewport_size({"width": narrow, "height": 900})
        page.wait_for_function(
            f"() => document.querySelector('#sizes_chart .main-svg').clientWidth < {narrow}"
        )
        assert_legible(page)


@pytest.mark.long
@pytest.mark.parametrize("width", WIDTHS)
def test_it_opens_at_any_width_in_the_dark(
    browser: Browser, page_of: Callable[[str], Path], width: int
) -> None:
    with opened(browser, page_of("three segments"), **viewed(width, "dark")) as page:
        assert_legible(page)


@pytest.mark.long
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("case", ["three segments", "hostile names"])
def test_axe_finds_no_serious_violation(
    browser: Browser, page_of: Callable[[str], Path], case: str, scheme: str
) -> None:
    with opened(browser, page_of(case), **viewed(1400, scheme)) as page:
        found = Axe().run(page).response["violations"]
    serious = [one for one in found if one["impact"] in {"serious", "critical"}]
    assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in serious] == []


def test_names_from_data_show_as_they_are_written_and_nothing_is_executed(
    browser: Browser, page_of: Callable[[str], Path]
) -> None:
    with opened(browser, page_of("hostile names"), **viewed(1400, "light")) as page:
        names = page.locator("#table-profiles tbody tr td:nth-child(2)").all_inner_texts()
        assert sorted(names) == sorted(HOSTILE)
        expect(page.locator("#table-breakdown-1 thead th").first).to_have_text("<i>Kind</i>")
        drawn = "\n".join(page.locator("svg text").all_text_contents())
        for name in ("<script>window.hacked = 1</script>", "</script><!-- <b>bold</b>"):
            assert name in drawn
        assert "$x^2$ %{meta[0]}" in drawn
        assert "xxx…" in drawn
        assert "x" * 80 not in drawn
        page.evaluate(
            """() => {
                const plot = document.getElementById("sizes_chart");
                plot.scrollIntoView();
                Plotly.Fx.hover(plot, plot.data.map((_, place) => (
                    {curveNumber: place, pointNumber: 0})));
            }"""
        )
        told = "\n".join(page.locator("#sizes_chart .hoverlayer text").all_text_contents())
        assert "<a href='https://example.com'>emoji</a>" in told
        assert page.locator("svg a, table a, main img, main script, main i, main b").count() == 0
        assert page.evaluate("window.hacked") is None


def test_charts_follow_the_colour_scheme_while_the_page_is_open(
    browser: Browser, page_of: Callable[[str], Path]
) -> None:
    with opened(browser, page_of("three segments"), **viewed(1400, "light")) as page:
        light = page.evaluate(TEXTS)
        page.emulate_media(color_scheme="dark")
        page.wait_for_function(f"() => ({TEXTS})()[0] !== {light[0]!r}")
        dark = page.evaluate(TEXTS)
        assert len(light) == len(dark) == CHARTS
        assert not set(light) & set(dark)


@pytest.mark.long
@pytest.mark.parametrize("case", ["three segments", "12 segments"])
def test_it_prints_dark_on_white_within_the_paper(
    browser: Browser, page_of: Callable[[str], Path], case: str
) -> None:
    """A4 is 794 pixels wide, its margins are 53 each."""
    with opened(browser, page_of(case), **viewed(688, "dark")) as page:
        on_screen = page.evaluate(TEXTS)
        page.emulate_media(media="print")
        page.evaluate("() => { dispatchEvent(new Event('beforeprint')); }")
        printed = page.evaluate(TEXTS)
        assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == (
            "rgb(255, 255, 255)"
        )
        assert len(printed) == CHARTS
        assert not set(on_screen) & set(printed)
        beyond = """() => [...document.querySelectorAll("table, .plot .main-svg")]
            .filter((one) => one.getBoundingClientRect().right > innerWidth)
            .map((one) => one.id || one.closest(".plot").id)"""
        assert page.evaluate(beyond) == []
        page.evaluate("() => { dispatchEvent(new Event('afterprint')); }")
        page.emulate_media(media="screen")
        assert page.evaluate(TEXTS) == on_screen
        assert page.pdf(format="A4").startswith(b"%PDF")


def test_it_can_be_used_by_keyboard(browser: Browser, page_of: Callable[[str], Path]) -> None:
    with opened(browser, page_of("three segments"), **viewed(1400, "light")) as page:
        page.keyboard.press("Tab")
        skip = page.get_by_role("link", name="Skip to the summary")
        expect(skip).to_be_focused()
        expect(skip).to_be_in_viewport()
        assert skip.evaluate("(link) => getComputedStyle(link).outlineWidth") == "3px"
        page.keyboard.press("Enter")
        assert page.url.endswith("#summary")
        copy = page.get_by_role("button", name="Copy table: Segments through time")
        copy.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_have_text("Copied: Segments through time")
        expect(copy).to_be_focused()
        for region in page.locator(".scroll").all():
            assert region.get_attribute("tabindex") == "0"


def copied(page: Page, caption: str) -> list[list[str]]:
    """Copy a table, paste it, and read it as a spreadsheet does."""
    page.get_by_role("button", name=f"Copy table: {caption}").click()
    expect(page.get_by_role("status")).to_have_text(f"Copied: {caption}")
    page.evaluate("() => document.body.append(document.createElement('textarea'))")
    page.locator("textarea").last.focus()
    page.keyboard.press("Control+V")
    pasted = page.locator("textarea").last.input_value()
    assert '\t"&amp; ""two"" ' in pasted
    return [*csv.reader(io.StringIO(pasted), delimiter="\t")]


@pytest.mark.long
@pytest.mark.parametrize("way", ["by hand", "clipboard"])
def test_a_copied_table_has_the_exact_numbers_between_tabs(
    browser: Browser, page_of: Callable[[str], Path], way: str
) -> None:
    with opened(browser, page_of("hostile names"), **viewed(1400, "light")) as page:
        if way == "by hand":
            page.evaluate("() => Object.defineProperty(navigator, 'clipboard', {value: undefined})")
        else:
            page.evaluate("() => { document.execCommand = () => false; }")
            page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        cells = copied(page, "Segments by <i>Kind</i>")
        heads = copied(page, "Typical sessions: the nearest to each segment's centre")[0]
    assert heads[5:] == ["<b>Pages</b>", "</script>", "😀 &quot;Rates", "y" * 80, '\'=1+"1"']
    table = report(plant(**CASES["hostile names"]))["segment_breakdowns"]
    kind = table[table["dimension"] == "<i>Kind</i>"]
    assert cells[0][:5] == ["<i>Kind</i>", "Segment", "Name", "Sessions", "Share"]
    # What a spreadsheet would take for a formula begins with an apostrophe.
    shown = [value.replace("=1+1", "'=1+1") for value in kind["value"]]
    assert [line[0] for line in cells[1:]] == shown
    assert [line[2] for line in cells[1:]] == kind["segment_name"].tolist()
    assert [float(line[4]) for line in cells[1:]] == kind["share"].tolist()


def test_without_scripts_the_words_and_tables_are_there(
    browser: Browser, page_of: Callable[[str], Path]
) -> None:
    with opened(
        browser, page_of("three segments"), java_script_enabled=False, **viewed(1400, "light")
    ) as page:
        expect(page.locator("#summary")).to_contain_text("1,200 sessions")
        expect(page.locator("#table-trends tbody tr").first).to_be_visible()
        assert page.locator(".hint:visible").count() == CHARTS


def test_the_page_of_a_real_run_opens(browser: Browser, tiny_run: Path) -> None:
    page_file = tiny_run / "08_reporting/report.html"
    for width in WIDTHS:
        with opened(browser, page_file, **viewed(width, "light")) as page:
            assert_legible(page)
