"""How low can you go? Samplers by step counts, or any two knobs of sampling: a sheet of small grids of pictures."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import on, work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from tui_lab.errors import LabError
from tui_lab.recipe import Recipe, get
from tui_lab.recipe.denoising import Denoising
from tui_lab.recipe.possible import with_knobs
from tui_lab.recipe.sheets import Sheet, knob_sheet, sampler_sheet
from tui_lab.runs.source_recipe import source_recipe
from tui_lab.tui.denoising_words import in_words
from tui_lab.tui.desk import Desk
from tui_lab.tui.pictures_apart import rmse
from tui_lab.tui.sheet_drawing import At, SheetDrawing
from tui_lab.tui.widgets.fitting_footer import FittingFooter
from tui_lab.tui.widgets.sheet_grid import Place, SheetGrid
from tui_lab.tui.widgets.titled_sheet import TitledSheet

DRAW_SECONDS = 1 / 10
"""What came meanwhile is shown at most so often."""
IMAGES = (1, 2, 4, 8, 16)
FIRST_IMAGES = 4


def open_sheet(app: App[Any], desk: Desk, base: Denoising) -> None:
    """Samplers by step counts of `base`; says what is amiss where its source cannot be read."""
    try:
        recipe = source_recipe(base.source)
    except LabError as error:
        app.notify(error.message, severity="error", markup=False)
        return
    app.push_screen(SheetScreen(desk, base, recipe))


class SheetScreen(Screen[None]):
    """Turns two knobs of `base`, whose source has this `recipe`. Every place begins at the same noise, unless it is the
    seed that is turned."""

    TITLE = "Sheet"
    AUTO_FOCUS = "SheetGrid"
    DEFAULT_CSS = """
    SheetScreen {
        background: $background;
        & #sheet-title { height: 1; background: $panel; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
        & TitledSheet { height: 1fr; margin: 0 1; }
        & #sheet-words { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
        & Footer { padding: 0 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "axes", "Rows, columns", tooltip="Turn two other knobs, or through other values"),
        Binding("space", "pause", "Stop", tooltip="Draw no further, or go on"),
        Binding("i", "images", "Pictures", tooltip="More pictures in each place: 1, 2, 4, 8, 16"),
        Binding("right_square_bracket", "seed(1)", "Seed", key_display="[ ]", tooltip="All of it from other noise"),
        Binding(
            "left_square_bracket", "seed(-1)", "Seed before", show=False, tooltip="All of it from the noise before"
        ),
        Binding("c", "pin", "Pin", tooltip="Put this one aside to compare, or let it go"),
        Binding("C", "compare", "Compare", show=False, tooltip="What is pinned, side by side"),
        Binding("e", "export", "Export", tooltip="The sheet with its titles as PNG, and a sidecar that makes it again"),
        Binding("question_mark", "help", "Help", id="help", key_display="?", tooltip="Every key of this screen"),
        Binding("escape", "back", "Back", key_display="esc", tooltip="Stop drawing; back"),
        Binding("q", "dismiss(None)", "Back", show=False),
    ]

    def __init__(self, desk: Desk, base: Denoising, recipe: Recipe) -> None:
        super().__init__()
        self._desk, self._recipe = desk, recipe
        self._base = base.turned(num_images=FIRST_IMAGES).changed(place=None)
        self._drawing: SheetDrawing | None = None
        self._stale: set[At] = set()
        self._common = ""
        self._usable = (False, False)

    def compose(self) -> ComposeResult:
        yield Static(id="sheet-title")
        yield TitledSheet()
        yield Static(id="sheet-words")
        yield FittingFooter(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        self.set_interval(DRAW_SECONDS, self._show_stale)
        self.app.theme_changed_signal.subscribe(self, lambda _: self._grid.draw())
        self.begin(sampler_sheet(self._base, self._recipe))

    def on_unmount(self) -> None:
        if self._drawing is not None:
            self._drawing.close()

    @property
    def sheet(self) -> Sheet:
        assert self._drawing is not None
        return self._drawing.sheet

    @property
    def drawing(self) -> SheetDrawing:
        assert self._drawing is not None
        return self._drawing

    @property
    def _grid(self) -> SheetGrid:
        return self.query_one(SheetGrid)

    def begin(self, sheet: Sheet) -> None:
        """This sheet from now on."""
        if self._drawing is not None:
            self._drawing.close()
        knobs = sheet.down.knob.title, sheet.across.knob.title
        self.query_one(TitledSheet).title(knobs, sheet.down.titles, sheet.across.titles)
        self._stale = {(row, column) for row, line in enumerate(sheet.rows) for column in range(len(line))}
        self._drawing = SheetDrawing(self._desk.cells, sheet, self._recipe, self._stale.add)
        self._common = in_words(self._base, self._recipe, without=(sheet.down.name, sheet.across.name))
        self._drawing.go_on()
        self._show_stale()

    # What is shown

    def _show_stale(self) -> None:
        """The places that look different now."""
        if not self._stale or not self.is_attached:
            return
        for at in self._stale:
            self._grid.fill(*at, self._place(at))
        self._stale.clear()
        self._grid.draw()
        self._say()

    def _place(self, at: At) -> Place:
        drawing = self.drawing
        if (finished := drawing.finished.get(at)) is not None:
            return Place(finished.pictures)
        if (cell := drawing.live(at)) is not None and cell.levels:
            return Place(cell.pane("x0", -1))
        if reason := drawing.cell(at).reason:
            return Place(words=reason)
        if at in drawing.errors:
            return Place(words=f"! {drawing.errors[at]}", dim=False)
        return Place(words="…" if cell is None else "reading the weights", dim=cell is None)

    @on(SheetGrid.Moved)
    def _moved(self) -> None:
        if self._drawing is not None and self.is_attached:
            self._say()

    def _say(self) -> None:
        """The title, and what stands in the frame."""
        drawing = self.drawing
        state = f"{len(drawing.finished)}/{drawing.count} drawn"
        if drawing.left and not drawing.running:
            state += "  stopped: space goes on"
        elif drawing.errors:
            state += f"  {len(drawing.errors)} failed: space tries again"
        self.query_one("#sheet-title", Static).update(
            Content.assemble(
                (self._heading, "$primary bold"),
                (f"  {state}", "$accent"),
                self._seen(),
                (f"  {self._common}", "$secondary"),
            ),
            layout=False,
        )
        self.query_one("#sheet-words", Static).update(self._words(self._grid.at), layout=False)
        usable = bool(drawing.finished), bool(drawing.left or drawing.errors)
        if usable != self._usable:
            self._usable = usable
            self.refresh_bindings()

    @property
    def _heading(self) -> str:
        down, across = self.sheet.down, self.sheet.across
        if (down.name, across.name) == ("scheduler", "num_inference_steps"):
            return "How low can you go?"
        return f"{down.knob.title} × {across.knob.title}"

    def _seen(self) -> str:
        """How many of the pictures there is room for."""
        shown, drawn = self._grid.plan.shown, int(self._base.knobs["num_images"])
        return f"  {shown} of {drawn} in view: + -" if shown < drawn else ""

    def _words(self, at: At) -> Content:
        drawing, sheet = self.drawing, self.sheet
        where = f"{sheet.down.titles[at[0]]} · {_valued(sheet.across.name, sheet.across.titles[at[1]])}"
        pinned = "  pinned" if drawing.cell(at).asked in self._desk.pins else ""
        reason, live = drawing.cell(at).reason, drawing.live(at)
        if reason or at in drawing.errors:
            told = (f"  {reason or drawing.errors[at]}", "$warning")
        elif live is not None:
            told = (f"  drawing {live.drawn}/{live.count or '?'}", "$accent")
        elif at in drawing.finished:
            full = drawing.finished[at].memory
            told = (f"  {self._against_the_last(at)}{full and f'  memory {full}'}", "$secondary")
        else:
            told = ("  waits for its turn", "$secondary")
        return Content.assemble((where, "$foreground bold"), told, (pinned, "$success"))

    def _against_the_last(self, at: At) -> str:
        """How far its samples are from those at the end of its row."""
        last = (at[0], max((column for row, column in self.drawing.finished if row == at[0]), default=at[1]))
        if last == at:
            return "drawn"
        apart = rmse(self.drawing.finished[at].pictures, self.drawing.finished[last].pictures)
        value = _valued(self.sheet.across.name, self.sheet.across.titles[last[1]])
        return f"RMSE {apart:.3f} to {value}" if apart is not None else "drawn"

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if self._drawing is None:
            return True
        if action == "export":
            return True if self._drawing.finished else None
        if action == "pause":
            return True if self._drawing.left or self._drawing.errors else None
        return True

    @on(SheetGrid.Opened)
    def _opened(self) -> None:
        from tui_lab.tui.screens.theatre import TheatreScreen

        cell = self.drawing.cell(self._grid.at)
        if cell.reason:
            self.notify(cell.reason, severity="warning", markup=False)
        else:
            self.app.push_screen(TheatreScreen(self._desk, cell.asked))

    def action_pause(self) -> None:
        if self.drawing.running:
            self.drawing.stop()
        else:
            self.drawing.go_on()
        self._say()

    def action_images(self) -> None:
        now = int(self._base.knobs["num_images"])
        self._anew(num_images=IMAGES[(IMAGES.index(now) + 1) % len(IMAGES)])

    def action_seed(self, by: int) -> None:
        if "seed" in (self.sheet.down.name, self.sheet.across.name):
            self.notify("This sheet turns the seed: x chooses others", markup=False)
            return
        seed = get(with_knobs(self._base, self._recipe), "sampling.seed")
        self._anew(seed=max(0, seed + by))

    def _anew(self, **knobs: int) -> None:
        """The same axes over another base."""
        self._base = self._base.turned(**knobs)
        self.begin(knob_sheet(self._base, self._recipe, self.sheet.down, self.sheet.across))

    @work(exclusive=True, group="axes")
    async def action_axes(self) -> None:
        from tui_lab.tui.screens.choose_axes import ChooseAxes

        dialog = ChooseAxes(self._base, self._recipe, self.sheet.down, self.sheet.across)
        sheet = await self.app.push_screen_wait(dialog)
        if sheet is not None:
            self.begin(sheet)

    def action_pin(self) -> None:
        cell = self.drawing.cell(self._grid.at)
        try:
            if cell.reason:
                raise LabError(cell.reason)
            self._desk.pins.toggle(cell.asked)
        except LabError as error:
            self.notify(error.message, severity="warning", markup=False)
        self._say()

    def action_compare(self) -> None:
        from tui_lab.tui.screens.comparing import open_comparison

        open_comparison(self.app, self._desk, self.drawing.cell(self._grid.at).asked)

    @work(exclusive=True, group="export")
    async def action_export(self) -> None:
        from tui_lab.tui.screens.export_sheet import export_sheet

        await export_sheet(self.app, self.drawing, f"{self._heading}  {self._common}")

    def action_back(self) -> None:
        """Out of the drawing first, then back."""
        if self.drawing.running:
            self.action_pause()
        else:
            self.dismiss(None)

    def action_help(self) -> None:
        from tui_lab.tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen(self.active_bindings))


def _valued(name: str, title: str) -> str:
    """ "20 steps", "eta 0.5"."""
    return f"{title} steps" if name == "num_inference_steps" else title if name == "scheduler" else f"{name} {title}"
