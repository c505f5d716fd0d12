"""One picture, as large as the room allows, and its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from tui_lab.sanitize import clean
from tui_lab.tui.widgets.pixel_view import PixelView

CHANNELS = {1: ("grey",), 3: ("red", "green", "blue"), 4: ("red", "green", "blue", "alpha")}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a picture beside its pixels; `native` is (width, height) before shaping."""

    row: int
    name: str
    label: str
    split: str
    native: tuple[int, int] | None


class OnePicture(Horizontal, can_focus=True):
    """Arrows ask for the neighbours: the screen knows which those are."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,up", "turn(-1)", "Before", key_display="←", tooltip="The picture before"),
        Binding("right,down", "turn(1)", "Next", key_display="→", tooltip="The next picture"),
        Binding("pageup", "turn(-10)", "Ten back", show=False),
        Binding("pagedown", "turn(10)", "Ten on", show=False),
        Binding("home", "turn(-1000000000)", "First", show=False),
        Binding("end", "turn(1000000000)", "Last", show=False),
    ]
    DEFAULT_CSS = """
    OnePicture {
        & PixelView { width: 1fr; height: 1fr; }
        & Static { width: 36; height: 1fr; padding: 1 0 0 2; }
    }
    """

    class Turned(Message):
        """The person wants the picture so many places further."""

        def __init__(self, by: int) -> None:
            self.by = by
            super().__init__()

    def compose(self) -> ComposeResult:
        yield PixelView(align="center")
        yield Static()

    def show(self, pixels: NDArray[np.uint8], facts: Facts) -> None:
        """`pixels`: (H, W, C) as the model sees them."""
        self.query_one(PixelView).show(pixels)
        lines = [Content.assemble((f"{name:<9}", "$secondary"), value) for name, value in facts_lines(pixels, facts)]
        self.query_one(Static).update(Content("\n").join([*lines, Content(""), *number_lines(pixels)]))

    def action_turn(self, by: int) -> None:
        self.post_message(self.Turned(by))


def facts_lines(pixels: NDArray[np.uint8], facts: Facts) -> list[tuple[str, str]]:
    """(what, value) of all that is known."""
    height, width, _ = pixels.shape
    native = f"{facts.native[0]}×{facts.native[1]}" if facts.native is not None else ""
    found = [
        ("index", str(facts.row)),
        ("name", clean(facts.name, 60)),
        ("class", clean(facts.label, 60)),
        ("split", facts.split),
        ("size", f"{width}×{height}"),
        ("original", native),
    ]
    return [(what, value) for what, value in found if value]


def number_lines(pixels: NDArray[np.uint8]) -> list[Content]:
    """A table of the channels: mean, standard deviation, least and greatest value, in 0 to 255, and the mean and
    standard deviation in [-1, 1], as the model has them."""
    channels = CHANNELS[pixels.shape[-1]]
    lines = [Content.styled(f"{'0 … 255':<9}{'mean':>6}{'std':>6}{'min':>5}{'max':>5}", "$secondary")]
    for number, name in enumerate(channels):
        values = pixels[..., number]
        numbers = f"{values.mean():6.1f}{values.std():6.1f}{values.min():5d}{values.max():5d}"
        lines.append(Content.assemble((f"{name:<9}", "$secondary"), numbers))
    scaled = pixels.astype(np.float64) / 127.5 - 1
    lines.append(Content(""))
    lines.append(Content.styled(f"{'-1 … 1':<9}{'mean':>7}{'std':>7}", "$secondary"))
    rows: Sequence[tuple[str, NDArray[np.float64]]] = [(name, scaled[..., i]) for i, name in enumerate(channels)]
    lines += [
        Content.assemble((f"{name:<9}", "$secondary"), f"{values.mean():7.3f}{values.std():7.3f}")
        for name, values in rows
    ]
    return lines
