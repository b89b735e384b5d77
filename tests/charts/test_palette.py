"""Every segment can be told from the others, on a light and on a dark page, by all eyes."""

from itertools import combinations

import numpy as np
import pytest

from user_activity_trends.charts import palette

KEDRO_VIZ = ("#EEEEEE", "#111111")
FOREGROUND = (*palette.COLOURS, palette.ACCENT, palette.NEUTRAL, palette.MIX, palette.RATE)

# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
EYES = {
    "all cones": np.eye(3),
    "no L cones": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "no M cones": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "no S cones": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.119192, 0.9503041],
    ]
)


def luminance(colour: str) -> float:
    """Return the relative luminance of ``#RRGGBB``, 0 black to 1 white (WCAG 2.2)."""
    parts = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21 (WCAG 2.2)."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def lab(colour: str, eyes: str) -> np.ndarray:
    """Return CIELAB of a colour as these eyes see it."""
    rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    x, y, z = XYZ @ np.clip(EYES[eyes] @ linear, 0, 1) / np.array([0.95047, 1, 1.08883])
    f = [np.cbrt(v) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z)]
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("page", [*palette.PAGES, *KEDRO_VIZ])
def test_every_colour_stands_out_from_every_page(page: str) -> None:
    faint = {one: contrast(one, page) for one in FOREGROUND}
    assert {one: seen for one, seen in faint.items() if seen < 3} == {}


@pytest.mark.parametrize("eyes", EYES)
def test_any_two_segments_differ_for_all_eyes(eyes: str) -> None:
    distances = {
        (one, other): float(np.linalg.norm(lab(one, eyes) - lab(other, eyes)))
        for one, other in combinations(palette.COLOURS, 2)
    }
    assert min(distances.values()) > 15


def test_a_segment_has_its_colour_and_a_second_cue_by_its_number() -> None:
    styles = [palette.style(segment, 8) for segment in range(1, 9)]
    for cue in ("colour", "symbol", "dash", "pattern"):
        assert len({getattr(style, cue) for style in styles}) == 8
    assert [palette.style(segment, 3) for segment in (1, 2, 3)] == styles[:3]


def test_beyond_eight_segments_none_has_a_colour_of_its_own() -> None:
    assert {palette.style(segment, 9) for segment in range(1, 10)} == {palette.style(1, 9)}


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.005)
    assert contrast("#FFFFFF", "#777777") == contrast("#777777", "#FFFFFF")
