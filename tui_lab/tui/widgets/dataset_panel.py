"""The dataset: how many pictures, of which classes, and a page of them as the model will see them."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.widgets import Static

from tui_lab.data import Images
from tui_lab.sanitize import clean
from tui_lab.tui.after_refresh import after_refresh
from tui_lab.tui.pixels import best_grid
from tui_lab.tui.widgets.panel import Panel
from tui_lab.tui.widgets.pixel_view import PixelView

ROOMY = 19
"""Lines inside the panel from which on the classes are named."""
FEW = 4
"""Where fewer than this would fit as they are, the pictures are shown at half their size."""
LABELLED = 7
"""Cells of a picture's width from which on its label has room below it."""


class DatasetPanel(Panel):
    """Shows loaded `Images`, or the first pictures and how far reading is, or the words that stand in for them."""

    number, title = 1, "Dataset"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "explore", "See all", tooltip="The data in full: every picture, statistics, duplicates"),
        Binding("right,pagedown", "page(1)", "Next page", show=False, tooltip="The next page of pictures"),
        Binding("left,pageup", "page(-1)", "Page back", show=False, tooltip="The page before"),
    ]
    DEFAULT_CSS = """
    DatasetPanel {
        & #dataset-words { height: auto; max-height: 5; }
        & #dataset-progress { height: 1; display: none; }
        &.-reading #dataset-progress { display: block; }
        & PixelView { height: 1fr; }
    }
    """

    class Explored(Message):
        """The person wants to see the data in full; `row` is the picture that was clicked."""

        def __init__(self, row: int | None = None) -> None:
            self.row = row
            super().__init__()

    def __init__(self) -> None:
        super().__init__()
        self._images: Images | None = None
        self._preview: NDArray[np.uint8] | None = None
        self._first = 0
        self._far = (0, 0)

    def compose(self) -> ComposeResult:
        yield Static(id="dataset-words")
        yield Static(id="dataset-progress")
        yield PixelView(id="dataset-page", shrink_to_fit=True)

    def wait(self, words: str, keep: bool = False) -> None:
        """Say what is being waited for, or why there is nothing to see; `keep` leaves the first pictures there."""
        self._images = None
        self.query_one("#dataset-words", Static).update(Content("\n").join(map(Content, map(clean, words.split("\n")))))
        self.border_subtitle = ""
        if not keep:
            self._preview = None
            self.query_one(PixelView).clear()
            self.border_title = f"{self.number} {self.title}"

    def preview(self, name: str, pictures: NDArray[np.uint8]) -> None:
        """The first pictures as they will be, (N, H, W, C), before the whole set is read."""
        self._images, self._preview = None, pictures
        self.border_title = f"{self.number} {self.title} · {clean(name, 40)} {shape_words(pictures.shape[1:])}"
        self.border_subtitle = ""
        self.query_one("#dataset-words", Static).update(Content(f"First {len(pictures)} pictures, as they will be"))
        self._show_page()

    def reading(self, done: int, total: int) -> None:
        """How far reading the whole set is; `total` is 0 while it is not known."""
        self._far = done, total
        self.add_class("-reading")
        words = Content.assemble(progress_words(done, total, self.content_size.width - 12), ("  esc stops", "$accent"))
        self.query_one("#dataset-progress", Static).update(words, layout=False)

    def reading_over(self) -> None:
        self.remove_class("-reading")

    def show(self, images: Images) -> None:
        self._images, self._preview, self._first = images, None, 0
        self.border_title = f"{self.number} {self.title} · {title_of(images)}"
        self._show_all()

    def action_explore(self) -> None:
        self.post_message(self.Explored())

    @on(PixelView.Selected)
    def _selected(self, event: PixelView.Selected) -> None:
        event.stop()
        if self._images is not None:
            self.post_message(self.Explored(int(self._images.train_rows[self._first + event.index])))

    def action_page(self, by: int) -> None:
        if self._images is None:
            return
        view = self.query_one(PixelView)
        last = max(0, len(self._images.train_rows) - 1)
        self._first = max(0, min(last - last % max(1, view.shown), self._first + by * max(1, view.shown)))
        self._show_page()

    def _show_page(self) -> None:
        view, images = self.query_one(PixelView), self._images
        if images is None:
            if self._preview is not None:
                _, height, width, _ = self._preview.shape
                view.show(self._preview[: page_size(height, width, *view.size)])
            return
        height, width, _ = images.shape
        labelled = bool(images.classes) and width >= LABELLED
        shown = page_size(height, width, *view.size, label_rows=int(labelled))
        rows = images.train_rows[self._first : self._first + shown]
        view.show(images.take(rows), labels_of(images, rows) if labelled else None)
        after_refresh(self, self._say_page)

    def on_resize(self, event: events.Resize) -> None:
        self._show_all()
        if self.has_class("-reading"):
            self.reading(*self._far)

    def _show_all(self) -> None:
        if self._images is not None:
            words = words_of(self._images, self.content_size)
            if self.styles.border_top[0] in ("", "none"):  # a narrow terminal: no frame to bear the name
                words = Content.assemble((title_of(self._images), "$primary"), "\n", words)
            self.query_one("#dataset-words", Static).update(words)
        after_refresh(self, self._show_page)

    def _say_page(self) -> None:
        view = self.query_one(PixelView)
        if self._images is not None and view.shown:
            last = min(self._first + view.shown, len(self._images.train_rows))
            self.border_subtitle = f"← {self._first + 1}–{last} of {thousands(len(self._images.train_rows))} →"


