"""How far a denoising is drawn, and where in it one is; a click goes there."""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget


class ScrubBar(Widget):
    """`where` is (place, steps that are there, steps there will be)."""

    DEFAULT_CSS = "ScrubBar { height: 1; width: 1fr; }"

    where: reactive[tuple[int, int, int]] = reactive((-1, 0, 0))

    class Asked(Message):
        """The person wants that step."""

        def __init__(self, place: int) -> None:
            super().__init__()
            self.place = place

    def render(self) -> Content:
        place, there, count = self.where
        width = self.content_size.width
        at, drawn = cell_of(place, count, width), cell_of(there - 1, count, width)
        before = max(0, at)
        return Content.from_markup(
            "[$primary]$before[/][$accent]$here[/][$primary 60%]$drawn[/][$border]$coming[/]",
            before="━" * before,
            here="●" if at >= 0 else "",
            drawn="─" * max(0, drawn - at),
            coming="╌" * (width - 1 - max(drawn, at)),
        )

    def on_click(self, event: events.Click) -> None:
        _, there, count = self.where
        if there:
            event.stop()
            share = event.x / max(1, self.content_size.width - 1)
            self.post_message(self.Asked(min(there - 1, round(share * max(0, count - 1)))))


def cell_of(place: int, count: int, width: int) -> int:
    """The cell of the bar where that step of `count` is; -1 before the first one."""
    return -1 if place < 0 else round(place / max(1, count - 1) * max(0, width - 1))
