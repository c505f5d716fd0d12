"""What tells runs apart, side by side: knobs of their recipes, and what was done to one but not to the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import ScrollableContainer
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer, Static

from tui_lab.runs.comparison import Comparison, Differing
from tui_lab.sanitize import clean


class CompareScreen(Screen[None]):
    """Takes the comparison as it was made, and each run's colour."""

    TITLE = "Compare"
    DEFAULT_CSS = """
    CompareScreen {
        & #compare-title { height: 1; background: $panel; padding: 0 1; color: $primary; text-style: bold; }
        & ScrollableContainer { padding: 0 1; background: $background; }
        & .part { width: auto; height: auto; margin-top: 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,d,q", "app.pop_screen", "Back to the runs", key_display="esc"),
    ]

    def __init__(self, comparison: Comparison, colours: Sequence[str]) -> None:
        super().__init__()
        self._found, self._colours = comparison, list(colours)

    def compose(self) -> ComposeResult:
        found = self._found
        yield Static(Content(f"What tells {len(found.runs)} runs apart; what is alike is left out"), id="compare-title")
        with ScrollableContainer(can_focus=True):
            yield self._part("recipe", found.knobs, "Their recipes are alike.")
            yield self._part("done at step", found.interventions, "Nothing was done to one and not to the others.")
            if found.alike:
                yield Static(Content.styled(f"{found.alike} more changes are alike.", "$secondary"), classes="part")
        yield Footer()

    def _part(self, heading: str, lines: Sequence[Differing], none: str) -> Static:
        if not lines:
            return Static(Content.styled(none, "$secondary"), classes="part", markup=False)
        rows = [(clean(line.name, 60), *(clean(cell, 80) or "–" for cell in line.cells)) for line in lines]
        head = (heading, *(clean(run, 64) for run in self._found.runs))
        widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]
        styles = ["$secondary", *(f"{colour} bold" for colour in self._colours)]
        told = [_line(head, widths, styles)]
        told += [_line(row, widths, ["$foreground 80%", *["$foreground"] * len(self._colours)]) for row in rows]
        return Static(Content("\n").join(told), classes="part")


def _line(cells: Sequence[str], widths: Sequence[int], styles: Sequence[str]) -> Content:
    padded = [(cell.ljust(width + 3), style) for cell, width, style in zip(cells, widths, styles, strict=True)]
    return Content.assemble(*padded)
