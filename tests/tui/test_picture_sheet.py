import numpy as np
import pytest
from textual.geometry import Size

from tui_lab.tui.cell_rows import CellKind
from tui_lab.tui.picture_layout import lay_out
from tui_lab.tui.picture_sheet import Sheet
from tui_lab.tui.pixels import HALF_CELL, CellSize

BACKGROUND = (1, 2, 3)
TERMINAL = CellSize(10, 20)


def sheet(count: int, side: int, size: Size, cell: CellSize = HALF_CELL, marked: int | None = None) -> Sheet:
    images = np.random.default_rng(0).integers(0, 256, (count, side, side, 3), np.uint8)
    return Sheet(images, lay_out(images.shape[:3], size, cell=cell), size, BACKGROUND, marked)


@pytest.mark.parametrize("cell", [HALF_CELL, TERMINAL])
def test_every_pixel_is_a_square_of_its_colour(cell: CellSize) -> None:
    shown = sheet(6, 8, Size(60, 20), cell)
    canvas, layout = shown.canvas(), shown.layout
    assert canvas.shape == (20 * cell.height, 60 * cell.width, 3)
    assert layout.fit.scale > 1 and layout.fit.shown == 6
    for place in range(6):
        left, top = layout.corner(place)
        tile = canvas[top : top + layout.tile_height, left : left + layout.tile_width]
        whole = shown.images[place].repeat(layout.fit.scale, axis=0).repeat(layout.fit.scale, axis=1)
        assert np.array_equal(tile, whole)
        canvas[top : top + layout.tile_height, left : left + layout.tile_width] = BACKGROUND
    assert (canvas == BACKGROUND).all()


@pytest.mark.parametrize("side", [8, 60])
def test_cells_stand_where_the_full_pixels_will(side: int) -> None:
    shown = sheet(6, side, Size(60, 20), TERMINAL)
    cells = shown.cells().astype(int)
    of_canvas = shown.canvas().reshape(40, 10, 60, 10, 3).mean(axis=(1, 3))
    assert cells.shape == (40, 60, 3)
    blank = (of_canvas == BACKGROUND).all(axis=-1)
    assert (cells[blank] == BACKGROUND).all()
    assert np.corrcoef(cells[~blank].ravel(), of_canvas[~blank].ravel())[0, 1] > 0.6


def test_finer_cells_keep_what_half_blocks_lose() -> None:
    shown = sheet(1, 32, Size(16, 8))
    assert shown.layout.is_reduced
    exact = shown.images[0].astype(float)
    errors = []
    for kind in (CellKind.HALF, CellKind.QUADRANT, CellKind.SEXTANT):
        canvas = shown.canvas(kind)
        assert canvas.shape == (8 * kind.rows, 16 * kind.columns, 3)
        again = canvas.repeat(96 // canvas.shape[0], axis=0).repeat(32 // canvas.shape[1], axis=1)
        errors.append(((again - exact.repeat(3, axis=0)) ** 2).mean())
    assert errors[0] > errors[1] > errors[2] * 0.9


@pytest.mark.parametrize("cell", [HALF_CELL, TERMINAL])
def test_a_click_finds_the_picture_that_is_drawn_there(cell: CellSize) -> None:
    shown = sheet(12, 6, Size(60, 20), cell)
    cells, layout = shown.cells(), shown.layout
    for y, x in np.ndindex(20, 60):
        index = layout.index_at(x, y)
        if index is None:
            continue
        left, top = layout.corner(index)
        assert left - cell.width < x * cell.width < left + layout.tile_width
        assert top - cell.height < y * cell.height < top + layout.tile_height
    assert {layout.index_at(x, y) for y, x in np.ndindex(20, 60)} >= set(range(12))
    assert cells.shape == (40, 60, 3)


@pytest.mark.parametrize("cell", [HALF_CELL, TERMINAL])
@pytest.mark.parametrize("marked", [0, 5])
def test_a_frame_is_around_the_marked_picture_alone(cell: CellSize, marked: int) -> None:
    plain, framed = (sheet(6, 8, Size(60, 20), cell, mark) for mark in (None, marked))
    y, x = np.nonzero((plain.canvas() != framed.canvas()).any(axis=-1))
    left, top = framed.layout.corner(marked)
    assert max(0, left - cell.width) <= x.min() <= left and max(0, top - cell.width) <= y.min() <= top
    assert x.max() < left + framed.layout.tile_width + cell.width
    assert y.max() < top + framed.layout.tile_height + cell.width


def test_what_looks_alike() -> None:
    one = sheet(2, 8, Size(20, 10))
    assert one.looks_like(sheet(2, 8, Size(20, 10)))
    assert not one.looks_like(sheet(2, 8, Size(20, 10), marked=1))
    assert not one.looks_like(None)
