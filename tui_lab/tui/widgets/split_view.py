"""The split: how many pictures are trained on and held out, of which classes, and a look at each side."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from tui_lab.data import Images
from tui_lab.sanitize import clean
from tui_lab.tui.widgets.dataset_panel import labels_of, thousands
from tui_lab.tui.widgets.pixel_view import PixelView

LOOKED_AT = 24
NAMED = 6


class SplitView(Vertical, can_focus=True):
    """Each side shows an even draw of its pictures; another one at a key."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n,right", "others(1)", "Others", key_display="n", tooltip="Other pictures of both sides"),
        Binding("left", "others(-1)", "Those before", show=False),
    ]
    DEFAULT_CSS = """
    SplitView {
        & .side { height: 1fr; width: 1fr; }
        & .side-words { height: auto; margin-bottom: 1; }
        & #split-why { height: auto; color: $secondary; margin-top: 1; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._source: Images | None = None
        self._draw_number = 0

    def compose(self) -> ComposeResult:
        with Horizontal():
            for side in ("train", "held-out"):
                with Vertical(classes="side"):
                    yield Static(id=f"{side}-words", classes="side-words")
                    yield PixelView(id=f"{side}-look", shrink_to_fit=True, empty="none: dataset.val_fraction is 0")
        yield Static(id="split-why")

    def show(self, images: Images) -> None:
        self._source, self._draw_number = images, 0
        self._show_sides()
        total, unused = len(images.pixels), unused_count(images)
        words = "Held-out pictures are never trained on: the dashed curve of the Loss panel is measured on them."
        if unused:
            words += f" {thousands(unused)} of {thousands(total)} are on neither side (classes, limit)."
        if len(images.train_rows) > len(np.unique(images.train_rows)):
            words += " Balanced: pictures of small classes are shown more often."
        self.query_one("#split-why", Static).update(Content(words))

    def action_others(self, by: int) -> None:
        self._draw_number += by
        self._show_sides()

    def _show_sides(self) -> None:
        images = self._source
        if images is None:
            return
        both = len(images.train_rows) + len(images.held_out_rows)
        for side, title, rows in (
            ("train", "train", images.train_rows),
            ("held-out", "held out", images.held_out_rows),
        ):
            self.query_one(f"#{side}-words", Static).update(side_words(title, images, rows, both))
            drawn = even_draw(rows, LOOKED_AT, self._draw_number)
            labels = labels_of(images, drawn) if images.classes and images.shape[1] >= NAMED else None
            self.query_one(f"#{side}-look", PixelView).show(images.take(drawn), labels)


def side_words(title: str, images: Images, rows: NDArray[np.int64], both: int) -> Content:
    """ "train 7 168 (87.5 %)" and the largest classes with their shares."""
    share = f"{len(rows) / both:.1%}" if both else "0 %"
    head = Content.assemble((title, "$primary bold"), f"  {thousands(len(rows))}  ", (share, "$secondary"))
    labels = images.labels[rows]
    if not images.classes or not len(rows):
        return head
    counts = np.bincount(labels[labels >= 0], minlength=len(images.classes))
    order = np.argsort(-counts, kind="stable")[:NAMED]
    words = "  ".join(f"{clean(images.classes[i], 16)} {counts[i] / len(rows):.0%}" for i in order.tolist())
    return Content("\n").join([head, Content.styled(words, "$secondary")])


def even_draw(rows: NDArray[np.int64], count: int, number: int) -> NDArray[np.int64]:
    """The `number`th draw of `count` rows, spread over all of them; draws do not overlap until all rows were seen."""
    if len(rows) <= count:
        return rows
    step = len(rows) / count
    places = (np.arange(count) * step + number % max(1, int(step))).astype(np.int64)
    return rows[places]


def unused_count(images: Images) -> int:
    """Pictures that are neither trained on nor held out."""
    used = np.union1d(images.train_rows, images.held_out_rows)
    return len(images.pixels) - len(used)
