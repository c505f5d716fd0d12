"""The dataset: how many pictures, of which classes, and a page of them as the model will see them."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from tui_lab.data import Images
from tui_lab.sanitize import clean
from tui_lab.tui.pixels import best_grid
from tui_lab.tui.widgets.panel import Panel
from tui_lab.tui.widgets.pixel_view import PixelView

ROOMY = 19
"""Lines inside the panel from which on the classes are named."""
FEW = 4
"""Where fewer than this would fit as they are, the pictures are shown at half their size."""


class DatasetPanel(Panel):
    """Shows loaded `Images`, or the words that stand in for them while there are none."""

    number, title = 1, "Dataset"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,pagedown", "page(1)", "Next page", show=False, tooltip="The next page of pictures"),
        Binding("left,pageup", "page(-1)", "Page back", show=False, tooltip="The page before"),
    ]
    DEFAULT_CSS = """
    DatasetPanel {
        & #dataset-words { height: auto; max-height: 5; }
        & PixelView { height: 1fr; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._images: Images | None = None
        self._first = 0

    def compose(self) -> ComposeResult:
        yield Static(id="dataset-words")
        yield PixelView(id="dataset-page", shrink_to_fit=True)

    def wait(self, words: str) -> None:
        """Say what is being waited for, or why there is nothing to see."""
        self._images = None
        self.query_one("#dataset-words", Static).update(Content(clean(words)))
        self.query_one(PixelView).clear()
        self.border_title = f"{self.number} {self.title}"
        self.border_subtitle = ""

    def show(self, images: Images) -> None:
        self._images, self._first = images, 0
        self.border_title = f"{self.number} {self.title} · {title_of(images)}"
        self._show_all()

    def action_page(self, by: int) -> None:
        if self._images is None:
            return
        view = self.query_one(PixelView)
        last = max(0, len(self._images.train_rows) - 1)
        self._first = max(0, min(last - last % max(1, view.shown), self._first + by * max(1, view.shown)))
        self._show_page()

    def _show_page(self) -> None:
        if self._images is None:
            return
        view, images = self.query_one(PixelView), self._images
        height, width, _ = images.shape
        shown = page_size(height, width, *view.size)
        view.show(images.take(images.train_rows[self._first : self._first + shown]))
        self.call_after_refresh(self._say_page)

    def on_resize(self) -> None:
        self._show_all()

    def _show_all(self) -> None:
        if self._images is not None:
            self.query_one("#dataset-words", Static).update(words_of(self._images, self.content_size.height))
            self.call_after_refresh(self._show_page)

    def _say_page(self) -> None:
        view = self.query_one(PixelView)
        if self._images is not None and view.shown:
            last = min(self._first + view.shown, len(self._images.train_rows))
            self.border_subtitle = f"← {self._first + 1}–{last} of {thousands(len(self._images.train_rows))} →"


def words_of(images: Images, room: int) -> Content:
    """Counts, what was left out and, where the panel has ROOMY lines of room, the classes; a line each."""
    lines = [Content(f"{thousands(len(images.train_rows))} train · {thousands(len(images.held_out_rows))} held out")]
    if images.classes and room >= ROOMY:
        words = f"{len(images.classes)} classes: {' '.join(images.classes)}"
        lines.append(Content.styled(clean(words, 120), "$secondary"))
    if images.rejected:
        first = images.rejected[0]
        lines.append(
            Content.from_markup(
                "[$warning]! $count left out: $path $reason[/]",
                count=len(images.rejected),
                path=clean(first.path, 40),
                reason=clean(first.reason, 60),
            )
        )
    return Content("\n").join(lines)


def title_of(images: Images) -> str:
    """ "pixel-faces 16×16", "digits 8×8 grey"."""
    height, width, channels = images.shape
    kind = {1: " grey", 3: ""}.get(channels, f" {channels} channels")
    return f"{clean(images.name, 40)} {width}×{height}{kind}"


def page_size(height: int, width: int, cells_w: int, cells_h: int) -> int:
    """How many pictures of height × width pixels a page of cells shows: as they are, or smaller where too few fit."""
    fits = 1
    for shrink in (1, 2, 4, 8):
        fits = best_grid(10_000, max(1, height // shrink), max(1, width // shrink), cells_w, cells_h).shown
        if fits >= FEW:
            break
    return max(1, fits)


def thousands(number: int) -> str:
    """7168 → "7 168", with a narrow no-break space."""
    return f"{number:,}".replace(",", "\u202f")
