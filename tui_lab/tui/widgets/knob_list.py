"""The knobs of a recipe as rows: a mark for live or not, the name, the value. Arrows choose and nudge, Enter types."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui_lab.recipe import KNOBS, SECTIONS, Knob, Recipe, flat, irrelevant

LIVE, NOT_LIVE = "●", "○"


class KnobList(ScrollView, can_focus=True):
    """All knobs by section. `live` says which of them a running run would take at once."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Knob", show=False),
        Binding("down", "move(1)", "Knob", show=False),
        Binding("pageup", "move(-10)", "Ten up", show=False),
        Binding("pagedown", "move(10)", "Ten down", show=False),
        Binding("home", "move(-1000)", "First knob", show=False),
        Binding("end", "move(1000)", "Last knob", show=False),
        Binding("left,minus", "nudge(-1)", "Less", show=False, tooltip="Turn the chosen knob down"),
        Binding("right,plus", "nudge(1)", "More", show=False, tooltip="Turn the chosen knob up"),
        Binding("enter", "type", "Type", show=False, tooltip="Type a value for the chosen knob"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "knob-list--section",
        "knob-list--name",
        "knob-list--value",
        "knob-list--live",
        "knob-list--changed",
        "knob-list--problem",
        "knob-list--chosen",
    }
    DEFAULT_CSS = """
    KnobList {
        height: 1fr;
        overflow-x: hidden;
        & .knob-list--section { color: $secondary; }
        & .knob-list--name { color: $foreground 80%; }
        & .knob-list--value { color: $foreground; text-style: bold; }
        & .knob-list--live { color: $success; }
        & .knob-list--changed { color: $accent; text-style: bold; }
        & .knob-list--problem { color: $error; text-style: bold; }
        & .knob-list--chosen { background: $panel; }
        &:focus .knob-list--chosen { background: $primary 30%; }
    }
    """

    chosen: reactive[str] = reactive("optimizer.learning_rate", repaint=False)

    class Chosen(Message):
        """Another knob is under the cursor."""

        def __init__(self, knob: Knob) -> None:
            self.knob = knob
            super().__init__()

    class Nudged(Message):
        """The person asked for the next value up or down."""

        def __init__(self, knob: Knob, direction: int) -> None:
            self.knob, self.direction = knob, direction
            super().__init__()

    class TypeAsked(Message):
        """The person wants to type a value."""

        def __init__(self, knob: Knob) -> None:
            self.knob = knob
            super().__init__()

    def __init__(self) -> None:
        super().__init__(id="knobs")
        self._values: dict[str, Any] = {}
        self._changed: frozenset[str] = frozenset()
        self._problems: frozenset[str] = frozenset()
        self._idle: frozenset[str] = frozenset()
        self._filter = ""
        self._rows: list[str] = []
        self._find_rows()

    def show(self, recipe: Recipe, changed: set[str], problems: set[str]) -> None:
        """`changed` are marked as edited, `problems` as what stands in the way of training."""
        self._values = flat(recipe)
        self._changed, self._problems = frozenset(changed), frozenset(problems)
        if (idle := irrelevant(recipe)) != self._idle:
            self._idle = idle
            self._find_rows()
            self._resize_virtual()
            self._keep_in_sight()
        self.refresh()

    def filter(self, text: str) -> None:
        """Show only knobs whose key or title has every word of the text; all for ""."""
        self._filter = text.lower()
        self._find_rows()
        if self.chosen not in self._rows:
            first = next((row for row in self._rows if row in KNOBS), None)
            if first is not None:
                self.chosen = first
        self._resize_virtual()
        self.refresh()

    def _find_rows(self) -> None:
        """A row is a knob's key, or a section's name as a heading. Knobs that would change nothing are left out,
        unless they are edited, chosen or asked for by name."""
        words = self._filter.split()
        self._rows = []
        for section in SECTIONS:
            keys = [k for k, knob in KNOBS.items() if knob.section == section and _matches(knob, words)]
            if not words:
                hidden = self._idle - self._changed - self._problems - {self.chosen}
                keys = [key for key in keys if key not in hidden]
            if keys:
                self._rows += [section, *keys]

    def _resize_virtual(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._rows))

    def on_resize(self, event: events.Resize) -> None:
        self._resize_virtual()
        self._keep_in_sight()

    def watch_chosen(self, key: str) -> None:
        if key in KNOBS:
            self.post_message(self.Chosen(KNOBS[key]))
        self._keep_in_sight()
        self.refresh()

    def _keep_in_sight(self) -> None:
        if self.chosen in self._rows and self.size.height:
            y = self._rows.index(self.chosen)
            above = 1 if y and self._rows[y - 1] in SECTIONS else 0
            self.scroll_to_region(Region(0, y - above, 1, 1 + above), animate=False, force=True)

    def render_line(self, y: int) -> Strip:
        row = y + self.scroll_offset.y
        width = self.size.width
        if not self._rows and y == 0:
            return Strip([Segment(f"no knob is called {self._filter}", self.rich_style)]).crop(0, width)
        if row >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        key, style = self._rows[row], self.get_component_rich_style
        if key in SECTIONS:
            line = f"{key} "
            return Strip([Segment(line + "─" * max(0, width - len(line)), style("knob-list--section"))]).crop(0, width)
        knob = KNOBS[key]
        value = knob.format(self._values[key]) if key in self._values else ""
        if knob.unit and value and width >= 46:
            value += f" {knob.unit}"
        tone = "problem" if key in self._problems else "changed" if key in self._changed else "value"
        sign = "!" if key in self._problems else "*" if key in self._changed else " "
        name_width = min(27, max(14, width * 4 // 7))
        room = max(4, width - name_width - 5)
        parts = [
            Segment(
                f"{LIVE if knob.live else NOT_LIVE} ", style("knob-list--live" if knob.live else "knob-list--section")
            ),
            Segment(elided(knob.name, name_width).ljust(name_width + 1), style("knob-list--name")),
            Segment(f"{sign}{elided(value, room)}", style(f"knob-list--{tone}")),
        ]
        strip = Strip(parts).adjust_cell_length(width, self.rich_style)
        if key != self.chosen:
            return strip
        shade = Style(bgcolor=self.get_visual_style("knob-list--chosen").rich_style.bgcolor)
        return Strip([Segment(text, (own or self.rich_style) + shade) for text, own, _ in strip], width)

    def _step(self, by: int) -> None:
        keys = [row for row in self._rows if row in KNOBS]
        if keys:
            at = keys.index(self.chosen) if self.chosen in keys else 0
            self.chosen = keys[max(0, min(len(keys) - 1, at + by))]

    def action_move(self, by: int) -> None:
        self._step(by)

    def action_nudge(self, direction: int) -> None:
        knob = KNOBS[self.chosen]
        self.post_message(self.Nudged(knob, direction) if knob.can_nudge else self.TypeAsked(knob))

    def action_type(self) -> None:
        self.post_message(self.TypeAsked(KNOBS[self.chosen]))

    def on_click(self, event: events.Click) -> None:
        row = event.y + self.scroll_offset.y
        if row < len(self._rows) and self._rows[row] in KNOBS:
            again = self.chosen == self._rows[row]
            self.chosen = self._rows[row]
            if again and event.chain >= 2:
                self.action_type()


def elided(text: str, width: int) -> str:
    """The text, its end cut off with … where it is too long."""
    return text if len(text) <= width else text[: width - 1] + "…"


def _matches(knob: Knob, words: list[str]) -> bool:
    text = f"{knob.key} {knob.title}".lower()
    return all(word in text for word in words)
