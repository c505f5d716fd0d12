"""What the model sees: a batch as training draws it, after augmentation, back in pixels."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from tui_lab.errors import LabError
from tui_lab.tui.after_refresh import after_refresh
from tui_lab.tui.widgets.picture_grid import tilings, usual
from tui_lab.tui.widgets.pixel_view import PixelView

Draw = Callable[[int], Awaitable[NDArray[np.uint8]]]


class ModelSees(Vertical, can_focus=True):
    """Asks for the batch of a step when it is first looked at, and for others at a key."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n,right,space", "step(1)", "Next batch", key_display="n", tooltip="The batch of the next step"),
        Binding("b,left", "step(-1)", "Batch before", key_display="b", tooltip="The batch of the step before"),
    ]
    DEFAULT_CSS = """
    ModelSees {
        & Static { height: auto; margin-bottom: 1; }
        & PixelView { height: 1fr; }
    }
    """

    def __init__(self, draw: Draw, how: str, *, id: str | None = None) -> None:
        """`draw` gives the batch of a step, (B, H, W, C); `how` says what is done to pictures on the way."""
        super().__init__(id=id)
        self._batch_of, self._how = draw, how
        self._step = 0
        self._asked = False
        self._batch: NDArray[np.uint8] | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="sees-words")
        yield PixelView(shrink_to_fit=True, empty="warming up: the first batch takes a few seconds")

    def look(self) -> None:
        """Draw the first batch, unless there is one."""
        if not self._asked:
            self._asked = True
            self._draw_batch()

    def action_step(self, by: int) -> None:
        step = max(0, self._step + by)
        if step != self._step:
            self._step = step
            self._draw_batch()

    @work(exclusive=True, group="batch")
    async def _draw_batch(self) -> None:
        step = self._step
        self._say(f"drawing the batch of step {step + 1:,} …")
        try:
            batch = await self._batch_of(step)
        except LabError as error:
            self._batch = None
            self.query_one(PixelView).clear(error.message)
            self._say("")
            return
        self._batch = batch
        self._show()

    def on_resize(self, event: events.Resize) -> None:
        after_refresh(self, self._show)

    def _show(self) -> None:
        """As many pictures of the batch as can be seen well."""
        view, batch = self.query_one(PixelView), self._batch
        if batch is None or not view.size:
            return
        _, height, width, _ = batch.shape
        choices = tilings(height, width, view.size)
        shown = batch[: choices[usual(choices, view.size, len(batch))].page]
        view.show(shown)
        count = f"{len(batch)}" if len(shown) == len(batch) else f"{len(shown)} of {len(batch)}"
        self._say(f"{count} pictures · {self._how}")

    def _say(self, words: str) -> None:
        line = Content.assemble((f"step {self._step + 1:,}", "$primary bold"), "  ", (words, "$secondary"))
        self.query_one("#sees-words", Static).update(line)
