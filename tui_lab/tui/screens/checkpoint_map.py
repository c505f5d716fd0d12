"""The two axes of time at once: the checkpoints of a run, and the steps of the denoising that each of them makes."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from tui_lab.recipe.denoising import Denoising
from tui_lab.sanitize import clean
from tui_lab.tui.denoising_choice import checkpoints_of
from tui_lab.tui.desk import Desk
from tui_lab.tui.theatre_words import level_words, state_words
from tui_lab.tui.widgets.checkpoint_map import CheckpointMap
from tui_lab.tui.widgets.denoising_panes import TITLES
from tui_lab.tui.widgets.fitting_footer import FittingFooter
from tui_lab.workbench.cell import Cell

DRAW_SECONDS = 1 / 6
PANES = ("x0", "x_t")
LABELS = 8
"""Columns of the checkpoints' names."""


class Place(NamedTuple):
    """A cell of the map: the checkpoint, and the place of the step among those that are kept."""

    checkpoint: int
    place: int


class CheckpointMapScreen(Screen[Place | None]):
    """Dismisses with the place to open, or None. What it asks to be drawn is what the theatre would ask."""

    TITLE = "Checkpoints"
    AUTO_FOCUS = "CheckpointMap"
    DEFAULT_CSS = """
    CheckpointMapScreen {
        background: $background;
        & #map-title { height: 1; background: $panel; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
        & #map-steps { height: 1; color: $secondary; padding: 0 1; text-wrap: nowrap; }
        & #map-body { height: 1fr; padding: 0 1; }
        & #map-labels { width: 8; height: 1fr; text-wrap: nowrap; }
        & #map-words { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
        & Footer { padding: 0 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "pane", "View", tooltip="The predicted x₀, or the state x_t"),
        Binding("shift+left", "choose(-1)", "Picture before", show=False, tooltip="The picture of the batch before"),
        Binding("shift+right", "choose(1)", "Next picture", key_display="⇧→", tooltip="The next picture of the batch"),
        Binding("question_mark", "help", "Help", id="help", key_display="?", tooltip="Every key of this screen"),
        Binding("escape,m,q", "dismiss(None)", "Back", key_display="esc"),
    ]

    def __init__(self, desk: Desk, asked: Denoising, picture: int) -> None:
        """`asked` with its checkpoint; `picture`: which of the batch."""
        super().__init__()
        self._desk = desk
        self._asked = asked
        self._picture = picture
        self._pane = PANES[0]
        self._checkpoints: tuple[int, ...] = ()
        self._deaf: Callable[[], None] = lambda: None

    def compose(self) -> ComposeResult:
        yield Static(id="map-title")
        yield Static(id="map-steps")
        with Horizontal(id="map-body"):
            yield Static(id="map-labels")
            yield CheckpointMap(self._cell_of)
        yield Static(id="map-words")
        yield FittingFooter(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        self._timer = self.set_interval(DRAW_SECONDS, self._redraw, pause=True)
        self._deaf = self._desk.cells.listen(self._cell_changed)
        self._checkpoints = checkpoints_of(self._asked.source)
        row = self._checkpoints.index(self._asked.checkpoint) if self._asked.checkpoint in self._checkpoints else 0
        for checkpoint in sorted(self._checkpoints, key=lambda step: abs(self._checkpoints.index(step) - row)):
            self._desk.cells.want(self._at(checkpoint), first=False)
        self._map.set_rows(self._checkpoints, row)
        self._map.look_at(self._pane, self._picture)
        self._say()

    def on_unmount(self) -> None:
        self._deaf()
        for checkpoint in self._checkpoints:
            if checkpoint != self._asked.checkpoint:
                self._desk.cells.cancel(self._at(checkpoint))

    @property
    def _map(self) -> CheckpointMap:
        return self.query_one(CheckpointMap)

    def _at(self, checkpoint: int) -> Denoising:
        return self._asked.changed(checkpoint=checkpoint)

    def _cell_of(self, checkpoint: int) -> Cell | None:
        return self._desk.cells.get(self._at(checkpoint))

    def _cell_changed(self, cell: Cell) -> None:
        self._timer.resume()

    def _redraw(self) -> None:
        """What was drawn since the last time, all at once."""
        self._timer.pause()
        self._map.changed()
        self._say()

    @on(CheckpointMap.Moved)
    def _say(self) -> None:
        """Title, the names of columns and rows, and what there is to know of the cell under the cursor."""
        shown = self._map
        cells = {checkpoint: self._cell_of(checkpoint) for checkpoint in self._checkpoints}
        drawn = sum(cell is not None and cell.done for cell in cells.values())
        title = Content.assemble(
            ("Checkpoints", "$primary bold"),
            (f"  {clean(self._asked.source.rpartition('/')[2], 40)}", "$foreground"),
            (f"  {TITLES[self._pane]} of picture {self._picture + 1}", "$secondary"),
            (f"  {drawn} of {len(cells)} drawn" if drawn < len(cells) else "", "$accent"),
        )
        self.query_one("#map-title", Static).update(title, layout=False)
        layout, any_cell = shown.layout_now, next((cell for cell in cells.values() if cell and cell.done), None)
        if layout is not None:
            self._say_rows(cells)
            pitch = layout.width + 2
            names = [str(any_cell.levels[place].index + 1) if any_cell else "" for place in shown.places]
            steps = "".join(name.center(pitch) for name in names)
            self.query_one("#map-steps", Static).update(Content("step".ljust(LABELS) + steps), layout=False)
        self.query_one("#map-words", Static).update(self._words(), layout=False)

    def _say_rows(self, cells: dict[int, Cell | None]) -> None:
        layout = self._map.layout_now
        assert layout is not None
        lines: list[Content] = []
        for down, row in enumerate(self._map.in_view):
            checkpoint = self._checkpoints[row]
            cell = cells[checkpoint]
            middle = (down * layout.pitch + layout.pitch // 2) // 2 - 1
            lines += [Content("")] * (middle - len(lines))
            lines.append(Content.styled(str(checkpoint), "$accent bold" if row == self._map.row else "$foreground"))
            lines.append(Content.styled(_sign(cell), "$error" if cell and cell.state == "failed" else "$secondary"))
        self.query_one("#map-labels", Static).update(Content("\n").join(lines), layout=False)

    def _words(self) -> Content:
        if not self._checkpoints:
            return Content("This has no checkpoints beside each other.")
        checkpoint = self._checkpoints[self._map.row]
        cell, places = self._cell_of(checkpoint), self._map.places
        parts: list[tuple[str, str]] = [(f"checkpoint {checkpoint}", "$foreground")]
        if cell is not None and places and places[self._map.column] < len(cell.levels):
            level = cell.levels[places[self._map.column]]
            parts += [(f"   {name} {value}", "$secondary") for name, value in level_words(level, cell.count)]
        else:
            failed = cell is not None and cell.state == "failed"
            parts.append((f"   {state_words(cell)}", "$error" if failed else "$secondary"))
        return Content.assemble(*parts)

    # Keys

    def action_pane(self) -> None:
        self._pane = PANES[(PANES.index(self._pane) + 1) % len(PANES)]
        self._look()

    def action_choose(self, by: int) -> None:
        images = max((cell.images for cell in map(self._cell_of, self._checkpoints) if cell is not None), default=0)
        self._picture = max(0, min(images - 1, self._picture + by))
        self._look()

    def _look(self) -> None:
        """At another pane or picture: what had to go of it is drawn anew."""
        for checkpoint in self._checkpoints:
            if self._cell_of(checkpoint) is None:
                self._desk.cells.want(self._at(checkpoint), first=False)
        self._map.look_at(self._pane, self._picture)
        self._say()

    @on(CheckpointMap.Opened)
    def _opened(self) -> None:
        if self._checkpoints:
            places = self._map.places
            self.dismiss(Place(self._checkpoints[self._map.row], places[self._map.column] if places else 0))

    def action_help(self) -> None:
        from tui_lab.tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen(self.active_bindings))


def _sign(cell: Cell | None) -> str:
    """How far a row is, in the few columns beside it."""
    if cell is None or cell.done:
        return ""
    if cell.state == "drawing":
        return f"{cell.progress:.0%}"
    return {"failed": "✗", "stopped": "‖"}.get(cell.state, "…")
