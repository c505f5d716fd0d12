import itertools
import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from rich.color import ColorSystem
from textual.color import Color

from tests.tui.shown_cells import seen
from tui_lab.tui.cell_rows import (
    CellKind,
    ascii_shades,
    encode_rows,
    encoded_sizes,
    fine_cells,
    half_blocks,
    luminance_rows,
)
from tui_lab.tui.colours import palette_16, palette_256
from tui_lab.tui.pixels import upscale
from tui_lab.tui.terminal import ColourDepth

BACKGROUND = Color(16, 19, 25)

few_colours = hnp.arrays(np.uint8, st.tuples(st.sampled_from([2, 4]), st.integers(1, 12)), elements=st.integers(0, 3))
COLOURS = np.array([[0, 0, 0], [255, 255, 255], [200, 30, 40], BACKGROUND.rgb], np.uint8)


def encode(picture: np.ndarray, depth: ColourDepth, background: Color | None = None) -> list[str]:
    return encode_rows(half_blocks(picture), depth, background)


@settings(max_examples=30)
@given(few_colours)
def test_a_terminal_shows_the_very_pixels(indices: np.ndarray) -> None:
    picture = COLOURS[indices]
    rows = encode(picture, ColourDepth.TRUECOLOR, BACKGROUND)
    assert np.array_equal(seen(rows, picture.shape[1]), picture)


def test_noise_survives_too() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 50, 3), dtype=np.uint8)
    assert np.array_equal(seen(encode(picture, ColourDepth.TRUECOLOR), 50), picture)


@settings(max_examples=30)
@given(few_colours)
def test_256_colours_are_the_nearest_ones_on_the_screen(indices: np.ndarray) -> None:
    picture = COLOURS[indices]
    shown = seen(encode(picture, ColourDepth.PALETTE), picture.shape[1])
    expected = np.array([_palette_rgb(n) for n in palette_256(picture).ravel().tolist()]).reshape(picture.shape)
    assert np.array_equal(shown, expected)


def test_equal_neighbours_say_their_colour_once() -> None:
    picture = np.full((2, 40, 3), 90, np.uint8)
    (row,) = encode(picture, ColourDepth.TRUECOLOR)
    assert row == "\x1b[48;2;90;90;90m" + " " * 40 + "\x1b[0m"


def test_a_new_foreground_alone_does_not_repeat_the_background() -> None:
    picture = np.array([[[1, 1, 1], [2, 2, 2]], [[9, 9, 9], [9, 9, 9]]], np.uint8)
    (row,) = encode(picture, ColourDepth.TRUECOLOR)
    assert row == "\x1b[38;2;1;1;1;48;2;9;9;9m▀\x1b[38;2;2;2;2m▀\x1b[0m"


