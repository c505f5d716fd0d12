"""Picking a picture: one of the dataset, one that was kept, one of the samples on the screen, or a file."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.reactive import reactive
from textual.screen import Screen
from textual.widgets import ContentSwitcher, Static

from tui_lab.data import Images
from tui_lab.data.reference import Fitted, file_reference, read_fitted
from tui_lab.errors import LabError
from tui_lab.pictures import gallery
from tui_lab.pictures.gallery import Kept
from tui_lab.recipe import Dataset
from tui_lab.recipe.denoising import ImageRef
from tui_lab.sanitize import clean
from tui_lab.tui.keeping import finished, keep_sample
from tui_lab.tui.screens.pick_path import PickPath
from tui_lab.tui.widgets.dataset_panel import thousands
from tui_lab.tui.widgets.fitting_footer import FittingFooter
from tui_lab.tui.widgets.panel_tabs import PanelTabs
from tui_lab.tui.widgets.picture_grid import PictureGrid
from tui_lab.workbench.cell import Cell

VIEWS = ((1, "Dataset", "data"), (2, "Gallery", "gallery"), (3, "These samples", "samples"))


class PickingGrid(PictureGrid):
    """Enter takes the marked picture."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Take it", tooltip="Take the marked picture"),
        Binding("plus,equals_sign", "resize(1)", "Larger", key_display="+", show=False, tooltip="Larger pictures"),
        Binding("minus", "resize(-1)", "Smaller", key_display="-", show=False, tooltip="Smaller pictures"),
    ]


