"""What a terminal shows of rows of cells, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pyte

from tui_lab.tui.cell_rows import CellKind


def seen(rows: list[str], width: int, kind: CellKind = CellKind.HALF) -> np.ndarray:
    """The pixels (rows·R, columns·W, 3) that these rows of escape sequences make on a screen."""
    screen = pyte.Screen(width + 1, len(rows))
    pyte.Stream(screen).feed("\r\n".join(rows))
    shown = np.zeros((kind.rows * len(rows), kind.columns * width, 3), np.uint8)
    for y in range(len(rows)):
        for x in range(width):
            cell = screen.buffer[y][x]
            front = bytes.fromhex(cell.fg) if cell.fg != "default" else b"\0\0\0"
            painted = kind.glyphs.index(cell.data) if kind.is_fine else int(cell.data == "▀")
            for bit in range(kind.rows * kind.columns):
                row, column = divmod(bit, kind.columns)
                colour = front if painted >> bit & 1 else bytes.fromhex(cell.bg)
                shown[kind.rows * y + row, kind.columns * x + column] = tuple(colour)
    return shown