def _palette_rgb(number: int) -> tuple[int, int, int]:
    if number >= 232:
        grey = 8 + 10 * (number - 232)
        return grey, grey, grey
    levels = [0, 95, 135, 175, 215, 255]
    return levels[(number - 16) // 36], levels[(number - 16) // 6 % 6], levels[(number - 16) % 6]


@given(hnp.arrays(np.uint8, (8, 3)))
def test_palette_256_has_no_nearer_entry(colours: np.ndarray) -> None:
    every = np.array([_palette_rgb(n) for n in range(16, 256)])
    distances = ((colours[:, None].astype(int) - every) ** 2).sum(axis=-1)
    chosen = palette_256(colours)
    assert np.array_equal(distances[np.arange(8), chosen - 16], distances.min(axis=1))


def test_palette_16_finds_plain_colours() -> None:
    plain = np.array([[0, 0, 0], [205, 0, 0], [0, 255, 0], [255, 255, 255], [127, 127, 127]], np.uint8)
    assert palette_16(plain).tolist() == [0, 1, 10, 15, 8]


def test_sixteen_colours_use_the_short_codes() -> None:
    picture = np.array([[[255, 0, 0]], [[0, 0, 0]]], np.uint8)
    assert encode(picture, ColourDepth.SIXTEEN) == ["\x1b[91;40m▀\x1b[0m"]


RICH = {ColourDepth.PALETTE: ColorSystem.EIGHT_BIT, ColourDepth.SIXTEEN: ColorSystem.STANDARD}


@pytest.mark.parametrize("depth", RICH)
def test_empty_cells_look_like_the_panel_around_them_in_few_colours(depth: ColourDepth) -> None:
    picture = np.empty((2, 3, 3), np.uint8)
    picture[...] = BACKGROUND.rgb
    code = ";".join(BACKGROUND.rich_color.downgrade(RICH[depth]).get_ansi_codes(False))
    assert encode(picture, depth, BACKGROUND) == [f"\x1b[{code}m   \x1b[0m"]


# --- several pixels a cell in two colours ---

FINE = [CellKind.QUADRANT, CellKind.SEXTANT]


@pytest.mark.parametrize("kind", FINE)
def test_cells_of_two_colours_are_shown_as_they_are(kind: CellKind) -> None:
    random = np.random.default_rng(0)
    cells = random.integers(0, 256, (3, 20, 2, 3), dtype=np.uint8)  # two colours for each of 3 × 20 cells
    which = random.integers(0, 2, (3 * kind.rows, 20 * kind.columns))
    picture = upscale_cells(cells, which, kind)
    rows = encode_rows(fine_cells(picture, kind), ColourDepth.TRUECOLOR, BACKGROUND)
    assert np.array_equal(seen(rows, 20, kind), picture)


def upscale_cells(cells: np.ndarray, which: np.ndarray, kind: CellKind) -> np.ndarray:
    y, x = np.indices(which.shape)
    return cells[y // kind.rows, x // kind.columns, which]


@pytest.mark.parametrize("kind", FINE)
def test_no_other_two_colours_would_be_nearer(kind: CellKind) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (kind.rows, kind.columns, 3), dtype=np.uint8)
    shown = seen(encode_rows(fine_cells(picture, kind), ColourDepth.TRUECOLOR), 1, kind)
    values = picture.reshape(-1, 3).astype(float)
    least = min(_error_of(values, np.array(parts)) for parts in itertools.product([False, True], repeat=len(values)))
    error = ((shown.reshape(-1, 3) - values) ** 2).sum()
    assert error < least + 0.5 * len(values)  # colours are whole numbers


def _error_of(values: np.ndarray, inside: np.ndarray) -> float:
    parts = (values[chosen] for chosen in (inside, ~inside) if chosen.any())
    return sum(((part - part.mean(axis=0)) ** 2).sum() for part in parts)


def test_glyphs_are_the_ones_that_unicode_names_so() -> None:
    quadrants = {"UPPER LEFT": 1, "UPPER RIGHT": 2, "LOWER LEFT": 4, "LOWER RIGHT": 8}
    for name, bits in quadrants.items():
        assert unicodedata.name(CellKind.QUADRANT.glyphs[bits]) == f"QUADRANT {name}"
    sextants = CellKind.SEXTANT.glyphs
    for bits in range(64):
        places = "".join(str(place + 1) for place in range(6) if bits >> place & 1)
        if places not in ("", "135", "246", "123456"):
            assert unicodedata.name(sextants[bits]) == f"BLOCK SEXTANT-{places}"
    assert (sextants[0], sextants[0b010101], sextants[0b101010], sextants[63]) == (" ", "▌", "▐", "█")


def test_ascii_is_fuller_where_it_is_brighter_and_keeps_the_hue() -> None:
    ramp = np.zeros((2, 5, 3), np.uint8)
    ramp[..., 0] = [0, 60, 120, 180, 255]
    cells = ascii_shades(ramp, BACKGROUND.rgb)
    assert np.all(np.diff(cells.glyph[0].astype(int)) >= 0)
    assert cells.front[0, 1:].tolist() == [[255, 0, 0]] * 4
    (row,) = encode_rows(cells, ColourDepth.TRUECOLOR, BACKGROUND)
    assert row.isascii() and row.startswith("\x1b[48;2;16;19;25m ")


# --- sizes, shades ---


def test_without_colour_brighter_pixels_are_fuller_shades() -> None:
    ramp = np.repeat(np.linspace(0, 255, 10).astype(np.uint8)[None, :, None], 3, axis=2).repeat(2, axis=0)
    assert luminance_rows(ramp, ascii_only=True) == [" .:-=+*#%@"]
    assert luminance_rows(ramp, dark=False, ascii_only=True) == ["@%#*+=-:. "]
    assert re.fullmatch("[ ░▒▓█]+", luminance_rows(ramp)[0])


@pytest.mark.parametrize("depth", [ColourDepth.TRUECOLOR, ColourDepth.PALETTE, ColourDepth.SIXTEEN])
def test_the_size_of_encoded_rows_is_told_beforehand(depth: ColourDepth) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (8, 60, 3), np.uint8)
    for picture in (noise, upscale(noise[:4, :30], 2), np.zeros_like(noise)):
        truth = sum(len(row.encode()) for row in encode(picture, depth))
        assert 0.8 * truth < encoded_sizes(half_blocks(picture), depth).sum() < 1.5 * truth
