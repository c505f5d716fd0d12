"""One of several knobs, taken by turning: ‹ sampler ›."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Static

from tui_lab.recipe import KNOBS


class KnobTurner(Static, can_focus=True):
    """`chosen` is the name of a knob of [sampling], one of `names`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "turn(-1)", "Knob before", show=False),
        Binding("right", "turn(1)", "Next knob", show=False),
    ]
    DEFAULT_CSS = """
    KnobTurner { height: 1; color: $foreground; &:focus { color: $accent; text-style: bold; } }
    """

    chosen: reactive[str] = reactive("", init=False)

    class Turned(Message):
        """Another knob was taken."""

        def __init__(self, turner: KnobTurner) -> None:
            super().__init__()
            self.turner = turner

        @property
        def control(self) -> KnobTurner:
            return self.turner

    def __init__(self, names: Sequence[str], chosen: str, *, id: str) -> None:
        super().__init__(id=id)
        self._names = list(names)
        self.set_reactive(KnobTurner.chosen, chosen)

    def on_mount(self) -> None:
        self._say()

    def watch_chosen(self) -> None:
        self._say()
        self.post_message(self.Turned(self))

    def _say(self) -> None:
        self.update(Content(f"‹ {KNOBS[f'sampling.{self.chosen}'].title} ›"), layout=False)

    def action_turn(self, by: int) -> None:
        self.chosen = self._names[(self._names.index(self.chosen) + by) % len(self._names)]

    def on_click(self, event: events.Click) -> None:
        self.action_turn(-1 if event.x < 2 else 1)
