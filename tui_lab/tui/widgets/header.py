"""The line at the top: what is on the bench, and how its run is doing. What matters least gives way first."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

SIGNS = {
    "starting": ("◌", "$accent"),
    "running": ("●", "$success"),
    "paused": ("‖", "$accent"),
    "finished": ("✓", "$success"),
    "stopped": ("■", "$secondary"),
    "failed": ("✗", "$error"),
    "lost": ("?", "$error"),
}
"""A sign and a colour for each status: colour is never the only sign."""


@dataclass(frozen=True, slots=True)
class HeaderState:
    """All that the header may say; "" for what is not known."""

    recipe: str = ""
    model: str = ""
    objective: str = ""
    run: str = ""
    status: str = ""
    progress: str = ""
    speed: str = ""
    eta: str = ""
    device: str = ""
    note: str = ""


class LabHeader(Widget):
    """One line."""

    DEFAULT_CSS = """
    LabHeader { height: 1; dock: top; background: $panel; padding: 0 1; }
    """

    state: reactive[HeaderState] = reactive(HeaderState())

    def render(self) -> Content:
        return header_line(self.state, self.content_size.width)


def header_line(state: HeaderState, width: int) -> Content:
    """The parts that fit, those of the recipe to the left, those of the run to the right."""
    sign, colour = SIGNS.get(state.status, ("", "$secondary"))
    word = {"running": "training"}.get(state.status, state.status)
    left = [
        ("$primary bold", "diffusion-lab", 9),
        ("$foreground", state.recipe, 7),
        ("$secondary", state.model, 2),
        ("$secondary", state.objective, 1),
    ]
    right = [
        ("$secondary", state.note, 5),
        (colour, f"{sign} {word}" if word else "", 10),
        ("$foreground bold", state.run, 8),
        ("$foreground", state.progress, 9),
        ("$foreground", state.speed, 6),
        ("$foreground", state.eta, 6),
        ("$secondary", state.device, 3),
    ]
    parts = [
        (side, style, text, rank) for side, group in ((0, left), (1, right)) for style, text, rank in group if text
    ]
    while parts and sum(cell_len(text) + 2 for _, _, text, _ in parts) > width:
        parts.remove(min(parts, key=lambda part: part[3]))
    sides = [[Content.styled(text, style) for at, style, text, _ in parts if at == side] for side in (0, 1)]
    lines = [Content("  ").join(side) for side in sides]
    gap = max(1, width - lines[0].cell_length - lines[1].cell_length)
    return Content.assemble(lines[0], " " * gap, lines[1])
