"""What there is to see of a denoising step, side by side: the state, what the model foresaw, what the step moved."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from textual import on
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from tui_lab.tui.pane_layout import GAP, arrange, page_of
from tui_lab.tui.widgets.pixel_view import PixelView

Pixels = NDArray[np.uint8]

TITLES = {
    "x_t": "x_t",
    "x0": "predicted x₀",
    "eps": "predicted ε",
    "change": "change of x_t",
    "pull": "gradient",
}


class Pane(Vertical):
    """One of them, with its name."""

    DEFAULT_CSS = """
    Pane {
        width: 1fr; height: 1fr;
        & > Static { height: 1; text-align: center; color: $secondary; text-wrap: nowrap; text-overflow: ellipsis; }
    }
    """

    def __init__(self, name: str) -> None:
        super().__init__(id=f"pane-{name}")
        self.pane_name = name

    def compose(self) -> ComposeResult:
        yield Static(TITLES[self.pane_name])
        yield PixelView(id=f"view-{self.pane_name}", align="center", shrink_to_fit=True)

    @property
    def view(self) -> PixelView:
        return self.query_one(PixelView)

    def say(self, words: str) -> None:
        """A word behind its name."""
        title = Content.assemble((TITLES[self.pane_name], "$foreground"), f"   {words}" if words else "")
        self.query_one(Static).update(title, layout=False)


class DenoisingPanes(Container):
    """`show` takes the pictures of the panes that are to be seen; they are laid out so that these get largest."""

    DEFAULT_CSS = (
        f"DenoisingPanes {{ layout: grid; grid-size: 2 2; grid-gutter: 0 {GAP}; & Pane {{ display: none; }} }}"
    )

    class Selected(Message):
        """A picture was clicked: its number in the batch."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[Mapping[str, Pixels], int | None] = {}, None
        self._first = 0

    def compose(self) -> ComposeResult:
        for name in TITLES:
            yield Pane(name)

    @property
    def is_behind(self) -> bool:
        """Whether lines of the pictures still wait for room on the line."""
        return any(pane.view.behind for pane in self._panes())

    def pace(self, room: Callable[[], int]) -> None:
        """From now on the pictures send no more bytes at a time than there is `room` for."""
        for view in self.query(PixelView):
            view.room = lambda: room() // max(1, len(self._shown[0]))  # the others may come with it

    @property
    def columns(self) -> int:
        """Pictures that stand in a row; 0 while there are none."""
        panes = self._panes()
        return panes[0].view.columns if panes else 0

    @property
    def pictures(self) -> Mapping[str, Pixels]:
        """What is shown, by the pane's name."""
        return self._shown[0]

    def show(self, pictures: Mapping[str, Pixels], marked: int | None = None) -> None:
        """(B, H, W, C) by the pane's name, in order: as many as there is room for, the `marked` one among them."""
        self._shown = pictures, marked
        names = tuple(pictures)
        for pane in self.query(Pane):
            pane.display = pane.pane_name in names
        self._draw()

    @on(PixelView.Selected)
    def _selected(self, event: PixelView.Selected) -> None:
        event.stop()
        self.post_message(self.Selected(self._first + event.index))

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        pictures, marked = self._shown
        if not pictures or not self.size:
            return
        count, height, width = next(iter(pictures.values())).shape[:3]
        columns, shown = arrange(len(pictures), count, height, width, *self.size)
        self.styles.grid_size_columns = columns
        self.styles.grid_size_rows = -(-len(pictures) // columns)
        page = page_of(marked or 0, count, shown)
        self._first = page.start
        for place, pane in enumerate(self._panes()):
            pane.say(f"{page.start + 1} to {page.stop} of {count}" if shown < count and not place else "")
            pane.view.marked = None if marked is None else marked - page.start
            pane.view.show(pictures[pane.pane_name][page])

    def _panes(self) -> list[Pane]:
        return [self.query_one(f"#pane-{name}", Pane) for name in self._shown[0]]
