"""A dataset of the Hugging Face hub, by name: the fields that `datasets.load_dataset` takes."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Checkbox, Input, Label, Static

from tui_lab.errors import RecipeError
from tui_lab.tui.data_choice import DataChoice
from tui_lab.tui.screens.ask import BOX

_FIELDS = (
    ("name", "name", "owner/name, such as ylecun/mnist"),
    ("config", "config", "empty: its default"),
    ("split", "split", "train"),
    ("revision", "revision", "a branch, tag or commit; empty: the newest"),
)


class HubName(ModalScreen[DataChoice | None]):
    """Dismisses with the choice, or None. Whether the hub has it is seen when it is read."""

    DEFAULT_CSS = f"""HubName {{ {BOX}
        & Horizontal {{ height: 1; margin-bottom: 1; }}
        & Label {{ width: 11; color: $secondary; }}
        & Input {{ background: $panel; width: 1fr; }}
        & Checkbox {{ background: $surface; padding: 0; }}
        & #hub-complaint {{ color: $error; height: auto; }}
    }}"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back", show=False),
        Binding("down", "app.focus_next", "Next field", show=False),
        Binding("up", "app.focus_previous", "Field before", show=False),
    ]

    def __init__(self, typed: str = "") -> None:
        """`typed`: what was typed as the name so far."""
        super().__init__()
        self._typed = typed

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = "A dataset of the hub"
            for field, label, placeholder in _FIELDS:
                with Horizontal():
                    yield Label(label)
                    value = {"name": self._typed, "split": "train"}.get(field, "")
                    yield Input(value, placeholder=placeholder, id=f"hub-{field}", compact=True, select_on_focus=False)
            with Horizontal():
                yield Label("streaming")
                yield Checkbox("read it as it comes, for a set that fits no disk", id="hub-streaming", compact=True)
            yield Static(id="hub-complaint")
            yield Static(Content("enter: read it   tab ↑ ↓: next field   space: tick   esc: back"), classes="hint")

    def on_mount(self) -> None:
        self.query_one("#hub-name", Input).focus()

    def _value(self, field: str) -> str:
        return self.query_one(f"#hub-{field}", Input).value.strip()

    @on(Input.Submitted)
    def _submitted(self) -> None:
        try:
            choice = DataChoice.parse_hub(self._value("name"))
        except RecipeError as error:
            self.query_one("#hub-complaint", Static).update(Content(error.message))
            self.query_one("#hub-name").focus()
            return
        self.dismiss(
            replace(
                choice,
                config=self._value("config") or choice.config,
                split=self._value("split") or choice.split,
                revision=self._value("revision") or choice.revision,
                streaming=self.query_one(Checkbox).value or choice.streaming,
            )
        )
