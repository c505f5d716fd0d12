"""A denoising's knobs beside its pictures: arrows turn them, and what is turned is drawn at once."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Static

from tui_lab.catalog.samplers import SAMPLERS
from tui_lab.errors import LabError
from tui_lab.recipe import Recipe, as_dict
from tui_lab.recipe.denoising import Denoising
from tui_lab.recipe.possible import choices_of, with_knobs
from tui_lab.runs.source_recipe import source_recipe
from tui_lab.sanitize import clean
from tui_lab.tui.denoising_choice import checkpoints_of
from tui_lab.tui.denoising_rows import (
    CHECKPOINT,
    CLASS,
    EACH_IN_TURN,
    SOURCE,
    FormRow,
    classes_of,
    knob_of,
    longest_title,
    nudged,
    over,
    rows_of,
    typed,
)
from tui_lab.tui.screens.ask import AskText, Choose
from tui_lab.tui.widgets.knob_list import elided


class FormRows(Widget, can_focus=True):
    """The rows; keys say what the person wants of the chosen one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Knob", show=False),
        Binding("down", "move(1)", "Knob", key_display="↑↓"),
        Binding("home", "move(-100)", "First", show=False),
        Binding("end", "move(100)", "Last", show=False),
        Binding("left,minus", "nudge(-1)", "Less", show=False, tooltip="Turn the chosen knob down"),
        Binding("right,plus", "nudge(1)", "Turn", key_display="←→", tooltip="Turn the chosen knob up"),
        Binding("enter", "type", "Type", tooltip="Type a value for the chosen knob, or choose it from a list"),
    ]
    DEFAULT_CSS = "FormRows { height: 1fr; }"

    chosen: reactive[int] = reactive(2)

    class Nudged(Message):
        """The next value of the row."""

        def __init__(self, key: str, direction: int) -> None:
            super().__init__()
            self.key, self.direction = key, direction

    class TypeAsked(Message):
        """A value of one's own."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[FormRow] = []

    @property
    def row(self) -> FormRow | None:
        """The one under the cursor."""
        return self._rows[min(self.chosen, len(self._rows) - 1)] if self._rows else None

    def show(self, rows: list[FormRow]) -> None:
        self._rows = rows
        self.refresh()

    def render(self) -> Content:
        width = self.content_size.width
        names = longest_title(self._rows) if self._rows else 0
        lines = []
        for row in self._rows:
            here = row is self.row
            value = f" {row.value}"
            if here and not row.idle:
                value = f"‹{row.value}›"
            dim = "$secondary" if row.idle else "$foreground"
            shade = " on $primary 30%" if here and self.has_focus else " on $panel" if here else ""
            name = row.title.ljust(names + 1)
            value = elided(value, max(1, width - len(name))).ljust(width - len(name))
            bold = "" if row.idle else " bold"
            lines.append(Content.assemble((name, f"{dim}{shade}"), (value, f"{dim}{bold}{shade}")))
        return Content("\n").join(lines)

    def action_move(self, by: int) -> None:
        self.chosen = max(0, min(len(self._rows) - 1, self.chosen + by))

    def action_nudge(self, direction: int) -> None:
        if self.row is not None:
            self.post_message(self.Nudged(self.row.key, direction))

    def action_type(self) -> None:
        if self.row is not None:
            self.post_message(self.TypeAsked(self.row.key))

    def on_click(self, event: events.Click) -> None:
        event.stop()
        again = self.chosen == event.y
        self.chosen = max(0, min(len(self._rows) - 1, event.y))
        if again:
            self.action_type()


class DenoisingForm(Vertical):
    """`show` takes the denoising and its source's recipe; `Turned` comes with what was made of it."""

    DEFAULT_CSS = """
    DenoisingForm {
        width: 42; border: round $border; border-title-color: $primary; padding: 0 1;
        &:focus-within { border: round $primary; border-title-style: bold; }
        & #form-words { height: auto; min-height: 2; color: $secondary; }
    }
    """

    class Turned(Message):
        """The denoising that is asked for now."""

        def __init__(self, asked: Denoising) -> None:
            super().__init__()
            self.asked = asked

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._asked: Denoising | None = None
        self._recipe: Recipe | None = None

    def compose(self) -> ComposeResult:
        yield FormRows()
        yield Static(id="form-words")

    def on_mount(self) -> None:
        self.watch(self.query_one(FormRows), "chosen", lambda: self._say(), init=False)

    @property
    def rows(self) -> FormRows:
        return self.query_one(FormRows)

    def show(self, title: str, asked: Denoising, recipe: Recipe) -> None:
        self.border_title = title
        self._asked, self._recipe = asked, recipe
        self.rows.show(rows_of(asked, recipe))
        self._say()

    def _say(self, complaint: str = "") -> None:
        """Help on the chosen row, why it is greyed, or why that could not be."""
        row = self.rows.row
        if row is None:
            return
        words = complaint or row.idle or self._help(row.key)
        style = "$error" if complaint else "$secondary"
        self.query_one("#form-words", Static).update(Content.styled(words, style))

    def _help(self, key: str) -> str:
        assert self._asked is not None and self._recipe is not None
        if key == SOURCE:
            return "Enter: another run, or a pipeline's folder."
        if key == CHECKPOINT:
            return f"One of {', '.join(map(str, checkpoints_of(self._asked.source)))}."
        if key == CLASS:
            return "One class for all pictures, or each class in turn. k on the panes has the rest of control."
        if key == "scheduler":
            help = SAMPLERS[with_knobs(self._asked, self._recipe).sampling.scheduler].help
            return f"{help[0].upper()}{help[1:]}."
        return knob_of(key).help

    def _turn(self, asked: Denoising | None) -> None:
        if asked is not None and asked != self._asked:
            self._asked = asked
            self.post_message(self.Turned(asked))

    def on_form_rows_nudged(self, event: FormRows.Nudged) -> None:
        event.stop()
        assert self._asked is not None and self._recipe is not None
        row = self.rows.row
        if row is not None and row.idle:
            self._say()
        elif event.key == SOURCE:
            self._type(SOURCE)
        else:
            self._turn(nudged(self._asked, self._recipe, event.key, event.direction))

    def on_form_rows_type_asked(self, event: FormRows.TypeAsked) -> None:
        event.stop()
        row = self.rows.row
        if row is not None and not row.idle:
            self._type(event.key)

    @work(exclusive=True, group="form")
    async def _type(self, key: str) -> None:
        assert self._asked is not None and self._recipe is not None
        try:
            if key == SOURCE:
                self._turn(await self._another_source(self._asked))
            elif key == CHECKPOINT:
                steps = [(str(step), "") for step in reversed(checkpoints_of(self._asked.source))]
                step = await self.app.push_screen_wait(Choose("Checkpoint", steps, str(self._asked.checkpoint)))
                self._turn(None if step is None else self._asked.changed(checkpoint=int(step)))
            elif key == CLASS:
                self._turn(await self._class(self._asked, self._recipe))
            elif knob_of(key).choices:
                self._turn(await self._choice(self._asked, self._recipe, key))
            else:
                self._turn(await self._value(self._asked, self._recipe, key))
        except LabError as error:
            self._say(error.message)

    async def _another_source(self, asked: Denoising) -> Denoising | None:
        """The same knobs over another model."""
        from tui_lab.tui.screens.open_denoising import open_denoising

        other = await open_denoising(self.app, asked.source)
        return None if other is None else over(asked, other, source_recipe(other.source))

    async def _class(self, asked: Denoising, recipe: Recipe) -> Denoising | None:
        classes = {clean(str(label), 40): label for label in classes_of(recipe)}
        now = clean(str(asked.class_labels[0]), 40) if asked.class_labels else EACH_IN_TURN
        options = [(name, "") for name in (EACH_IN_TURN, *classes)]
        chosen = await self.app.push_screen_wait(Choose("Class", options, now))
        if chosen is None:
            return None
        return asked.changed(class_labels=(classes[chosen],) if chosen in classes else ())

    async def _choice(self, asked: Denoising, recipe: Recipe, key: str) -> Denoising | None:
        """From the list of all choices, those that cannot be drawn greyed with their reason."""
        found = choices_of(asked, recipe, key)
        words = {name: info.help for name, info in SAMPLERS.items()}
        options = [(str(choice), words.get(str(choice), "")) for choice, _ in found]
        barred = {str(choice): reason for choice, reason in found if reason}
        now = str(as_dict(with_knobs(asked, recipe))["sampling"][key])
        chosen = await self.app.push_screen_wait(Choose(knob_of(key).title, options, now, barred))
        return None if chosen is None else asked.turned(**{key: chosen})

    async def _value(self, asked: Denoising, recipe: Recipe, key: str) -> Denoising | None:
        knob = knob_of(key)
        now = knob.format(as_dict(with_knobs(asked, recipe))["sampling"][key])
        ask = AskText(
            knob.title, f"{knob.help} Takes {knob.bounds}.", now, lambda text: typed(asked, recipe, key, text)
        )
        answer: Any = await self.app.push_screen_wait(ask)
        return answer if isinstance(answer, Denoising) else None
