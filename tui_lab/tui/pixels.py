"""Pictures side by side on a canvas, enlarged by whole factors, so that every pixel of theirs stays a square."""

import math
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


class GridFit(NamedTuple):
    """How `count` pictures are laid out: `shown` of them, `columns` a row, each enlarged `scale` times.

    `shrink` is above 1 only where not even one whole picture fits: then each is reduced that many times.
    """

    columns: int
    scale: int
    shown: int
    shrink: int = 1


class CellSize(NamedTuple):
    """Pixels that a cell has: two, one above the other, where `▀` draws them, more where the terminal shows pixels."""

    width: int
    height: int


HALF_CELL = CellSize(1, 2)


def best_grid(
    count: int,
    height: int,
    width: int,
    cells_w: int,
    cells_h: int,
    gap: int = 1,
    label_rows: int = 0,
    *,
    cell: CellSize = HALF_CELL,
    whole_cells: bool = False,
) -> GridFit:
    """The layout of `count` pictures of height × width pixels that fills `cells_w` × `cells_h` cells best.

    The largest whole scale at which all fit; where they don't fit even at 1, as many as do. Between layouts of one
    scale, whole rows before ragged ones. `label_rows` lines of text below each row of pictures are kept free; with
    them, or with `whole_cells`, each row of pictures begins at a cell.
    """
    if count <= 0 or height <= 0 or width <= 0 or cells_w <= 0 or cells_h <= label_rows:
        return GridFit(1, 1, 0)
    pixels_w, pixels_h = cell.width * cells_w, cell.height * (cells_h - label_rows)
    largest = min(pixels_w // width, pixels_h // height)
    if largest < 1:
        reduce = max(math.ceil(width / pixels_w), math.ceil(height / pixels_h))
        small = max(1, height // reduce), max(1, width // reduce)
        fit = best_grid(count, *small, cells_w, cells_h, gap, label_rows, cell=cell, whole_cells=whole_cells)
        return fit._replace(shrink=reduce)
    for scale in range(largest, 0, -1):
        most_columns = (pixels_w + gap) // (width * scale + gap)
        pitch = row_pitch(height * scale, gap, label_rows, cell, whole_cells)
        most_rows = (cell.height * cells_h + (0 if label_rows else pitch - height * scale)) // pitch
        if most_columns * most_rows >= count:
            return GridFit(_even_columns(count, most_columns, most_rows), scale, count)
    return GridFit(most_columns, 1, most_columns * most_rows)


def row_pitch(height: int, gap: int, label_rows: int, cell: CellSize = HALF_CELL, whole_cells: bool = False) -> int:
    """Pixels from one row of pictures, `height` high, to the next."""
    if label_rows:
        return (math.ceil(height / cell.height) + label_rows) * cell.height
    return math.ceil((height + gap) / cell.height) * cell.height if whole_cells else height + gap


def _even_columns(count: int, most_columns: int, most_rows: int) -> int:
    most_columns = min(count, most_columns)
    for columns in range(most_columns, max(1, most_columns // 2), -1):
        if count % columns == 0 and count // columns <= most_rows:
            return columns
    return math.ceil(count / math.ceil(count / most_columns))


def as_rgb(images: Pixels, background: tuple[int, int, int]) -> Pixels:
    """(…, H, W, C) with C of 1 (grey), 3, or 4 (shown over the background) → (…, H, W, 3)."""
    if images.shape[-1] == 1:
        return np.repeat(images, 3, axis=-1)
    if images.shape[-1] == 3:
        return images
    opaque = images[..., 3:].astype(np.float32) / 255
    over = images[..., :3] * opaque + np.array(background, np.float32) * (1 - opaque)
    return np.rint(over).astype(np.uint8)


def upscale(images: Pixels, factor: int) -> Pixels:
    """(…, H, W, C) → (…, H·factor, W·factor, C), each pixel a square."""
    return images if factor == 1 else images.repeat(factor, axis=-3).repeat(factor, axis=-2)


def shrink(images: Pixels, factor: int) -> Pixels:
    """(…, H, W, C) → (…, H//factor, W//factor, C), each pixel the mean of a square; what is left over is cut off."""
    if factor == 1:
        return images
    *lead, height, width, channels = images.shape
    rows, columns = max(1, height // factor), max(1, width // factor)
    cut = images[..., : rows * factor, : columns * factor, :]
    squares = cut.reshape(*lead, rows, cut.shape[-3] // rows, columns, cut.shape[-2] // columns, channels)
    return np.rint(squares.mean(axis=(-4, -2))).astype(np.uint8)


def resized(images: Pixels, height: int, width: int) -> Pixels:
    """(…, H, W, C) → (…, height, width, C), each pixel the mean of the part of the picture that it covers."""
    if images.shape[-3:-1] == (height, width):
        return images
    values = images.astype(np.float32)
    rows, columns = _coverage(images.shape[-3], height), _coverage(images.shape[-2], width)
    flat = values.reshape(*values.shape[:-2], -1)
    fewer = (rows @ flat).reshape(*values.shape[:-3], height, *values.shape[-2:])
    return np.rint(columns @ fewer).astype(np.uint8)


@cache
def _coverage(size: int, parts: int) -> NDArray[np.float32]:
    """(parts, size): how much of each pixel belongs to each of `parts` equal pieces of a line of `size` pixels."""
    edges = np.linspace(0, size, parts + 1)
    first, beyond = np.arange(size), np.arange(1, size + 1)
    covered = np.minimum(edges[1:, None], beyond) - np.maximum(edges[:-1, None], first)
    covered = np.clip(covered, 0, 1)
    return (covered / covered.sum(axis=1, keepdims=True)).astype(np.float32)


def coarsened(canvas: Pixels, factor: int) -> Pixels:
    """(H, W, 3) → (H, W, 3): squares of factor × factor pixels of their mean; the last ones may be cut."""
    if factor == 1:
        return canvas
    height, width = canvas.shape[:2]
    padded = np.pad(canvas, ((0, -height % factor), (0, -width % factor), (0, 0)), mode="edge")
    return upscale(shrink(padded, factor), factor)[:height, :width]


def grid(images: Pixels, columns: int, gap: int, background: tuple[int, int, int]) -> Pixels:
    """(N, H, W, C) → one picture (H', W', 3), row by row, `gap` pixels of background between neighbours."""
    count, height, width = images.shape[:3]
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    sheet = np.empty((rows, height + gap, columns, width + gap, 3), np.uint8)
    sheet[...] = background
    for start in range(0, count, columns):
        row = as_rgb(images[start : start + columns], background)
        sheet[start // columns, :height, : len(row), :width] = row.transpose(1, 0, 2, 3)
    return sheet.reshape(rows * (height + gap), columns * (width + gap), 3)[
        : rows * (height + gap) - gap, : columns * (width + gap) - gap
    ]
