"""One step of a denoising on the screen: its panes, its place on the schedule, its numbers, the bar to scrub with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.content import Content
from textual.widgets import Static

from tui_lab.recipe import Recipe
from tui_lab.tui.theatre_words import (
    error_words,
    knob_words,
    level_words,
    memory_words,
    state_words,
    weights_words,
)
from tui_lab.tui.widgets.denoising_panes import DenoisingPanes
from tui_lab.tui.widgets.schedule_position import SchedulePosition
from tui_lab.tui.widgets.scrub_bar import ScrubBar
from tui_lab.workbench.cell import Cell


class TheatreStage(Vertical):
    """The curve stands beside the pictures, and in a terminal of middle size below them."""

    DEFAULT_CSS = """
    TheatreStage {
        height: 1fr;
        & #stage-body { height: 1fr; layout: horizontal; padding: 0 1; }
        & #stage-pictures { width: 1fr; height: 1fr; }
        & #stage-words { height: 1fr; content-align: center middle; text-align: center; color: $secondary; }
        & #stage-side { width: 44; height: 1fr; margin-left: 2; }
        & #stage-readings {
            height: 1fr; min-height: 9; margin-top: 1; text-wrap: nowrap; text-overflow: ellipsis;
        }
        & SchedulePosition { height: 16; }
        & ScrubBar { margin: 0 1; }
        & .-hidden { display: none; }
        &.-narrow #stage-side { width: 26; margin-left: 1; }
        &.-narrow #stage-readings { margin-top: 0; }
        &.-narrow SchedulePosition { height: 1fr; }
        &.-middle #stage-body { layout: vertical; }
        &.-middle #stage-side { width: 1fr; height: 9; layout: horizontal; margin: 1 0 0 0; }
        &.-middle #stage-readings { width: 48; height: 1fr; margin: 1 0 0 3; }
        &.-middle SchedulePosition { height: 1fr; }
    }
    """

    def compose(self) -> ComposeResult:
        with Container(id="stage-body"):
            with Vertical(id="stage-pictures"):
                yield Static(id="stage-words")
                yield DenoisingPanes()
            with Container(id="stage-side"):
                yield SchedulePosition()
                yield Static(id="stage-readings")
        yield ScrubBar()

    @property
    def panes(self) -> DenoisingPanes:
        return self.query_one(DenoisingPanes)

    @property
    def is_behind(self) -> bool:
        """Whether lines of the pictures still wait for room on the line."""
        return self.panes.is_behind

    def pace(self, room: Callable[[], int]) -> None:
        """From now on the pictures send no more bytes at a time than there is `room` for."""
        self.panes.pace(room)

    def lay_out(self, layout: str) -> None:
        """For a terminal of that layout."""
        self.set_class(layout == "middle", "-middle")
        self.set_class(layout in ("narrow", "tiny"), "-narrow")

    def set_recipe(self, recipe: Recipe) -> None:
        """Whose noise process the curve shows."""
        self.query_one(SchedulePosition).show(recipe)

    def show(self, cell: Cell, place: int, names: list[str], chosen: int | None, alone: bool) -> None:
        """The kept step at `place`, -1 where there is none yet; of its panes those of `names`, all pictures with one
        `chosen`, or that one `alone`."""
        shown = place >= 0
        self.query_one("#stage-words").set_class(shown, "-hidden")
        self.panes.set_class(not shown, "-hidden")
        if shown:
            one = chosen if alone else None
            pictures = {name: _part(cell.pane(name, place), one) for name in names if name in cell.panes}
            self.panes.show(pictures, None if alone else chosen)
        else:
            self.query_one("#stage-words", Static).update(Content(state_words(cell)), layout=False)
        self.query_one(ScrubBar).where = place, len(cell.levels), cell.keeps
        self.query_one(SchedulePosition).mark(cell.levels, place)
        self._read(readings(cell, place, chosen))

    def _read(self, rows: list[tuple[str, str]]) -> None:
        """As many columns as the lines that there are ask for; beside the pictures the curve gives way."""
        shown = self.query_one("#stage-readings", Static)
        if not self.has_class("-middle"):
            shown.styles.min_height = len(rows)
        shown.update(in_columns(rows, max(1, shown.size.height)), layout=False)


def _part(pictures: NDArray[np.uint8], one: int | None) -> NDArray[np.uint8]:
    return pictures if one is None else pictures[one : one + 1]


def readings(cell: Cell, place: int, chosen: int | None) -> list[tuple[str, str]]:
    """(name, value) of all that is known of a step and of how it is drawn."""
    rows = level_words(cell.levels[place], cell.count) if place >= 0 else []
    if chosen is not None and cell.images:
        rows.append(("picture", f"{chosen + 1}/{cell.images}"))
    rows += [("memory", memory_words(cell)), ("redrawn", error_words(cell))]
    rows += [*knob_words(cell.resolved or cell.asked), ("weights", weights_words(cell))]
    return [(name, value) for name, value in rows if value]


def in_columns(rows: list[tuple[str, str]], height: int) -> Content:
    """Names and values, one below the other, in a further column where `height` lines are full."""
    columns = [rows[first : first + height] for first in range(0, len(rows), height)]
    lines = []
    for line in range(len(columns[0]) if columns else 0):
        parts: list[tuple[str, str]] = []
        for column in columns:
            name, value = column[line] if line < len(column) else ("", "")
            names, values = (max(len(row[side]) for row in column) for side in (0, 1))
            if parts:
                parts.append(("   ", ""))
            room = values if column is not columns[-1] else 0
            parts += [(name.ljust(names + 2), "$secondary"), (value.ljust(room), "$foreground")]
        lines.append(Content.assemble(*parts))
    return Content("\n").join(lines)