class PickImage(Screen[ImageRef | None]):
    """Dismisses with a reference to a picture that has the dataset's size once it is read, or None.

    A sample is kept in the gallery when it is taken: what it begins can then be made again.
    """

    TITLE = "Image"
    DEFAULT_CSS = """
    PickImage {
        background: $background;
        & #pick-title, & #pick-status, & #pick-complaint { height: 1; padding: 0 1; text-wrap: nowrap; }
        & #pick-title { background: $panel; text-overflow: ellipsis; }
        & PanelTabs { display: block; }
        & ContentSwitcher { height: 1fr; padding: 1 1 0 1; }
        & #pick-status { color: $secondary; }
        & #pick-complaint { color: $error; }
        & FittingFooter { padding: 0 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(number), f"view('{view}')", title, show=False, tooltip=title) for number, title, view in VIEWS),
        Binding("f,4", "file", "A file", key_display="f", tooltip="A picture from a file"),
        Binding("question_mark", "help", "Help", id="help", key_display="?", tooltip="Every key of this screen"),
        Binding("escape", "dismiss(None)", "Back", key_display="esc", tooltip="Leave it as it was"),
    ]

    view: reactive[str] = reactive("data", init=False)

    def __init__(self, dataset: Dataset, images: Images | None, cell: Cell | None) -> None:
        """`dataset` gives the size, `images` are its pictures where they are at hand, `cell` the present samples."""
        super().__init__()
        self._dataset = dataset
        self._images = images
        self._cell = cell
        self._kept: list[tuple[Kept, Fitted]] = []

    def compose(self) -> ComposeResult:
        height, width = self._dataset.size
        yield Static(
            Content.assemble(
                ("Choose an image", "$primary bold"), (f"  it will be {width}×{height} pixels", "$secondary")
            ),
            id="pick-title",
        )
        yield PanelTabs(list(VIEWS))
        with ContentSwitcher(initial="data"):
            for _, _, view in VIEWS:
                yield PickingGrid(id=view)
        yield Static(id="pick-status")
        yield Static(id="pick-complaint")
        yield FittingFooter(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        if self._images is not None:
            self._grid("data").show_rows(self._images, np.arange(len(self._images.pixels)))
        else:
            self._grid("data").clear("The dataset is not at hand: 2 shows what was kept, f opens a file")
        samples = finished(self._cell)
        if samples is not None:
            self._fill("samples", samples, [str(place + 1) for place in range(len(samples))])
        else:
            self._grid("samples").clear("No samples are drawn to their end here yet")
        self.view = "data" if self._images is not None else "samples" if samples is not None else "gallery"
        self.watch_view()
        self._read_gallery()

    @work
    async def _read_gallery(self) -> None:
        grid = self._grid("gallery")
        grid.clear("reading the gallery …")
        self._kept = await asyncio.to_thread(_kept_fitted, self._dataset)
        if self._kept:
            names = [one.sidecar.denoising.source.rpartition("/")[2] for one, _ in self._kept]
            self._fill("gallery", np.stack([fitted.pixels for _, fitted in self._kept]), names)
            self._say_status()
        else:
            grid.clear("Nothing was kept yet: o keeps the sample that is chosen in the theatre")

    def _fill(self, view: str, pixels: NDArray[np.uint8], names: Sequence[str]) -> None:
        count = len(pixels)
        rows = np.arange(count)
        nothing = np.zeros(0, np.int64)
        images = Images(view, "", pixels, rows, tuple(names), rows, nothing, (), "")
        self._grid(view).show_rows(images, rows)

    def _grid(self, view: str) -> PickingGrid:
        return self.query_one(f"#{view}", PickingGrid)

    def action_view(self, view: str) -> None:
        self.view = view

    def watch_view(self) -> None:
        self.query_one(ContentSwitcher).current = self.view
        self.query_one(PanelTabs).active = self.view
        self._grid(self.view).focus()
        self._complain("")
        self._say_status()

    @on(PanelTabs.Asked)
    def _tab_asked(self, event: PanelTabs.Asked) -> None:
        self.view = event.panel

    @on(PictureGrid.Moved)
    def _moved(self) -> None:
        self._say_status()

    def _say_status(self) -> None:
        grid = self._grid(self.view)
        self.query_one("#pick-status", Static).update(Content(self._status(grid) if len(grid.rows) else ""))

    def _status(self, grid: PickingGrid) -> str:
        at, total = grid.at, thousands(len(grid.rows))
        if self.view == "gallery":
            one, fitted = self._kept[at]
            return f"{clean(one.path.name, 60)}{fitted_words(fitted)}   {at + 1} of {total}"
        if self.view == "samples":
            return f"sample {at + 1} of {total}: it is kept in the gallery when it is taken"
        images = self._images
        label = int(images.labels[at]) if images is not None else -1
        name = f" · {clean(images.classes[label], 30)}" if images is not None and label >= 0 else ""
        return f"#{at}{name}   {thousands(at + 1)} of {total}"

    def _complain(self, words: str) -> None:
        self.query_one("#pick-complaint", Static).update(Content(words and f"! {words}"))

    @on(PictureGrid.Opened)
    def _opened(self) -> None:
        at = self._grid(self.view).at
        if self.view == "data":
            self.dismiss(ImageRef(kind="data", index=at))
            return
        try:
            path = self._kept[at][0].path if self.view == "gallery" else self._keep(at)
            self.dismiss(file_reference(path, self._dataset))
        except LabError as error:
            self._complain(error.message)

    def _keep(self, place: int) -> Path:
        assert self._cell is not None
        return keep_sample(self._cell, place).path

    def action_help(self) -> None:
        from tui_lab.tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen(self.active_bindings))

    @work
    async def action_file(self) -> None:
        path = await self.app.push_screen_wait(PickPath(Path.home(), "A picture"))
        if path is None:
            return
        try:
            fitted = await asyncio.to_thread(read_fitted, path, self._dataset)
        except LabError as error:
            self._complain(error.message)
            return
        if fitted.was_fitted:
            self.notify(f"{clean(path.name, 60)}{fitted_words(fitted)}", markup=False)
        self.dismiss(fitted.reference)


def fitted_words(fitted: Fitted) -> str:
    """What was done to a picture of another size; "" where nothing had to be."""
    height, width, _ = fitted.pixels.shape
    wide, high = fitted.native
    return f" is {wide}×{high}: fitted to {width}×{height}" if fitted.was_fitted else ""


def _kept_fitted(dataset: Dataset) -> list[tuple[Kept, Fitted]]:
    """The gallery, each picture at the dataset's size; what cannot be read is left out."""
    found = []
    for one in gallery.kept():
        try:
            found.append((one, read_fitted(one.path, dataset)))
        except LabError:
            continue
    return found
