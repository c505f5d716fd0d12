"""The denoising theatre: how noise becomes a picture, at any checkpoint; played, scrubbed, looked at closely."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from tui_lab.errors import LabError
from tui_lab.recipe import Recipe
from tui_lab.recipe.denoising import Denoising
from tui_lab.runs.source_recipe import source_recipe
from tui_lab.tui.bandwidth import Line
from tui_lab.tui.denoising_choice import beside, checkpoints_of
from tui_lab.tui.desk import Desk
from tui_lab.tui.layouts import layout_for
from tui_lab.tui.pane_choice import next_panes, panes_for
from tui_lab.tui.player import Player
from tui_lab.tui.theatre_words import knob_words, level_words, source_words, state_words, weights_words
from tui_lab.tui.widgets.denoising_panes import DenoisingPanes
from tui_lab.tui.widgets.fitting_footer import FittingFooter
from tui_lab.tui.widgets.schedule_position import SchedulePosition
from tui_lab.tui.widgets.scrub_bar import ScrubBar
from tui_lab.workbench.cell import Cell

PLAY_SECONDS = 1 / 12
"""From one step to the next while it plays; what is drawn comes on the screen no more often."""


class TheatreScreen(Screen[None]):
    """Shows the cell of one `Denoising`; other checkpoints, seeds and knobs are other cells of the desk's."""

    TITLE = "Denoising"
    AUTO_FOCUS = ""
    DEFAULT_CSS = """
    TheatreScreen {
        background: $background;
        & #theatre-title { height: 1; background: $panel; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
        & #theatre-body { height: 1fr; layout: horizontal; padding: 0 1; }
        & #theatre-stage { width: 1fr; height: 1fr; }
        & #theatre-words { height: 1fr; content-align: center middle; text-align: center; color: $secondary; }
        & #theatre-side { width: 44; height: 1fr; margin-left: 2; }
        & #theatre-readings {
            height: 1fr; min-height: 9; margin-top: 1; text-wrap: nowrap; text-overflow: ellipsis;
        }
        & SchedulePosition { height: 16; }
        & ScrubBar { margin: 0 1; }
        & Footer { padding: 0 1; }
        & .-hidden { display: none; }
        &.-narrow #theatre-side { width: 26; margin-left: 1; }
        &.-narrow #theatre-readings { margin-top: 0; }
        &.-narrow SchedulePosition { height: 1fr; }
        &.-middle #theatre-body { layout: vertical; }
        &.-middle #theatre-side { width: 1fr; height: 9; layout: horizontal; margin: 1 0 0 0; }
        &.-middle #theatre-readings { width: 34; height: 1fr; margin: 1 0 0 3; }
        &.-middle SchedulePosition { height: 1fr; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "scrub(-1)", "Step", key_display="←→", tooltip="One denoising step back"),
        Binding("right", "scrub(1)", "Step on", show=False, tooltip="One denoising step on"),
        Binding("pageup", "scrub(-10)", "Ten steps back", show=False, tooltip="Ten denoising steps back"),
        Binding("pagedown", "scrub(10)", "Ten steps on", show=False, tooltip="Ten denoising steps on"),
        Binding("home", "scrub(-1000000)", "Noise", show=False, tooltip="Back to pure noise"),
        Binding("end", "scrub(1000000)", "Picture", show=False, tooltip="To the finished pictures"),
        Binding("up", "checkpoint(-1)", "Checkpoint", key_display="↑↓", tooltip="The checkpoint before, at this step"),
        Binding("down", "checkpoint(1)", "Checkpoint on", show=False, tooltip="The next checkpoint, at this step"),
        Binding("space", "play", "Play", tooltip="Play, or hold; draw what was stopped"),
        Binding("v", "panes", "View", tooltip="All that there is to see of a step, less of it, or one alone"),
        Binding("enter", "zoom", "Zoom", tooltip="One picture alone, or all of them again"),
        Binding("shift+left", "choose(-1)", "Picture before", show=False, tooltip="The picture before"),
        Binding("shift+right", "choose(1)", "Next picture", show=False, tooltip="The next picture"),
        Binding("shift+up", "choose_row(-1)", "Picture above", show=False, tooltip="The picture above"),
        Binding("shift+down", "choose_row(1)", "Picture below", show=False, tooltip="The picture below"),
        Binding("left_square_bracket", "seed(-1)", "Seed before", show=False, tooltip="The seed before"),
        Binding(
            "right_square_bracket", "seed(1)", "Next seed", key_display="[ ]", tooltip="The next seed, other noise"
        ),
        Binding("x", "random_seed", "Random", show=False, tooltip="A seed at random"),
        Binding("question_mark", "help", "Help", id="help", key_display="?", tooltip="Every key of this screen"),
        Binding("escape", "back", "Back", key_display="esc", tooltip="Stop drawing; all pictures again; back"),
        Binding("q,n", "dismiss(None)", "Back to the lab", show=False),
    ]

    def __init__(self, desk: Desk, asked: Denoising) -> None:
        super().__init__()
        self.asked = asked
        self._desk = desk
        self._recipe: Recipe | None = None
        self._player = Player()
        self._panes = ""
        self._chosen: int | None = None
        self._zoomed = False
        self._ahead: list[Denoising] = []
        self._dirty = False
        self._deaf: Callable[[], None] = lambda: None

    def compose(self) -> ComposeResult:
        yield Static(id="theatre-title")
        with Container(id="theatre-body"):
            with Vertical(id="theatre-stage"):
                yield Static(id="theatre-words")
                yield DenoisingPanes()
            with Container(id="theatre-side"):
                yield SchedulePosition()
                yield Static(id="theatre-readings")
        yield ScrubBar()
        yield FittingFooter(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        self.query_one(DenoisingPanes).pace(self._line.room)
        self._timer = self.set_interval(PLAY_SECONDS, self._tick, pause=True)
        self._deaf = self._desk.cells.listen(self._cell_changed)
        self.app.theme_changed_signal.subscribe(self, lambda _: self._draw())
        self.show_asked(self.asked)

    def on_unmount(self) -> None:
        self._deaf()
        for asked in (self.asked, *self._ahead):
            self._desk.cells.cancel(asked)

    def on_resize(self, event: events.Resize) -> None:
        layout = layout_for(event.size.width, event.size.height)
        for name in ("wide", "middle", "narrow", "tiny"):
            self.set_class(layout == name, f"-{name}")
        self._panes = panes_for(layout, self._panes)
        self.call_after_refresh(self._draw)

    @property
    def _line(self) -> Line:
        line: Line = self.app.line  # type: ignore[attr-defined]
        return line

    # What is shown

    def show_asked(self, asked: Denoising | None) -> None:
        """This one from now on; None, of a dialog that was left, changes nothing."""
        if asked is None or not self.is_attached:
            return
        if self._recipe is None or asked.source != self.asked.source:
            try:
                self._recipe = source_recipe(asked.source)
            except LabError as error:
                self.notify(error.message, severity="error", timeout=12, markup=False)
            else:
                self.query_one(SchedulePosition).show(self._recipe)
        before, self.asked = self.asked, asked
        if before.key() != asked.key():
            self._desk.cells.cancel(before)
        self._desk.cells.want(asked)
        self._look_ahead()
        self.refresh_bindings()
        self._draw()

    def _look_ahead(self) -> None:
        """The checkpoints beside this one are drawn while it is looked at, and no others any more."""
        steps, at = checkpoints_of(self.asked.source), self.asked.checkpoint
        found = [] if at is None else [beside(steps, at, by) for by in (1, -1)]
        ahead = [self.asked.changed(checkpoint=step) for step in found if step is not None]
        wanted = {asked.key() for asked in (self.asked, *ahead)}
        for asked in self._ahead:
            if asked.key() not in wanted:
                self._desk.cells.cancel(asked)
        self._ahead = ahead
        for asked in ahead:
            self._desk.cells.want(asked, first=False)

    def _cell_changed(self, cell: Cell) -> None:
        if cell.asked.key() == self.asked.key():
            self._dirty = True
            self._timer.resume()

    def _tick(self) -> None:
        """The next step of what plays, and what was drawn since the last time; nothing while the line is behind."""
        panes = self.query_one(DenoisingPanes)
        if panes.is_behind or self._line.room() <= 0:
            return
        cell = self._desk.cells.get(self.asked)
        if cell is not None and self._player.tick(len(cell.levels), cell.keeps):
            self._dirty = True
        if self._dirty:
            self._draw()
        elif not self._player.playing:
            self._timer.pause()

    def _draw(self) -> None:
        """The step that is looked at, as far as there is one."""
        self._dirty = False
        if not self.is_attached or not self._panes:
            return
        cell = self._desk.cells.get(self.asked) or self._desk.cells.want(self.asked)
        place = self._player.place(len(cell.levels))
        shown = place >= 0
        self.query_one("#theatre-words").set_class(shown, "-hidden")
        self.query_one(DenoisingPanes).set_class(not shown, "-hidden")
        if shown:
            self._draw_panes(cell, place)
        else:
            self.query_one("#theatre-words", Static).update(Content(state_words(cell)), layout=False)
        self.query_one(ScrubBar).where = place, len(cell.levels), cell.keeps
        self.query_one(SchedulePosition).mark(cell.levels, place)
        self.query_one("#theatre-readings", Static).update(self._readings(cell, place), layout=False)
        self._say_title(cell, state_words(cell) if shown else "")

    def _draw_panes(self, cell: Cell, place: int) -> None:
        names = [name for name in self._panes.split() if name in cell.panes]
        self._chosen = None if self._chosen is None else min(self._chosen, cell.images - 1)
        one = self._chosen if self._zoomed else None
        pictures = {name: _part(cell.pane(name, place), one) for name in names}
        self.query_one(DenoisingPanes).show(pictures, None if self._zoomed else self._chosen)

    def _readings(self, cell: Cell, place: int) -> Content:
        known = cell.resolved or self.asked
        rows = level_words(cell.levels[place], cell.count) if place >= 0 else []
        if self._chosen is not None and cell.images:
            rows.append(("picture", f"{self._chosen + 1}/{cell.images}"))
        rows += [*knob_words(known), ("weights", weights_words(cell))]
        width = max(len(name) for name, _ in rows)
        return Content("\n").join(
            Content.assemble((name.ljust(width), "$secondary"), f"  {value}") for name, value in rows
        )

    def _say_title(self, cell: Cell, state: str) -> None:
        steps, at = checkpoints_of(self.asked.source), self.asked.checkpoint
        which = f"  checkpoint {steps.index(at) + 1} of {len(steps)}" if at in steps else ""
        style = "$error" if cell.state == "failed" else "$accent"
        self.query_one("#theatre-title", Static).update(
            Content.assemble(
                ("Denoising", "$primary bold"),
                (f"  {source_words(self.asked)}", "$foreground"),
                (which, "$secondary"),
                (f"  {state}", style),
            ),
            layout=False,
        )

    # Keys

    def _there(self) -> tuple[int, int]:
        """(steps that are there, steps that there will be) of those that are kept."""
        cell = self._desk.cells.get(self.asked)
        return (0, 0) if cell is None else (len(cell.levels), cell.keeps)

    def action_scrub(self, by: int) -> None:
        self._player.scrub(by, self._there()[0])
        self._draw()

    @on(ScrubBar.Asked)
    def _scrubbed(self, event: ScrubBar.Asked) -> None:
        self._player.go(event.place, self._there()[0])
        self._draw()

    def action_play(self) -> None:
        cell = self._desk.cells.get(self.asked)
        if cell is None or cell.state in ("stopped", "failed"):
            self._desk.cells.want(self.asked)
        else:
            self._player.toggle(*self._there())
            self._timer.resume()
        self._draw()

    def action_checkpoint(self, by: int) -> None:
        at = self.asked.checkpoint
        step = None if at is None else beside(checkpoints_of(self.asked.source), at, by)
        if step is not None:
            self.show_asked(self.asked.changed(checkpoint=step))

    def action_panes(self) -> None:
        self._panes = next_panes(layout_for(*self.size), self._panes)
        self._draw()

    def action_seed(self, by: int) -> None:
        self.show_asked(self.asked.turned(seed=max(0, self._seed + by)))

    def action_random_seed(self) -> None:
        self.show_asked(self.asked.turned(seed=random.randrange(2**31)))

    @property
    def _seed(self) -> int:
        """The source's own where none was asked for."""
        own = self._recipe.sampling.seed if self._recipe is not None else 0
        return int(self.asked.knobs.get("seed", own))

    # One picture

    def action_zoom(self) -> None:
        self._zoomed = not self._zoomed
        self._chosen = self._chosen or 0
        self._draw()

    def action_choose(self, by: int) -> None:
        cell = self._desk.cells.get(self.asked)
        if cell is not None and cell.images:
            self._chosen = 0 if self._chosen is None else max(0, min(cell.images - 1, self._chosen + by))
            self._draw()

    def action_choose_row(self, by: int) -> None:
        self.action_choose(by * max(1, self.query_one(DenoisingPanes).columns))

    @on(DenoisingPanes.Selected)
    def _picture_clicked(self, event: DenoisingPanes.Selected) -> None:
        if self._zoomed:
            self._zoomed = False
        else:
            again = self._chosen == event.index
            self._chosen, self._zoomed = event.index, again
        self._draw()

    # Leaving

    def action_back(self) -> None:
        """Out of what is being drawn first, then out of the one picture, then back."""
        cell = self._desk.cells.get(self.asked)
        if cell is not None and cell.state in ("waiting", "drawing"):
            self._desk.cells.cancel(self.asked)
        elif self._zoomed:
            self._zoomed = False
        else:
            self.dismiss(None)
            return
        self._draw()

    def action_help(self) -> None:
        from tui_lab.tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen(self.active_bindings))


def _part(pictures: NDArray[np.uint8], one: int | None) -> NDArray[np.uint8]:
    return pictures if one is None else pictures[one : one + 1]
