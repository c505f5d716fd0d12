"""Up to four denoisings in lock step: the same noise beside the same noise, whatever the steps, samplers and models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from textual import events, on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal
from textual.content import Content
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Static

from tui_lab.errors import LabError
from tui_lab.recipe.denoising import Denoising
from tui_lab.runs.source_recipe import source_recipe
from tui_lab.tui.after_refresh import after_refresh
from tui_lab.tui.bandwidth import Line
from tui_lab.tui.comparison import VIEWS, Comparison
from tui_lab.tui.desk import Desk
from tui_lab.tui.layouts import layout_for
from tui_lab.tui.pins import MOST
from tui_lab.tui.widgets.compare_pane import ComparePane
from tui_lab.tui.widgets.denoising_form import DenoisingForm
from tui_lab.tui.widgets.fitting_footer import FittingFooter
from tui_lab.tui.widgets.scrub_bar import ScrubBar
from tui_lab.workbench.cell import Cell

LETTERS = "ABCD"
PLAY_SECONDS = 1 / 12
SETTLED_SECONDS = 0.25
"""A knob rests so long before what it was turned to is drawn."""


def open_comparison(app: App[Any], desk: Desk, base: Denoising | None) -> None:
    """What is pinned, and where that is less than two, `base` beside it; says what is amiss where there is nothing."""
    panes = list(desk.pins.pinned)
    while base is not None and len(panes) < 2:
        panes.append(base)
    if not panes:
        app.notify("Nothing is pinned: c pins what is shown", markup=False)
        return
    try:
        recipes = {one.source: source_recipe(one.source) for one in panes}
    except LabError as error:
        app.notify(error.message, severity="error", markup=False)
        return
    app.push_screen(ComparingScreen(desk, Comparison(desk.cells, panes, recipes)))


class ComparingScreen(Screen[None]):
    """What was put together here stays pinned when it is left."""

    TITLE = "Compare"
    AUTO_FOCUS = ""
    DEFAULT_CSS = """
    ComparingScreen {
        background: $background;
        & #compare-title { height: 1; background: $panel; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
        & #compare-body { height: 1fr; }
        & #compare-panes { layout: grid; grid-size: 2; grid-gutter: 0 2; padding: 0 1; width: 1fr; height: 1fr; }
        & DenoisingForm { display: none; }
        &.-editing DenoisingForm { display: block; }
        & #compare-foot { height: 1; padding: 0 1; }
        & #compare-where { width: 12; color: $secondary; }
        & Footer { padding: 0 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "scrub(-1)", "Step", key_display="←→", tooltip="One step of the longest denoising back"),
        Binding("right", "scrub(1)", "Step on", show=False, tooltip="One step of the longest denoising on"),
        Binding("pageup", "scrub(-10)", "Ten back", show=False, tooltip="Ten steps back"),
        Binding("pagedown", "scrub(10)", "Ten on", show=False, tooltip="Ten steps on"),
        Binding("home", "scrub(-1000000)", "Noise", show=False, tooltip="All back to noise"),
        Binding("end", "scrub(1000000)", "Pictures", show=False, tooltip="All to the finished pictures"),
        Binding("space", "play", "Play", tooltip="Play in lock step, or hold; draw what was stopped"),
        Binding("tab,down", "choose(1)", "Pane", key_display="tab", tooltip="The next pane"),
        Binding("shift+tab,up", "choose(-1)", "Pane before", show=False, tooltip="The pane before"),
        Binding("enter", "edit", "Knobs", tooltip="The chosen pane's run, checkpoint, sampler, noise: turn them"),
        Binding(
            "k",
            "control",
            "Control",
            tooltip="What steers the chosen pane: class or prompt, guidance, image, mask",
        ),
        Binding("plus,equals_sign", "add", "Add", key_display="+", tooltip="A copy of the chosen pane, to turn"),
        Binding("d", "remove", "Remove", tooltip="The chosen pane goes"),
        Binding("v", "view", "View", tooltip="x₀, x_t, ε, what the step moved, or the difference from A"),
        Binding("z", "zoom", "Zoom", tooltip="One picture large in all panes, or all of them again"),
        Binding("shift+left", "picture(-1)", "Picture before", show=False, tooltip="The picture before, in all panes"),
        Binding("shift+right", "picture(1)", "Next picture", show=False, tooltip="The next picture, in all panes"),
        Binding("right_square_bracket", "seed(1)", "Seed", key_display="[ ]", tooltip="All panes from other noise"),
        Binding(
            "left_square_bracket", "seed(-1)", "Seed before", show=False, tooltip="All panes from the noise before"
        ),
        Binding("o", "open", "Open", show=False, tooltip="The chosen pane in the player"),
        Binding("h", "sheet", "Sheet", show=False, tooltip="How low can you go with the chosen pane: a sheet of it"),
        Binding("question_mark", "help", "Help", id="help", key_display="?", tooltip="Every key of this screen"),
        Binding("escape", "back", "Back", key_display="esc", tooltip="Out of the knobs, stop drawing, then back"),
        Binding("q", "dismiss(None)", "Back", show=False),
    ]

    def __init__(self, desk: Desk, comparison: Comparison) -> None:
        super().__init__()
        self.comparison = comparison
        self._desk = desk
        self._view = "x0"
        self._one: int | None = None
        self._dirty = False
        self._settling: Timer | None = None
        self._deaf: Callable[[], None] = lambda: None

    def compose(self) -> ComposeResult:
        yield Static(id="compare-title")
        with Horizontal(id="compare-body"):
            with Container(id="compare-panes"):
                for letter in LETTERS:
                    yield ComparePane(letter)
            yield DenoisingForm()
        with Horizontal(id="compare-foot"):
            yield Static(id="compare-where")
            yield ScrubBar()
        yield FittingFooter(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        for pane in self._panes:
            pane.view.room = lambda: self._line.room() // max(1, len(self.comparison.asked))
        self.set_interval(PLAY_SECONDS, self._tick)
        self._deaf = self._desk.cells.listen(self._cell_changed)
        self.comparison.want()
        self._arrange()

    def on_unmount(self) -> None:
        self._deaf()
        self.comparison.stop()
        if self.comparison.touched:
            self._desk.pins.replace(self.comparison.asked)

    def on_screen_resume(self) -> None:
        """Another screen may have stopped what is shown here."""
        self.comparison.want()
        self._draw()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(layout_for(event.size.width, event.size.height) == "narrow", "-narrow")
        self._arrange()

    @property
    def _line(self) -> Line:
        line: Line = self.app.line  # type: ignore[attr-defined]
        return line

    @property
    def _panes(self) -> list[ComparePane]:
        return list(self.query(ComparePane))

    @property
    def editing(self) -> bool:
        """Whether the chosen pane's knobs stand beside it."""
        return self.has_class("-editing")

    def _cell_changed(self, cell: Cell) -> None:
        self._dirty = self._dirty or self.comparison.shows(cell)

    def _tick(self) -> None:
        """The next step of what plays, and what was drawn meanwhile; nothing while the line is behind."""
        if any(pane.view.behind for pane in self._panes if pane.display):
            return
        if self.comparison.player.tick(*self.comparison.extent()) or self._dirty:
            self._draw()

    # What is shown

    def _arrange(self) -> None:
        """So many panes, as large as there is room; beside the knobs on a small screen the chosen one alone."""
        count, chosen = len(self.comparison.asked), self.comparison.chosen
        alone = self.editing and self.has_class("-narrow")
        columns = 1 if alone else count if count < 3 or (count == 3 and self.size.width >= 110) else 2
        grid = self.query_one("#compare-panes")
        grid.styles.grid_size_columns = columns
        grid.styles.grid_size_rows = 1 if alone else -(-count // columns)
        for at, pane in enumerate(self._panes):
            pane.display = at < count and (not alone or at == chosen)
        self._say_titles()
        after_refresh(self, self._draw)

    def _say_titles(self) -> None:
        """Each title says only what its pane has for itself."""
        comparison = self.comparison
        common, own, other_noise = comparison.titles()
        for at, (pane, words) in enumerate(zip(self._panes, own, strict=False)):
            pane.name_it(words, other_noise[at], at == comparison.chosen)
        parts = [("Compare", "$primary bold"), (f"  {VIEWS[self._view]}", "$accent"), (f"  {common}", "$secondary")]
        self.query_one("#compare-title", Static).update(Content.assemble(*parts), layout=False)
        if self.editing:
            asked = comparison.asked[comparison.chosen]
            title = f"Knobs of {LETTERS[comparison.chosen]}"
            self.query_one(DenoisingForm).show(title, asked, comparison.recipe(asked))
        self.refresh_bindings()

    def _draw(self) -> None:
        """All panes at the leader's step."""
        self._dirty = False
        if not self.is_attached:
            return
        comparison = self.comparison
        for pane, seen, cell in zip(
            self._panes, comparison.seen(self._view, self._one), comparison.cells(), strict=False
        ):
            if seen.pictures is not None:
                pane.show(seen.pictures, seen.words)
            else:
                pane.wait(seen.words[0], keep=cell is None or cell.state != "failed")
        there, count = comparison.extent()
        self.query_one(ScrubBar).where = comparison.player.place(there), there, count
        words = Content(f"noise {comparison.share:4.0%}" if there else "")
        self.query_one("#compare-where", Static).update(words, layout=False)

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "add":
            return True if len(self.comparison.asked) < MOST else None
        if action == "remove":
            return True if len(self.comparison.asked) > 1 else None
        if action in ("scrub", "edit"):
            return not self.editing
        return True

    def action_scrub(self, by: int) -> None:
        self.comparison.player.scrub(by, self.comparison.extent()[0])
        self._draw()

    @on(ScrubBar.Asked)
    def _scrubbed(self, event: ScrubBar.Asked) -> None:
        self.comparison.player.go(event.place, self.comparison.extent()[0])
        self._draw()

    def action_play(self) -> None:
        if any(cell is None or cell.state in ("stopped", "failed") for cell in self.comparison.cells()):
            self.comparison.want()
        else:
            self.comparison.player.toggle(*self.comparison.extent())
        self._draw()

    def action_choose(self, by: int) -> None:
        self._choose((self.comparison.chosen + by) % len(self.comparison.asked))

    @on(ComparePane.Chosen)
    def _pane_clicked(self, event: ComparePane.Chosen) -> None:
        self._choose(LETTERS.index(event.pane.letter))

    def _choose(self, number: int) -> None:
        self.comparison.chosen = number
        self._arrange()

    def action_edit(self) -> None:
        self.set_class(True, "-editing")
        self._arrange()
        self.query_one(DenoisingForm).rows.focus()

    @on(DenoisingForm.Turned)
    def _turned(self, event: DenoisingForm.Turned) -> None:
        self._replace(self.comparison.chosen, event.asked)

    def _replace(self, number: int, asked: Denoising | None) -> None:
        """Another denoising in that pane; None, of a dialog that was left, changes nothing."""
        if asked is None or not self.is_attached:
            return
        try:
            self.comparison.replace(number, asked)
        except LabError as error:
            self.notify(error.message, severity="error", markup=False)
            return
        self._draw_soon()

    def _draw_soon(self) -> None:
        """Once the knob rests."""
        if self._settling is not None:
            self._settling.stop()
        self._settling = self.set_timer(SETTLED_SECONDS, self.comparison.want)
        self._arrange()

    def action_add(self) -> None:
        self.comparison.add()
        self.comparison.want()
        self.action_edit()

    def action_remove(self) -> None:
        self.comparison.remove()
        for pane in self._panes[self.comparison.chosen :]:
            pane.wait("", keep=False)
        self._arrange()

    def action_view(self) -> None:
        names = list(VIEWS)
        self._view = names[(names.index(self._view) + 1) % len(names)]
        self._say_titles()
        self._draw()

    def action_zoom(self) -> None:
        self._one = 0 if self._one is None else None
        self._draw()

    def action_picture(self, by: int) -> None:
        most = max((cell.images for cell in self.comparison.cells() if cell is not None), default=1)
        self._one = 0 if self._one is None else max(0, min(most - 1, self._one + by))
        self._draw()

    def action_seed(self, by: int) -> None:
        self.comparison.turn_seed(by)
        self._draw_soon()

    def action_open(self) -> None:
        from tui_lab.tui.screens.theatre import TheatreScreen

        self.app.push_screen(TheatreScreen(self._desk, self.comparison.asked[self.comparison.chosen]))

    def action_control(self) -> None:
        from tui_lab.tui.screens.control import ControlScreen

        number = self.comparison.chosen
        dialog = ControlScreen(self._desk, self.comparison.asked[number])
        self.app.push_screen(dialog, lambda asked: self._replace(number, asked))

    def action_sheet(self) -> None:
        from tui_lab.tui.screens.sheet import open_sheet

        open_sheet(self.app, self._desk, self.comparison.asked[self.comparison.chosen])

    def action_back(self) -> None:
        """Out of the knobs first, then out of what is being drawn, then back."""
        if self.editing:
            self.set_class(False, "-editing")
            self.set_focus(None)
            self._arrange()
        elif self.comparison.stop():
            self._draw()
        else:
            self.dismiss(None)

    def action_help(self) -> None:
        from tui_lab.tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen(self.active_bindings))
