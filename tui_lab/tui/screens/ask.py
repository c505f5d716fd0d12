"""Small dialogs: a question with keys, a value to type, a list to choose from. Escape always leaves all as it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from tui_lab.errors import LabError

BOX = """
    align: center middle;
    background: $background 60%;
    & > .box {
        width: 88; max-width: 94%; height: auto; max-height: 90%;
        border: round $primary; border-title-color: $primary; border-title-style: bold;
        background: $surface; padding: 1 2;
    }
    & .body { color: $foreground; height: auto; margin-bottom: 1; }
    & .hint { color: $secondary; height: auto; margin-top: 1; }
"""
"""How a dialog looks; its parts are in a `.box`."""
LISTED = 500
"""Options that a list shows at once."""


class Ask(ModalScreen[str | None]):
    """A question answered by a key or a click. Dismisses with the chosen value, or None."""

    DEFAULT_CSS = f"Ask {{ {BOX} & OptionList {{ border: none; background: $surface; padding: 0; height: auto; }} }}"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Back", show=False)]

    def __init__(self, title: str, body: str, choices: Sequence[tuple[str, str, str]]) -> None:
        """`choices`: (key, what it does, value), the first is the default."""
        super().__init__()
        self._title, self._body, self._choices = title, body, list(choices)

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = self._title
            yield Static(Content(self._body), classes="body")
            yield OptionList(*(Option(_labelled(key, words), id=value) for key, words, value in self._choices))
            yield Static(Content("esc: back, nothing changes"), classes="hint")

    def on_key(self, event: events.Key) -> None:
        for key, _, value in self._choices:
            if event.key == key or event.character == key:
                event.stop()
                self.dismiss(value)

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id)


class AskText(ModalScreen[Any]):
    """A line to type. `check` turns it into the value to dismiss with, or raises LabError, shown in place."""

    DEFAULT_CSS = f"""AskText {{ {BOX}
        & Input {{ border: tall $border; background: $panel; }}
        & #complaint {{ color: $error; height: auto; }}
    }}"""
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Back", show=False)]

    def __init__(self, title: str, body: str, value: str, check: Callable[[str], Any]) -> None:
        super().__init__()
        self._title, self._body, self._value, self._check = title, body, value, check

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = self._title
            yield Static(Content(self._body), classes="body")
            yield Input(value=self._value, select_on_focus=True)
            yield Static(id="complaint")
            yield Static(Content("enter: take it   esc: leave it as it is"), classes="hint")

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        try:
            self.dismiss(self._check(event.value))
        except LabError as error:
            self.query_one("#complaint", Static).update(Content(error.message))


class Choose(ModalScreen[str | None]):
    """A list with words beside each name; typing narrows it. Dismisses with the chosen name, or None."""

    DEFAULT_CSS = f"""Choose {{ {BOX}
        & OptionList {{
            border: none; background: $surface; padding: 0; height: auto; max-height: 20;
            text-wrap: nowrap; text-overflow: ellipsis;
        }}
        & Input {{ background: $panel; margin-bottom: 1; }}
    }}"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back", show=False),
        Binding("down", "move(1)", "Down", show=False, priority=True),
        Binding("up", "move(-1)", "Up", show=False, priority=True),
    ]

    def __init__(
        self,
        title: str,
        options: Sequence[tuple[str, str]],
        chosen: str = "",
        barred: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`options`: (name, words); `barred`: {name: why} of those that cannot be taken, which stand there all the
        same."""
        super().__init__()
        self._title, self._options, self._chosen, self._barred = title, list(options), chosen, dict(barred)
        self._typed = ""

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = self._title
            yield Input(placeholder="type to narrow", compact=True)
            yield OptionList()
            yield Static(Content("enter: take it   esc: leave it as it is"), classes="hint")

    def on_mount(self) -> None:
        self._fill("")
        names = [name for name, _ in self._options]
        if self._chosen in names[:LISTED]:
            self.query_one(OptionList).highlighted = names.index(self._chosen)
        self.query_one(Input).focus()

    def _fill(self, typed: str) -> None:
        words = typed.lower().split()
        width = max((len(name) for name, _ in self._options), default=0)
        listed = self.query_one(OptionList)
        listed.clear_options()
        matching = [one for one in self._options if all(word in f"{one[0]} {one[1]}".lower() for word in words)]
        listed.add_options(self._option(name, about, width) for name, about in matching[:LISTED])
        if len(matching) > LISTED:
            more = f"… {len(matching) - LISTED:,} more: type to narrow"
            listed.add_option(Option(Content.styled(more, "$secondary"), disabled=True))
        enabled = (at for at in range(listed.option_count) if not listed.get_option_at_index(at).disabled)
        listed.highlighted = next(enabled, None)

    def _option(self, name: str, about: str, width: int) -> Option:
        if name in self._barred:
            words = Content.styled(f"{name.ljust(width)}  {self._barred[name]}", "$secondary")
            return Option(words, id=name, disabled=True)
        return Option(Content.assemble((name.ljust(width), "bold"), "  ", (about, "$secondary")), id=name)

    @on(Input.Changed)
    def _narrow(self, event: Input.Changed) -> None:
        if event.value != self._typed:
            self._typed = event.value
            self._fill(event.value)

    @on(Input.Submitted)
    def _take(self) -> None:
        listed = self.query_one(OptionList)
        if listed.highlighted is not None:
            self.dismiss(listed.get_option_at_index(listed.highlighted).id)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id)

    def action_move(self, by: int) -> None:
        listed = self.query_one(OptionList)
        (listed.action_cursor_down if by > 0 else listed.action_cursor_up)()


def _labelled(key: str, words: str) -> Content:
    return Content.assemble((f"{key:>5} ", "$accent bold"), (words, "$foreground"))
