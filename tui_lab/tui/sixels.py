"""Pictures as sixels, a row of cells at a time, so that Textual may send, cut and cover rows as it does with text.

The encoder is textual-image's. Its widgets are not used: importing them asks the terminal, and waits for the answer.
"""

from __future__ import annotations

from tui_lab.tui.pixels import CellSize, Pixels

COLOURS = 256


class SixelPicture:
    """A picture (rows·cell.height, columns·cell.width, 3) in one palette for all its rows."""

    def __init__(self, pixels: Pixels, cell: CellSize) -> None:
        from PIL import Image

        self._image = Image.fromarray(pixels).quantize(COLOURS, Image.Quantize.FASTOCTREE)
        self._cell = cell

    def row(self, row: int, start: int, end: int) -> str:
        """Cells `start` to `end` of a row, and the cursor behind them, as text of that length leaves it.

        Blanks go first: they take away whatever pixels were there.
        """
        from textual_image._sixel import image_to_sixels

        width, height = self._cell
        part = self._image.crop((start * width, row * height, end * width, (row + 1) * height))
        count = end - start
        return f"\x1b[0m\x1b7{' ' * count}\x1b8{image_to_sixels(part)}\x1b8\x1b[{count}C" if count else ""
