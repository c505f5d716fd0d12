import re

import numpy as np
import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from rich.color import ColorSystem
from rich.console import Console
from textual.color import Color

from tui_lab.tui import pixels
from tui_lab.tui.pixels import PixelStrip
from tui_lab.tui.terminal import ColourDepth, colour_depth

BACKGROUND = Color(16, 19, 25)

few_colours = hnp.arrays(np.uint8, st.tuples(st.sampled_from([2, 4]), st.integers(1, 12)), elements=st.integers(0, 3))
COLOURS = np.array([[0, 0, 0], [255, 255, 255], [200, 30, 40], BACKGROUND.rgb], np.uint8)


def seen(rows: list[str], width: int) -> np.ndarray:
    """What a terminal shows of these rows, as pixels (2·R, W, 3)."""
    screen = pyte.Screen(width + 1, len(rows))
    pyte.Stream(screen).feed("\r\n".join(rows))
    shown = np.zeros((2 * len(rows), width, 3), np.uint8)
    for y in range(len(rows)):
        for x in range(width):
            cell = screen.buffer[y][x]
            shown[2 * y + 1, x] = tuple(bytes.fromhex(cell.bg))
            shown[2 * y, x] = tuple(bytes.fromhex(cell.fg if cell.data == "▀" else cell.bg))
    return shown


@settings(max_examples=30)
@given(few_colours)
def test_a_terminal_shows_the_very_pixels(indices: np.ndarray) -> None:
    picture = COLOURS[indices]
    rows = pixels.encode_rows(picture, ColourDepth.TRUECOLOR, BACKGROUND)
    assert np.array_equal(seen(rows, picture.shape[1]), picture)


def test_noise_survives_too() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 50, 3), dtype=np.uint8)
    assert np.array_equal(seen(pixels.encode_rows(picture, ColourDepth.TRUECOLOR), 50), picture)


@settings(max_examples=30)
@given(few_colours)
def test_256_colours_are_the_nearest_ones_on_the_screen(indices: np.ndarray) -> None:
    picture = COLOURS[indices]
    shown = seen(pixels.encode_rows(picture, ColourDepth.PALETTE), picture.shape[1])
    expected = np.array([_palette_rgb(n) for n in pixels.palette_256(picture).ravel().tolist()]).reshape(picture.shape)
    assert np.array_equal(shown, expected)


def test_equal_neighbours_say_their_colour_once() -> None:
    picture = np.full((2, 40, 3), 90, np.uint8)
    (row,) = pixels.encode_rows(picture, ColourDepth.TRUECOLOR)
    assert row == "\x1b[48;2;90;90;90m" + " " * 40 + "\x1b[0m"


def test_a_new_foreground_alone_does_not_repeat_the_background() -> None:
    picture = np.array([[[1, 1, 1], [2, 2, 2]], [[9, 9, 9], [9, 9, 9]]], np.uint8)
    (row,) = pixels.encode_rows(picture, ColourDepth.TRUECOLOR)
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
    chosen = pixels.palette_256(colours)
    assert np.array_equal(distances[np.arange(8), chosen - 16], distances.min(axis=1))


def test_palette_16_finds_plain_colours() -> None:
    plain = np.array([[0, 0, 0], [205, 0, 0], [0, 255, 0], [255, 255, 255], [127, 127, 127]], np.uint8)
    assert pixels.palette_16(plain).tolist() == [0, 1, 10, 15, 8]


def test_sixteen_colours_use_the_short_codes() -> None:
    picture = np.array([[[255, 0, 0]], [[0, 0, 0]]], np.uint8)
    assert pixels.encode_rows(picture, ColourDepth.SIXTEEN) == ["\x1b[91;40m▀\x1b[0m"]


RICH = {ColourDepth.PALETTE: ColorSystem.EIGHT_BIT, ColourDepth.SIXTEEN: ColorSystem.STANDARD}


@pytest.mark.parametrize("depth", RICH)
def test_empty_cells_look_like_the_panel_around_them_in_few_colours(depth: ColourDepth) -> None:
    picture = np.empty((2, 3, 3), np.uint8)
    picture[...] = BACKGROUND.rgb
    code = ";".join(BACKGROUND.rich_color.downgrade(RICH[depth]).get_ansi_codes(False))
    assert pixels.encode_rows(picture, depth, BACKGROUND) == [f"\x1b[{code}m   \x1b[0m"]


# --- the strip ---


def strip_of(picture: np.ndarray, depth: ColourDepth = ColourDepth.TRUECOLOR) -> PixelStrip:
    return pixels.pixel_strips(picture, depth, BACKGROUND)[0]


@pytest.mark.parametrize("depth", [ColourDepth.TRUECOLOR, ColourDepth.PALETTE])
def test_segments_have_the_colours_of_the_escape_sequences(depth: ColourDepth) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (2, 30, 3), dtype=np.uint8)
    picture[:, 10:15] = BACKGROUND.rgb if depth is ColourDepth.TRUECOLOR else 90
    strip = strip_of(picture, depth)
    console = Console(color_system="truecolor", force_terminal=True)
    by_rich = "".join(
        segment.style.render(segment.text, color_system=ColorSystem.TRUECOLOR) if segment.style else segment.text
        for segment in strip
    )
    assert np.array_equal(seen([by_rich], 30), seen([strip.render(console)], 30))
    assert "\x1b" not in strip.text


def test_segments_of_equal_cells_are_one() -> None:
    assert len(list(strip_of(np.full((2, 30, 3), 7, np.uint8)))) == 1


