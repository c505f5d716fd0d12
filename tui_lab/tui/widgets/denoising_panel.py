"""Denoising: x_t beside the predicted x₀, as it happens or scrubbed through afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from tui_lab.catalog.samplers import SAMPLERS
from tui_lab.tui.bandwidth import Quality
from tui_lab.tui.widgets.panel import Panel
from tui_lab.tui.widgets.pixel_view import BEST, PixelView

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Trajectory:
    """All steps of a denoising. `pixels`: (steps, 2, B, H, W, C) uint8, x_t then x₀, perhaps memory-mapped; `about`
    says how it was made (timesteps, seed, scheduler, weights, step of training)."""

    pixels: Pixels
    about: dict[str, Any]


class DenoisingPanel(Panel):
    """Follows live steps as they come (`step`), or holds a whole `Trajectory` to scrub through with the arrows."""

    number, title = 5, "Denoising"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "scrub(-1)", "Step back", show=False, tooltip="One denoising step back"),
        Binding("right", "scrub(1)", "Step on", show=False, tooltip="One denoising step on"),
        Binding("home", "scrub(-10000)", "Noise", show=False, tooltip="Back to pure noise"),
        Binding("end", "scrub(10000)", "Picture", show=False, tooltip="To the finished pictures"),
        Binding(
            "enter", "screen.theatre", "Closer", show=False, tooltip="Denoising in full: every checkpoint and knob"
        ),
    ]
    DEFAULT_CSS = """
    DenoisingPanel {
        & #panes { height: 1fr; }
        & .pane { width: 1fr; height: 1fr; }
        & #pane-noisy { margin-right: 2; }
        & .pane-title { height: 1; color: $secondary; }
        & #denoising-words { height: 1fr; content-align: center middle; color: $secondary; }
        & #scrub { height: 1; }
        & .-hidden { display: none; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._trajectory: Trajectory | None = None
        self._live: tuple[Pixels, dict[str, Any]] | None = None
        self._index = 0
        self._quality = BEST

    def compose(self) -> ComposeResult:
        yield Static(id="denoising-words")
        with Horizontal(id="panes", classes="-hidden"):
            with Vertical(id="pane-noisy", classes="pane"):
                yield Static("x_t", classes="pane-title", id="title-noisy")
                yield PixelView(id="view-noisy")
            with Vertical(classes="pane"):
                yield Static("predicted x₀", classes="pane-title", id="title-clean")
                yield PixelView(id="view-clean")
        yield Static(id="scrub", classes="-hidden")

    @property
    def has_pictures(self) -> bool:
        return not self.query_one("#panes").has_class("-hidden")

    @property
    def index(self) -> int:
        """The denoising step on the screen, from 0."""
        return self._index

    @property
    def trajectory(self) -> Trajectory | None:
        """What is held, once all its steps are there."""
        return self._trajectory

    @property
    def is_scrubbing(self) -> bool:
        """Whether the person looks at a step of the past: then nothing new takes its place."""
        return self._trajectory is not None and self._index < len(self._trajectory.pixels) - 1

    @property
    def is_behind(self) -> bool:
        """Whether lines of the pictures still wait for room on the line."""
        return any(view.behind for view in self.query(PixelView) if view.display)

    def pace(self, room: Callable[[], int]) -> None:
        """From now on the pictures send no more bytes at a time than there is `room` for."""
        for view in self.query(PixelView):
            view.room = lambda: room() // 2  # the other one may come with it

    def sharpen(self) -> None:
        """The live pictures that stand there at their best."""
        if self._live is not None:
            self.step(*self._live)

    def wait(self, words: str) -> None:
        """No picture yet: what to press, or what is being waited for."""
        self._trajectory = self._live = None
        self._reveal(False)
        self.query_one("#denoising-words", Static).update(Content(words), layout=False)
        self.border_subtitle = ""

    def step(self, pixels: Pixels, about: dict[str, Any], quality: Quality = BEST) -> None:
        """One step as it comes. `pixels`: (2, B, H, W, C); `about` holds index, count and timestep among the rest.
        `quality` as in `PixelView.show`."""
        self._trajectory, self._live, self._quality = None, (pixels, about), quality
        self._draw(pixels[0], pixels[1], int(about["index"]), int(about["count"]), about.get("timestep"), about)

    def hold(self, trajectory: Trajectory) -> None:
        """A whole trajectory, at its end."""
        self._trajectory, self._live, self._quality = trajectory, None, BEST
        self._index = len(trajectory.pixels) - 1
        self._draw_held()

    def action_scrub(self, by: int) -> None:
        if self._trajectory is not None:
            self._index = max(0, min(len(self._trajectory.pixels) - 1, self._index + by))
            self._draw_held()

    def on_click(self, event: events.Click) -> None:
        """A click on the bar goes there."""
        bar = self.query_one("#scrub", Static)
        if self._trajectory is not None and event.screen_y == bar.region.y and bar.region.width > 12:
            share = (event.screen_x - bar.region.x) / max(1, bar_width(bar.region.width) - 1)
            self._index = round(min(1.0, max(0.0, share)) * (len(self._trajectory.pixels) - 1))
            self._draw_held()

    def _draw_held(self) -> None:
        assert self._trajectory is not None
        pixels, about = self._trajectory.pixels, self._trajectory.about
        timesteps = about.get("timesteps") or []
        timestep = timesteps[self._index] if self._index < len(timesteps) else None
        noisy, clean = np.asarray(pixels[self._index, 0]), np.asarray(pixels[self._index, 1])
        self._draw(noisy, clean, self._index, len(pixels), timestep, about)

    def _draw(
        self, noisy: Pixels, clean: Pixels, index: int, count: int, timestep: float | None, about: dict[str, Any]
    ) -> None:
        self._index = index
        self._reveal(True)
        done = index == count - 1
        self.query_one("#pane-noisy").set_class(done, "-hidden")
        if not done:
            self.query_one("#view-noisy", PixelView).show(noisy, quality=self._quality)
            self.query_one("#title-noisy", Static).update(
                Content(f"x_t   t = {timestep:g}" if timestep is not None else "x_t"), layout=False
            )
        self.query_one("#view-clean", PixelView).show(clean, quality=self._quality)
        words = "samples" if done else "predicted x₀"
        self.query_one("#title-clean", Static).update(Content(f"{words}   step {index + 1}/{count}"), layout=False)
        self.query_one("#scrub", Static).update(self._bar(index, count, about), layout=False)
        self.border_subtitle = "" if self._trajectory is None else "←→ scrub"

    def _reveal(self, pictures: bool) -> None:
        self.query_one("#denoising-words").set_class(pictures, "-hidden")
        self.query_one("#panes").set_class(not pictures, "-hidden")
        self.query_one("#scrub").set_class(not pictures, "-hidden")

    def _bar(self, index: int, count: int, about: dict[str, Any]) -> Content:
        width = bar_width(self.content_size.width)
        at = round(index / max(1, count - 1) * (width - 1))
        return Content.from_markup(
            "[$primary]$done[/][$accent]●[/][$border]$left[/]  $words",
            done="━" * at,
            left="━" * (width - 1 - at),
            words=how_made(about),
        )


def bar_width(panel_width: int) -> int:
    """Cells of the scrub bar: what the words beside it leave, but never less than 10."""
    return max(10, min(60, panel_width - 52))


def how_made(about: dict[str, Any]) -> str:
    """ "seed 0 · DPM-Solver++ 20 · EMA weights of step 1200"."""
    scheduler = str(about.get("scheduler", ""))
    info = SAMPLERS.get(scheduler)
    steps = about.get("num_inference_steps") or about.get("count") or ""
    weights = "EMA weights" if about.get("weights") == "ema" else "weights"
    parts = [f"seed {about.get('seed', 0)}", f"{info.short if info else scheduler} {steps}".strip()]
    if (step := about.get("step")) is not None:
        parts.append(f"{weights} of step {step}")
    return " · ".join(parts)
