"""Which two knobs a sheet turns, and through which values."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tui_lab.errors import RecipeError
from tui_lab.recipe import KNOBS, Recipe
from tui_lab.recipe.denoising import Denoising
from tui_lab.recipe.sheets import (
    SHEET_KNOBS,
    Axis,
    Sheet,
    default_axis,
    idle_knobs,
    knob_sheet,
    model_calls,
    parse_axis,
)
from tui_lab.tui.screens.ask import BOX
from tui_lab.tui.widgets.dataset_panel import thousands
from tui_lab.tui.widgets.knob_turner import KnobTurner

_SIDES = (("down", "rows"), ("across", "columns"))


class ChooseAxes(ModalScreen[Sheet | None]):
    """Dismisses with the sheet, or None. What it will cost is said as it is chosen."""

    DEFAULT_CSS = f"""ChooseAxes {{ {BOX}
        & .side {{ height: 1; color: $secondary; }}
        & Input {{ background: $panel; margin-bottom: 1; }}
        & #axes-cost {{ height: auto; color: $foreground; }}
        & #axes-idle {{ height: auto; color: $secondary; }}
    }}"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back", show=False),
        Binding("down", "app.focus_next", "Down", show=False, priority=True),
        Binding("up", "app.focus_previous", "Up", show=False, priority=True),
        Binding("enter", "take", "Draw", show=False, priority=True),
    ]

    def __init__(self, base: Denoising, recipe: Recipe, down: Axis, across: Axis) -> None:
        super().__init__()
        self._base, self._recipe = base, recipe
        self._axes = {"down": down, "across": across}
        self._idle = idle_knobs(base, recipe)

    def compose(self) -> ComposeResult:
        names = [name for name in SHEET_KNOBS if name not in self._idle]
        with Vertical(classes="box") as box:
            box.border_title = "Rows and columns"
            for side, title in _SIDES:
                axis = self._axes[side]
                yield Static(Content(title), classes="side")
                yield KnobTurner(names, axis.name, id=f"turn-{side}")
                yield Input(axis.text, compact=True, id=f"values-{side}")
            yield Static(id="axes-cost")
            if self._idle:
                titles = ", ".join(KNOBS[f"sampling.{name}"].title for name in self._idle)
                yield Static(Content(f"Left out, for with this model it changes nothing: {titles}"), id="axes-idle")
            yield Static(
                Content("↑↓: move   ←→: another knob, or type values   enter: draw it   esc: back"), classes="hint"
            )

    def on_mount(self) -> None:
        self.query_one("#turn-down").focus()
        self._weigh()

    @on(KnobTurner.Turned)
    def _turned(self, event: KnobTurner.Turned) -> None:
        side = str(event.turner.id).removeprefix("turn-")
        axis = default_axis(event.turner.chosen, self._base, self._recipe)
        self.query_one(f"#values-{side}", Input).value = axis.text
        self._weigh()

    @on(Input.Changed)
    def _weigh(self) -> None:
        """What the sheet will take, or why there can be none."""
        cost = self.query_one("#axes-cost", Static)
        try:
            sheet = self._sheet()
        except RecipeError as error:
            cost.update(Content.styled(error.message, "$error"))
        else:
            cost.update(Content(cost_words(sheet, self._recipe)))

    def _sheet(self) -> Sheet:
        down, across = (
            parse_axis(
                self.query_one(f"#turn-{side}", KnobTurner).chosen, self.query_one(f"#values-{side}", Input).value
            )
            for side, _ in _SIDES
        )
        return knob_sheet(self._base, self._recipe, down, across)

    def action_take(self) -> None:
        try:
            self.dismiss(self._sheet())
        except RecipeError:
            self._weigh()


def cost_words(sheet: Sheet, recipe: Recipe) -> str:
    """ "15 × 5: 72 denoisings, 1 305 model calls; 3 places stay empty"."""
    cells = [cell for row in sheet.rows for cell in row]
    drawn = [cell for cell in cells if not cell.reason]
    calls = sum(model_calls(cell.asked, recipe) for cell in drawn)
    words = f"{len(sheet.down.values)} × {len(sheet.across.values)}: {thousands(len(drawn))} denoisings"
    empty = len(cells) - len(drawn)
    stay = f"; {empty} place{'s stay' if empty > 1 else ' stays'} empty" if empty else ""
    return f"{words}, {thousands(calls)} model calls{stay}"