def test_a_cut_strip_shows_its_part_of_the_picture() -> None:
    picture = np.random.default_rng(2).integers(0, 256, (2, 30, 3), dtype=np.uint8)
    strip = strip_of(picture)
    pieces = strip.divide([7, 20, 30])
    assert [piece.cell_length for piece in pieces] == [7, 13, 10]
    shown = [seen([piece.render(Console())], piece.cell_length) for piece in pieces]
    assert np.array_equal(np.concatenate(shown, axis=1), picture)
    assert strip.crop(0, 30) is strip
    assert np.array_equal(seen([strip.crop(5, 9).render(Console())], 4), picture[:, 5:9])


# --- arranging ---


@settings(max_examples=200)
@given(
    st.integers(1, 60), st.integers(1, 40), st.integers(1, 40), st.integers(1, 200), st.integers(2, 60), st.booleans()
)
def test_best_grid_stays_within_its_cells(
    count: int, height: int, width: int, cells_w: int, cells_h: int, labels: bool
) -> None:
    fit = pixels.best_grid(count, height, width, cells_w, cells_h, label_rows=int(labels))
    assert 1 <= fit.shown <= count
    tile_h, tile_w = (max(1, side // fit.shrink) * fit.scale for side in (height, width))
    columns = min(fit.columns, fit.shown)
    rows = -(-fit.shown // fit.columns)
    assert columns * (tile_w + 1) - 1 <= cells_w
    if labels:
        assert rows * (-(-tile_h // 2) + 1) <= cells_h
    else:
        assert rows * (tile_h + 1) - 1 <= 2 * cells_h


@pytest.mark.parametrize(
    ("count", "side", "cells", "expected"),
    [
        (16, 16, (67, 34), (4, 1, 16, 1)),  # 4 × 4 exactly
        (4, 16, (67, 34), (2, 2, 4, 1)),  # room to be twice as large
        (8, 16, (135, 8), (8, 1, 8, 1)),  # one row
        (8192, 16, (50, 17), (3, 1, 6, 1)),  # as many as there is room for
        (1, 64, (32, 40), (1, 1, 1, 2)),  # not even one: at half its size
        (0, 16, (50, 17), (1, 1, 0, 1)),
    ],
)
def test_best_grid(count: int, side: int, cells: tuple[int, int], expected: tuple[int, int, int, int]) -> None:
    assert tuple(pixels.best_grid(count, side, side, *cells)) == expected


def test_best_grid_prefers_whole_rows() -> None:
    assert pixels.best_grid(12, 16, 16, 120, 26).columns == 6


def test_grid_puts_pictures_row_by_row() -> None:
    images = np.stack([np.full((2, 3, 1), value, np.uint8) for value in (10, 20, 30)])
    sheet = pixels.grid(images, 2, 1, (1, 2, 3))
    assert sheet.shape == (5, 7, 3)
    assert (sheet[:2, :3] == 10).all() and (sheet[:2, 4:] == 20).all() and (sheet[3:, :3] == 30).all()
    assert (sheet[2] == (1, 2, 3)).all() and (sheet[:, 3] == (1, 2, 3)).all() and (sheet[3:, 4:] == (1, 2, 3)).all()


def test_upscale_and_shrink_undo_each_other() -> None:
    images = np.random.default_rng(3).integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)
    assert pixels.upscale(images, 3).shape == (2, 12, 15, 3)
    assert np.array_equal(pixels.shrink(pixels.upscale(images, 3), 3), images)


# --- depth ---


@pytest.mark.parametrize(
    ("environ", "depth"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, ColourDepth.TRUECOLOR),
        ({"TERM": "xterm-256color"}, ColourDepth.PALETTE),  # what SSH leaves
        ({"TERM": "screen-256color", "TMUX": "x", "COLORTERM": ""}, ColourDepth.PALETTE),
        ({"TERM": "xterm-kitty"}, ColourDepth.TRUECOLOR),
        ({"TERM": "linux"}, ColourDepth.SIXTEEN),
        ({"TERM": "dumb"}, ColourDepth.NONE),
        (
            {"TERM": "xterm-256color", "COLORTERM": "truecolor", "TERM_PROGRAM": "Apple_Terminal"},
            ColourDepth.PALETTE,
        ),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": "1"}, ColourDepth.NONE),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, ColourDepth.PALETTE),
        ({"TERM": "linux", "TEXTUAL_COLOR_SYSTEM": "truecolor"}, ColourDepth.TRUECOLOR),
        ({"TERM": "linux", "DIFFUSION_LAB_COLOR": "256", "NO_COLOR": "1"}, ColourDepth.PALETTE),
        ({"TERM": "linux", "DIFFUSION_LAB_COLOR": "rainbow"}, ColourDepth.SIXTEEN),
    ],
)
def test_colour_depth(environ: dict[str, str], depth: ColourDepth) -> None:
    assert colour_depth(environ) is depth


def test_without_colour_brighter_pixels_are_fuller_shades() -> None:
    ramp = np.repeat(np.linspace(0, 255, 10).astype(np.uint8)[None, :, None], 3, axis=2).repeat(2, axis=0)
    assert pixels.luminance_rows(ramp, ascii_only=True) == [" .:-=+*#%@"]
    assert pixels.luminance_rows(ramp, dark=False, ascii_only=True) == ["@%#*+=-:. "]
    assert re.fullmatch("[ ░▒▓█]+", pixels.luminance_rows(ramp)[0])


@pytest.mark.parametrize("depth", [ColourDepth.TRUECOLOR, ColourDepth.PALETTE, ColourDepth.SIXTEEN])
def test_the_size_of_encoded_rows_is_told_beforehand(depth: ColourDepth) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (8, 60, 3), np.uint8)
    for picture in (noise, pixels.upscale(noise[:4, :30], 2), np.zeros_like(noise)):
        truth = sum(len(row.encode()) for row in pixels.encode_rows(picture, depth))
        assert 0.8 * truth < pixels.encoded_sizes(picture, depth).sum() < 1.5 * truth