def words_of(images: Images, room: Size) -> Content:
    """Counts, what was left out and, where the panel has ROOMY lines of room, the classes; a line each."""
    counts = f"{thousands(len(images.train_rows))} train · {thousands(len(images.held_out_rows))} held out"
    classes = f" · {thousands(len(images.classes))} classes"
    if images.classes and len(counts) + len(classes) <= room.width:
        counts += classes
    if images.streaming:
        counts = f"streaming · the first {thousands(len(images.pixels))} are shown"
    lines = [Content(counts)]
    if images.classes and room.height >= ROOMY:
        lines.append(Content.styled(clean(" ".join(images.classes[:50]), 120), "$secondary"))
    if images.rejected:
        first = images.rejected[0]
        lines.append(
            Content.from_markup(
                "[$warning]! $count left out: $path $reason[/]",
                count=thousands(len(images.rejected)),
                path=clean(first.path, 40),
                reason=clean(first.reason, 60),
            )
        )
    return Content("\n").join(lines)


def title_of(images: Images) -> str:
    """ "pixel-faces 16×16", "digits 8×8 grey"."""
    return f"{clean(images.name, 40)} {shape_words(images.shape)}"


def shape_words(shape: tuple[int, ...]) -> str:
    """(height, width, channels) → "16×16", "8×8 grey", "64×48 RGBA"."""
    height, width, channels = shape
    return f"{width}×{height}" + {1: " grey", 3: "", 4: " RGBA"}.get(channels, f" {channels} channels")


def labels_of(images: Images, rows: NDArray[np.int64]) -> list[str]:
    """The class of each row, "" where it has none."""
    return [images.classes[label] if label >= 0 else "" for label in images.labels[rows].tolist()]


def progress_words(done: int, total: int, width: int, doing: str = "") -> Content:
    """ "━━━━━━━╸────── 12 300 of 70 000", what is being done before it; how many were found while their number is not
    known."""
    doing = f"{doing} " if doing else ""
    if not total:
        return Content(f"{doing}{thousands(done)} found …")
    words = f" {thousands(done)} of {thousands(total)}"
    room = max(4, min(40, width - len(words) - len(doing)))
    filled = round(done / total * room)
    return Content.assemble(doing, ("━" * filled, "$accent"), ("─" * (room - filled), "$border"), words)


def page_size(height: int, width: int, cells_w: int, cells_h: int, label_rows: int = 0) -> int:
    """How many pictures of height × width pixels a page of cells shows: as they are, or smaller where too few fit."""
    fits = 1
    for shrink in (1, 2, 4, 8):
        size = max(1, height // shrink), max(1, width // shrink)
        fits = best_grid(10_000, *size, cells_w, cells_h, label_rows=label_rows).shown
        if fits >= FEW:
            break
    return max(1, fits)


def thousands(number: int) -> str:
    """7168 → "7 168", with a narrow no-break space."""
    return f"{number:,}".replace(",", "\u202f")
