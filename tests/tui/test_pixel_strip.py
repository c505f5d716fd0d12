import numpy as np
import pytest
from rich.color import ColorSystem
from rich.console import Console
from textual.color import Color

from tests.tui.shown_cells import seen
from tui_lab.tui.cell_rows import CellKind, fine_cells, half_blocks
from tui_lab.tui.pixel_strip import PixelStrip, pixel_strips
from tui_lab.tui.terminal import ColourDepth

BACKGROUND = Color(16, 19, 25)


def strip_of(picture: np.ndarray, depth: ColourDepth = ColourDepth.TRUECOLOR) -> PixelStrip:
    return pixel_strips(half_blocks(picture), depth, BACKGROUND)[0]


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


@pytest.mark.parametrize("kind", [CellKind.QUADRANT, CellKind.SEXTANT])
def test_strips_of_finer_cells_are_cut_and_exported_too(kind: CellKind) -> None:
    picture = np.random.default_rng(2).integers(0, 256, (kind.rows, kind.columns * 30, 3), dtype=np.uint8)
    (strip,) = pixel_strips(fine_cells(picture, kind), ColourDepth.TRUECOLOR, BACKGROUND)
    whole = seen([strip.render(Console())], 30, kind)
    pieces = [seen([piece.render(Console())], piece.cell_length, kind) for piece in strip.divide([7, 20, 30])]
    assert np.array_equal(np.concatenate(pieces, axis=1), whole)
    by_rich = "".join(segment.style.render(segment.text) for segment in strip if segment.style)
    assert np.array_equal(seen([by_rich], 30, kind), whole)
