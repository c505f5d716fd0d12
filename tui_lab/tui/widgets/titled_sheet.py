"""A sheet of pictures with its titles, which stay in sight while it is gone through."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from tui_lab.tui.widgets.sheet_grid import SheetGrid

MOST_TITLE = 14
"""Cells of a row's title; what is longer is broken into lines."""


class TitledSheet(Vertical):
    """The sheet with what its rows and columns stand for."""

    DEFAULT_CSS = """
    TitledSheet {
        & #sheet-columns { height: 1; text-wrap: nowrap; }
        & #sheet-rows { width: auto; height: 1fr; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._rows: tuple[str, ...] = ()
        self._columns: tuple[str, ...] = ()
        self._knobs = ("", "")

    def compose(self) -> ComposeResult:
        yield Static(id="sheet-columns")
        with Horizontal():
            yield Static(id="sheet-rows")
            yield SheetGrid()

    @property
    def grid(self) -> SheetGrid:
        return self.query_one(SheetGrid)

    def title(self, knobs: tuple[str, str], rows: Sequence[str], columns: Sequence[str]) -> None:
        """What rows and columns turn, and the value of each."""
        self._knobs, self._rows, self._columns = knobs, tuple(rows), tuple(columns)
        width = max(len(knobs[1]), min(MOST_TITLE, max(map(len, rows), default=0)))
        self.query_one("#sheet-rows").styles.width = width + 1
        self.grid.lay(len(rows), len(columns))

    def on_sheet_grid_moved(self) -> None:
        """Titles of what is in view; the framed place's stand out."""
        grid, layout = self.grid, self.grid.plan
        (row, column), (top, left) = grid.at, grid.first
        width = self.query_one("#sheet-rows").size.width
        parts: list[tuple[str, str] | str] = [(self._knobs[1][: width - 1].rjust(width - 1), "$secondary"), " "]
        for place in range(layout.across):
            text = _short(self._columns[left + place], layout.pitch_x - 1) if left + place < len(self._columns) else ""
            parts.append((text.center(layout.pitch_x), _tone(left + place == column)))
        self.query_one("#sheet-columns", Static).update(Content.assemble(*parts), layout=False)
        lines: list[Content] = []
        for place in range(layout.down):
            words = textwrap.wrap(self._rows[top + place], width - 1) if top + place < len(self._rows) else []
            high = layout.pitch_y // 2
            block = [""] * max(0, (high - len(words)) // 2) + words[:high]
            block += [""] * (high - len(block))
            lines += [Content.styled(line.rjust(width - 1), _tone(top + place == row)) for line in block]
        self.query_one("#sheet-rows", Static).update(Content("\n").join(lines), layout=False)


def _tone(framed: bool) -> str:
    return "$accent bold" if framed else "$foreground"


def _short(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"
