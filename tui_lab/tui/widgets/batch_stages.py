"""One batch on its way through a step of training: clean, noise, noisy, predicted, error, picture by picture."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from tui_lab.tui.batch_layout import BatchLayout, batch_canvas, batch_layout
from tui_lab.tui.chart import short_number
from tui_lab.tui.widgets.pixel_view import PixelView
from tui_lab.workbench.client import OneBatch

STAGES = (
    ("1 batch", "x₀", "clean"),
    ("2 noise", "ε", "as much as t says"),
    ("3 noisy", "x_t", "what the model sees"),
    ("4 answer", "its x₀", "what the model says"),
    ("5 error", "difference", "what it learns from"),
)
"""(number and name, symbol, what it is), in the order of the course's training loop."""
NAMES, NAMES_SMALL = 20, 11
"""Columns of the words beside the pictures."""


class BatchStages(Vertical, can_focus=True):
    """`chosen` is the picture that is shown alone, None for the whole batch."""

    DEFAULT_CSS = """
    BatchStages {
        padding: 0 1;
        & #stages-all { height: auto; }
        & #stages-beside { width: 20; height: 100%; }
        &.-small #stages-beside { width: 11; }
        & #stages-above, & #stages-below { height: 1; color: $foreground 80%; }
        & #stages-one { display: none; height: 1fr; }
        &.-one #stages-one { display: block; }
        &.-one #stages-all, &.-one #stages-above, &.-one #stages-below { display: none; }
    }
    """

    chosen: reactive[int | None] = reactive(None, init=False)

    def __init__(self) -> None:
        super().__init__()
        self._batch: OneBatch | None = None
        self._fit = BatchLayout(stages_down=True, shown=0, by=1, scale=1, wide=1, high=1)

    def compose(self) -> ComposeResult:
        yield Static(id="stages-above")
        with Horizontal(id="stages-all"):
            yield Static(id="stages-beside")
            yield PixelView(id="stages-pictures")
        yield Static(id="stages-below")
        yield PixelView(id="stages-one")

    def show(self, batch: OneBatch) -> None:
        self._batch = batch
        self._draw()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < 110, "-small")
        self._draw()

    def watch_chosen(self) -> None:
        self._draw()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self.call_later(self._draw)  # the gaps between the pictures have the background's colour

    def on_click(self, event: events.Click) -> None:
        """A picture that is clicked is shown alone; a click on that brings back all."""
        if self.chosen is not None:
            self.chosen = None
            return
        region = self.query_one("#stages-pictures").region
        across, down = event.screen_x - region.x, event.screen_y - region.y
        at = across // self._fit.wide if self._fit.stages_down else down // self._fit.high
        if across >= 0 and down >= 0 and at < self._fit.shown:
            self.chosen = at

    @property
    def count(self) -> int:
        """Pictures in the batch."""
        return 0 if self._batch is None else self._batch.rows.shape[1]

    def _draw(self) -> None:
        self.set_class(self.chosen is not None, "-one")
        if self._batch is None or not self.is_mounted or not self.content_size.height:
            return
        if self.chosen is not None:
            self._draw_one(self._batch, self.chosen)
        else:
            self._draw_all(self._batch)

    def _draw_one(self, batch: OneBatch, chosen: int) -> None:
        captions = [symbol for _, symbol, _ in STAGES]
        captions[2] = f"x_t, t = {short_number(float(batch.timesteps[chosen]), 3)}"
        captions[4] = f"loss {short_number(float(batch.losses[chosen]), 3)}"
        self.query_one("#stages-one", PixelView).show(batch.rows[:, chosen, ..., :3], labels=captions)

    def _draw_all(self, batch: OneBatch) -> None:
        pictures = batch.rows[..., :3]
        stages, count, height, width, _ = pictures.shape
        names = NAMES_SMALL if self.has_class("-small") else NAMES
        room = self.content_size.width - names, self.content_size.height - 2
        layout = self._fit = batch_layout(count, stages, height, width, *room)
        if not layout.shown:
            self.query_one("#stages-beside", Static).update(Content("No room: make the terminal larger"))
            self.query_one("#stages-pictures", PixelView).clear()
            return
        lines = stages if layout.stages_down else layout.shown
        self.query_one("#stages-all").styles.height = lines * layout.high
        canvas = batch_canvas(pictures, layout, self.background_colors[1].rgb)
        self.query_one("#stages-pictures", PixelView).show(canvas)
        times = [f"t {short_number(float(t), 3)}" for t in batch.timesteps[: layout.shown]]
        losses = [short_number(float(loss), 3) for loss in batch.losses[: layout.shown]]
        if layout.stages_down:
            beside = [
                Content.assemble(
                    (name, "$primary"), f"\n{symbol}", (f"\n{words}" if names == NAMES else "", "$secondary")
                )
                for name, symbol, words in STAGES
            ]
            above, below = _spread(times, layout, names, ""), _spread(losses, layout, names, "loss")
        else:
            beside = [
                Content.assemble(t, ("\nloss ", "$secondary"), loss) for t, loss in zip(times, losses, strict=True)
            ]
            above = _spread([one[0] for one in STAGES], layout, names, "")
            below = _spread([one[1] for one in STAGES], layout, names, "")
        self.query_one("#stages-beside", Static).update(Content("\n").join(_tall(one, layout.high) for one in beside))
        self.query_one("#stages-above", Static).update(above, layout=False)
        self.query_one("#stages-below", Static).update(below, layout=False)


def _tall(words: Content, rows: int) -> Content:
    """Just so many lines."""
    lines = words.split("\n", allow_blank=True)[:rows]
    return Content("\n").join([*lines, *[Content("")] * (rows - len(lines))])


def _spread(words: list[str], layout: BatchLayout, names: int, head: str) -> Content:
    """A word over, or under, the middle of each column of pictures."""
    room = layout.wide - 1
    return Content(head.ljust(names) + " ".join(word[:room].center(room) for word in words))
