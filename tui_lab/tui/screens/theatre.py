"""The denoising theatre: how noise becomes a picture, at any checkpoint; played, scrubbed, looked at closely."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from tui_lab.errors import LabError
from tui_lab.recipe import Recipe
from tui_lab.recipe.denoising import Denoising
from tui_lab.runs.source_recipe import source_recipe
from tui_lab.tui.after_refresh import after_refresh
from tui_lab.tui.attached import AttachedRun
from tui_lab.tui.bandwidth import Line
from tui_lab.tui.denoising_choice import beside, checkpoints_of
from tui_lab.tui.desk import Desk
from tui_lab.tui.layouts import layout_for
from tui_lab.tui.live_denoising import LiveDenoising
from tui_lab.tui.looking_ahead import LookingAhead
from tui_lab.tui.pane_choice import next_panes, panes_for, panes_of
from tui_lab.tui.player import Player
from tui_lab.tui.screens.theatre_doors import TheatreDoors
from tui_lab.tui.theatre_words import source_words, state_words
from tui_lab.tui.widgets.denoising_panes import DenoisingPanes
from tui_lab.tui.widgets.fitting_footer import FittingFooter
from tui_lab.tui.widgets.scrub_bar import ScrubBar
from tui_lab.tui.widgets.theatre_stage import TheatreStage
from tui_lab.workbench.cell import Cell

PLAY_SECONDS = 1 / 12
"""From one step to the next while it plays; what is drawn comes on the screen no more often."""
LIVE_SECONDS = 0.1
"""How often a live run is looked at while it draws for this window."""


class TheatreScreen(TheatreDoors):
    """Shows the cell of one `Denoising`; other checkpoints, seeds and knobs are other cells of the desk's. A checkpoint
    of None is a live run as it is now, which draws it itself."""

    TITLE = "Denoising"
    AUTO_FOCUS = ""
    DEFAULT_CSS = """
    TheatreScreen {
        background: $background;
        & #theatre-title { height: 1; background: $panel; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
        & Footer { padding: 0 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "scrub(-1)", "Step", key_display="←→", tooltip="One denoising step back (←) or on (→)"),
        Binding("right", "scrub(1)", "Step on", show=False, tooltip="One denoising step on"),
        Binding("pageup", "scrub(-10)", "Ten steps back", show=False, tooltip="Ten denoising steps back"),
        Binding("pagedown", "scrub(10)", "Ten steps on", show=False, tooltip="Ten denoising steps on"),
        Binding("home", "scrub(-1000000)", "Noise", show=False, tooltip="Back to pure noise"),
        Binding("end", "scrub(1000000)", "Picture", show=False, tooltip="To the finished pictures"),
        Binding(
            "up", "checkpoint(-1)", "Checkpoint", key_display="↑↓", tooltip="The checkpoint before (↑) or after (↓)"
        ),
        Binding("down", "checkpoint(1)", "Checkpoint on", show=False, tooltip="The next checkpoint, at this step"),
        Binding("space", "play", "Play", tooltip="Play, or hold; draw what was stopped"),
        Binding("p", "now", "Now", tooltip="The live run draws it anew, by its weights as they are now"),
        *TheatreDoors.FIRST_DOORS,
        Binding("v", "panes", "View", tooltip="All that there is to see of a step, less of it, or one alone"),
        Binding("enter", "zoom", "Zoom", tooltip="One picture alone, or all of them again"),
        Binding("shift+left", "choose(-1)", "Picture before", show=False, tooltip="The picture before"),
        Binding("shift+right", "choose(1)", "Next picture", show=False, tooltip="The next picture"),
        Binding("shift+up", "choose_row(-1)", "Picture above", show=False, tooltip="The picture above"),
        Binding("shift+down", "choose_row(1)", "Picture below", show=False, tooltip="The picture below"),
        Binding("left_square_bracket", "seed(-1)", "Seed before", show=False, tooltip="The seed before"),
        Binding("right_square_bracket", "seed(1)", "Seed", key_display="[ ]", tooltip="The next seed, other noise"),
        Binding("x", "random_seed", "Random", show=False, tooltip="A seed at random"),
        *TheatreDoors.DOORS,
        Binding("question_mark", "help", "Help", id="help", key_display="?", tooltip="Every key of this screen"),
        Binding("escape", "back", "Back", id="leave", key_display="esc", tooltip="Stop drawing; all pictures; back"),
        Binding("q,n", "dismiss(None)", "Back to the lab", show=False),
    ]

    def __init__(self, desk: Desk, asked: Denoising, run: AttachedRun | None = None) -> None:
        """`run`: the one that the lab follows, where `asked` is of it."""
        super().__init__(desk, asked)
        self._run = run
        self._live = LiveDenoising(run.folder) if run is not None and run.alive else None
        self._recipe: Recipe | None = None
        self._player = Player()
        self._panes = ""
        self._chosen: int | None = None
        self._alone = False
        self._ahead = LookingAhead(desk.cells)
        self._steps: tuple[int, ...] = ()
        """The checkpoints that were there when another one was last asked for."""
        self._dirty = False
        self._can = False, False
        """Whether there is anything to export, and to keep."""
        self._deaf: Callable[[], None] = lambda: None

    def compose(self) -> ComposeResult:
        yield Static(id="theatre-title")
        yield TheatreStage()
        yield FittingFooter(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        self._stage.pace(self._line.room)
        self._timer = self.set_interval(PLAY_SECONDS, self._tick, pause=True)
        if self._live is not None:
            self.set_interval(LIVE_SECONDS, self._look_at_the_run)
        self._deaf = self.desk.cells.listen(self._cell_changed)
        self.app.theme_changed_signal.subscribe(self, lambda _: self._draw())
        self.show_asked(self.asked)

    def on_unmount(self) -> None:
        self._deaf()
        self._ahead.stop()
        self.desk.cells.cancel(self.asked)
        if self._live is not None:
            self._live.forget()

    def on_screen_resume(self) -> None:
        """What was opened over this one may have stopped what it had asked for."""
        if self._recipe is not None:
            self._look_ahead()
            self._draw()

    def on_resize(self, event: events.Resize) -> None:
        layout = layout_for(event.size.width, event.size.height)
        self._stage.lay_out(layout)
        self._panes = panes_for(layout, self._panes)
        after_refresh(self, self._draw)

    @property
    def _stage(self) -> TheatreStage:
        return self.query_one(TheatreStage)

    @property
    def _line(self) -> Line:
        line: Line = self.app.line  # type: ignore[attr-defined]
        return line

    # What is shown

    @property
    def cell(self) -> Cell:
        """What is looked at; wanted again where it had to go."""
        if self._live is not None and self.asked.checkpoint is None:
            return self._live.cell
        return self.desk.cells.get(self.asked) or self.desk.cells.want(self.asked)

    @property
    def chosen(self) -> int | None:
        return self._chosen

    @property
    def alone(self) -> bool:
        return self._alone

    @property
    def panes(self) -> tuple[str, ...]:
        return tuple(panes_of(self._panes, self.cell.panes))

    @property
    def place(self) -> int:
        """Of the step on the screen, among those that are kept; -1 where there is none."""
        return self._player.place(len(self.cell.levels))

    def show_asked(self, asked: Denoising | None) -> None:
        """This one from now on; None, of a dialog that was left, changes nothing."""
        if asked is None or not self.is_attached:
            return
        if self._recipe is None or asked.source != self.asked.source:
            self._read_recipe(asked.source)
        self._steps = checkpoints_of(asked.source)
        before, self.asked = self.asked, asked
        if before.key() != asked.key():
            self.desk.cells.cancel(before)
        if self._live is not None and asked.checkpoint is None:
            self._ask_the_run()
        else:
            self.desk.cells.want(asked)
        self._look_ahead()
        self.refresh_bindings()
        self._draw()

    def _read_recipe(self, source: str) -> None:
        try:
            self._recipe = source_recipe(source)
        except LabError as error:
            self.complain(error)
        else:
            self._stage.set_recipe(self._recipe)

    def _ask_the_run(self) -> None:
        assert self._live is not None
        try:
            self._live.ask(self.asked)
        except LabError as error:
            self.complain(error)

    def _look_at_the_run(self) -> None:
        if self._live is not None and self._live.poll() and self.asked.checkpoint is None:
            self._draw_soon()

    def _look_ahead(self) -> None:
        """Not on a processor that a run is using."""
        busy = self._run is not None and self._run.alive and self._run.status.device in ("", "cpu")
        self._ahead.around(self.asked, () if busy else self._steps)

    def _cell_changed(self, cell: Cell) -> None:
        if cell.asked.key() == self.asked.key():
            self._draw_soon()

    def _draw_soon(self) -> None:
        self._dirty = True
        self._timer.resume()

    def _tick(self) -> None:
        """The next step of what plays, and what was drawn since the last time; nothing while the line is behind."""
        if self._stage.is_behind or self._line.room() <= 0:
            return
        if self._player.tick(*self._there()):
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
        cell = self.cell
        place = self._player.place(len(cell.levels))
        if self._chosen is not None and cell.images:
            self._chosen = min(self._chosen, cell.images - 1)
        self._stage.show(cell, place, list(self.panes), self._chosen, self._alone)
        self._say_title(cell, place)
        if (place >= 0, cell.done) != self._can:
            self._can = place >= 0, cell.done
            self.refresh_bindings()

    def _say_title(self, cell: Cell, place: int) -> None:
        at = self.asked.checkpoint
        which = f"  checkpoint {self._steps.index(at) + 1} of {len(self._steps)}" if at in self._steps else ""
        state = state_words(cell) if place >= 0 else ""
        self.query_one("#theatre-title", Static).update(
            Content.assemble(
                ("Denoising", "$primary bold"),
                (f"  {source_words(self.asked, self._live is not None)}", "$foreground"),
                (which, "$secondary"),
                (f"  {state}", "$error" if cell.state == "failed" else "$accent"),
            ),
            layout=False,
        )

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "now":
            return self._live is not None
        return super().check_action(action, parameters)

    def _there(self) -> tuple[int, int]:
        """(steps that are there, steps that there will be) of those that are kept."""
        cell = self.cell
        return len(cell.levels), cell.keeps

    def action_scrub(self, by: int) -> None:
        self._player.scrub(by, self._there()[0])
        self._draw()

    def go(self, place: int) -> None:
        """To that step, as soon as it is there."""
        self._player.go(place, place + 2)

    def draw_no_neighbours(self) -> None:
        self._ahead.stop()

    @on(ScrubBar.Asked)
    def _scrubbed(self, event: ScrubBar.Asked) -> None:
        self._player.go(event.place, self._there()[0])
        self._draw()

    def action_play(self) -> None:
        if self.cell.state in ("stopped", "failed"):
            self.show_asked(self.asked)
        else:
            self._player.toggle(*self._there())
            self._timer.resume()
        self._draw()

    def action_checkpoint(self, by: int) -> None:
        """After the newest checkpoint of a live run comes the run as it is now."""
        at, steps = self.asked.checkpoint, checkpoints_of(self.asked.source)
        step = beside(steps, at, by) if at is not None else max(steps, default=None) if by < 0 else None
        if step is not None:
            self.show_asked(self.asked.changed(checkpoint=step))
        elif by > 0 and at is not None:
            self.action_now()

    def action_now(self) -> None:
        if self._live is None or self._run is None:
            return
        if self._run.alive:
            self.show_asked(self.asked.changed(checkpoint=None))
        else:
            self.notify(f"{self._run.id} does not train any more: its newest weights are the last checkpoint's")

    def action_panes(self) -> None:
        self._panes = next_panes(layout_for(*self.size), self._panes)
        self._draw()

    def action_seed(self, by: int) -> None:
        own = self._recipe.sampling.seed if self._recipe is not None else 0  # where none was asked for
        self.show_asked(self.asked.turned(seed=max(0, int(self.asked.knobs.get("seed", own)) + by)))

    def action_random_seed(self) -> None:
        self.show_asked(self.asked.turned(seed=random.randrange(2**31)))

    def action_zoom(self) -> None:
        self._alone, self._chosen = not self._alone, self._chosen or 0
        self._draw()

    def action_choose(self, by: int) -> None:
        if images := self.cell.images:
            self._chosen = 0 if self._chosen is None else max(0, min(images - 1, self._chosen + by))
            self._draw()

    def action_choose_row(self, by: int) -> None:
        self.action_choose(by * max(1, self._stage.panes.columns))

    @on(DenoisingPanes.Selected)
    def _picture_clicked(self, event: DenoisingPanes.Selected) -> None:
        """The first click chooses one, the second shows it alone, the third all of them again."""
        if self._alone:
            self._alone = False
        else:
            self._alone, self._chosen = self._chosen == event.index, event.index
        self._draw()

    def action_back(self) -> None:
        """Out of what is being drawn first, then out of the one picture, then back."""
        if self.cell.state in ("waiting", "drawing"):
            self.desk.cells.cancel(self.asked)
            if self._live is not None and self.asked.checkpoint is None:
                self._live.forget()
        elif self._alone:
            self._alone = False
        else:
            self.dismiss(None)
            return
        self._draw()

    def action_help(self) -> None:
        from tui_lab.tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen(self.active_bindings))
