"""The PNG: what stands in it, and what hostile text cannot do to it. The one module of the tests that draws."""

from __future__ import annotations

import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from PIL import Image

from bot.console.pictures import drawing
from bot.watch.picture import COLOURS, PAPER, draw
from bot.watch.series import STATES, Series
from bot.watch.sparks import text_picture
from bot.watch.wording import words
from tests.watch.days import day, holey, huge, quiet

SIZE = (1200, 750)
Pixel = tuple[int, int, int]


def opened(series: Series) -> Image.Image:
    return Image.open(io.BytesIO(draw(series))).convert("RGB")


def rgb(colour: str) -> Pixel:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def columns_with(picture: Image.Image, colour: str) -> set[int]:
    """The columns of the plotting area in which a pixel has this very colour."""
    pixels, wanted = picture.load(), rgb(colour)
    assert pixels is not None
    return {x for x in range(160, 1160) for y in range(200, 600) if pixels[x, y] == wanted}


def column(hour: float) -> int:
    """Where an hour of a day stands: the axis takes the picture's width from 13 to 97 per cent."""
    return round(SIZE[0] * (0.13 + 0.84 * hour / 24))


def test_the_package_imports_no_drawing() -> None:
    code = (
        "import sys, bot.watch, bot.watch.picture, bot.watch.sparks; "
        "sys.exit(any(n.startswith(('matplotlib', 'numpy', 'PIL')) for n in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_same_series_is_the_same_bytes_also_in_threads_and_carries_its_words() -> None:
    kinds = [day(quiet), day(holey), day(huge)]
    once = [draw(series) for series in kinds]
    with ThreadPoolExecutor(3) as threads:
        assert [*threads.map(draw, kinds * 2)] == once * 2
    image = Image.open(io.BytesIO(once[1]))
    assert image.size == SIZE
    assert image.info["Description"] == words(kinds[1])
    assert drawing(once[1]) == text_picture(kinds[1], 72), "the console reads it"
    assert set(image.info) <= {"Description", "Comment", "dpi"}


def test_a_gap_stays_a_gap() -> None:
    drawn = columns_with(opened(day(holey)), COLOURS["deferred"])
    for start, end in ((5, 8), (12, 14)):
        assert not drawn & set(range(column(start) + 2, column(end) - 2))
        assert column(start - 0.3) in drawn and column(end + 0.3) in drawn
    assert column(2) in drawn, "one lost sample is no gap"


def test_nothing_known_and_nothing_there_are_different_pictures() -> None:
    empty, unknown = opened(day(lambda _: 0)), opened(day(lambda _: None))
    assert columns_with(empty, "#b9bab8") == set()
    assert len(columns_with(unknown, "#b9bab8")) > 900
    assert not any(columns_with(picture, COLOURS["deferred"]) for picture in (empty, unknown))


def test_a_peak_that_hides_all_leaves_the_usual_to_be_seen() -> None:
    picture = opened(day(huge)).crop((160, 400, 1160, 590))
    colours = picture.getcolors(maxcolors=1_000_000)
    assert colours is not None
    share = sum(count for count, colour in colours if colour == rgb(COLOURS["deferred"])) / (1000 * 190)
    assert share > 0.2, "in the lower panel the usual depth fills a good part"


def test_the_paper_is_opaque_and_quiet() -> None:
    image = Image.open(io.BytesIO(draw(day(quiet))))
    assert image.convert("RGBA").getchannel("A").getextrema() == (255, 255)
    assert image.convert("RGB").getpixel((2, 2)) == rgb(PAPER)


@pytest.mark.parametrize(
    "seen",
    [
        ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
        # What people without red, green or blue cones see (Viénot, Brettel and Mollon 1999; rounded).
        ((0.11, 0.89, 0), (0.11, 0.89, 0), (0, 0, 1)),
        ((0.29, 0.71, 0), (0.29, 0.71, 0), (0, 0, 1)),
        ((1, 0, 0), (0, 0.87, 0.13), (0, 0.87, 0.13)),
    ],
)
def test_the_queues_are_told_apart_in_grey_by_whatever_eyes(seen: tuple[tuple[float, ...], ...]) -> None:
    def lightness(colour: str) -> float:
        """L* from 0 to 100 (CIE 1976)."""
        linear = [(part / 255 / 12.92) if part < 11 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in rgb(colour)]
        red, green, blue = (sum(a * b for a, b in zip(row, linear, strict=True)) for row in seen)
        return float(116 * (0.2126 * red + 0.7152 * green + 0.0722 * blue) ** (1 / 3) - 16)

    levels = sorted([*(lightness(COLOURS[state]) for state in STATES), lightness(PAPER)])
    assert min(later - earlier for earlier, later in pairwise(levels)) > 8, levels


@pytest.mark.parametrize(
    "text",
    ["$\\frac{1}{2}$", "$\\undefined", "a$b", "<b>&amp;</b>", "\u202e\x00\n\ud800", "日本語🎉", "m" * 5000, "", "\\"],
)
def test_hostile_text_is_drawn_as_it_stands_and_never_outgrows_the_picture(text: str) -> None:
    marks = tuple((float(hour), "critical", text) for hour in (0, 1, 2, 12, 23, 24))
    picture = opened(day(quiet, host=text, marks=marks))
    assert picture.size == SIZE
    margin = picture.crop((1196, 0, 1200, 750)).getcolors()
    assert margin is not None and [colour for _, colour in margin] == [rgb(PAPER)]


def test_mathtext_is_not_understood() -> None:
    plain, mathematics = opened(day(quiet, host="x^2")), opened(day(quiet, host="$x^2$"))
    wide = [max(x for x in range(1200) if picture.getpixel((x, 45)) != rgb(PAPER)) for picture in (plain, mathematics)]
    assert wide[1] > wide[0], "the dollar signs are there to be seen"
