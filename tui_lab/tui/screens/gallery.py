"""The gallery: samples that were kept, how each was made, and the way back to each."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from tui_lab.errors import LabError, RunError
from tui_lab.pictures import gallery
from tui_lab.pictures.files import STILL, check_path, save_single
from tui_lab.pictures.gallery import Kept
from tui_lab.pictures.sidecar import is_same, write_sidecar
from tui_lab.recipe.denoising import Denoising
from tui_lab.sanitize import clean
from tui_lab.tui.desk import Desk
from tui_lab.tui.kept_samples import as_images, kept_words, read_gallery
from tui_lab.tui.screens.ask import Ask, AskText
from tui_lab.tui.widgets.dataset_panel import thousands
from tui_lab.tui.widgets.fitting_footer import FittingFooter
from tui_lab.tui.widgets.picture_grid import PictureGrid
from tui_lab.tui.widgets.pixel_view import PixelView

EMPTY = "Nothing was kept yet: s keeps the sample that is chosen in the theatre"


class GalleryGrid(PictureGrid):
    """Enter opens the marked sample in the player."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", tooltip="This sample's denoising in the player"),
        Binding("plus,equals_sign", "resize(1)", "Larger", key_display="+", show=False, tooltip="Larger pictures"),
        Binding("minus", "resize(-1)", "Smaller", key_display="-", show=False, tooltip="Smaller pictures"),
    ]


class GalleryScreen(Screen[Denoising | None]):
    """Dismisses with the denoising to open, all that it was drawn with among it, or None."""

    TITLE = "Gallery"
    DEFAULT_CSS = """
    GalleryScreen {
        background: $background;
        & #gallery-title, & #gallery-status { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
        & #gallery-title { background: $panel; }
        & #gallery-status { color: $secondary; }
        & Horizontal { height: 1fr; padding: 1 1 0 1; }
        & GalleryGrid { width: 1fr; height: 1fr; }
        & #gallery-aside { width: 38; height: 1fr; margin-left: 2; }
        & #gallery-words { height: auto; margin-bottom: 1; }
        & PixelView { height: 1fr; }
        & FittingFooter { padding: 0 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "redo", "Same?", tooltip="Draw it again, and see whether it is the same to the bit"),
        Binding("e", "export", "Export", tooltip="The picture as PNG, with the JSON that makes it again"),
        Binding("delete,d", "remove", "Remove", key_display="d", tooltip="Take it out of the gallery"),
        Binding("question_mark", "help", "Help", id="help", key_display="?", tooltip="Every key of this screen"),
        Binding("escape", "back", "Back", key_display="esc", tooltip="Stop drawing; back"),
        Binding("q,g", "dismiss(None)", "Back", show=False),
    ]

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._found: Sequence[tuple[Kept, NDArray[np.uint8]]] = ()
        self._redoing = False

    def compose(self) -> ComposeResult:
        yield Static(id="gallery-title")
        with Horizontal():
            yield GalleryGrid()
            with Vertical(id="gallery-aside"):
                yield Static(id="gallery-words")
                yield PixelView()
        yield Static(id="gallery-status")
        yield FittingFooter(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        self._grid.clear("reading the gallery …")
        self._grid.focus()
        self._read()

    @property
    def _grid(self) -> GalleryGrid:
        return self.query_one(GalleryGrid)

    @property
    def _marked(self) -> tuple[Kept, NDArray[np.uint8]] | None:
        return self._found[self._grid.at] if self._found else None

    @work(exclusive=True, group="read")
    async def _read(self, at: int = 0) -> None:
        self._found = await asyncio.to_thread(read_gallery)
        words = f"  {thousands(len(self._found))} kept  " if self._found else "  "
        title = Content.assemble(
            ("Gallery", "$primary bold"), (words + clean(str(gallery.gallery_home())), "$secondary")
        )
        self.query_one("#gallery-title", Static).update(title)
        if self._found:
            images = as_images(self._found)
            self._grid.show_rows(images, np.arange(len(self._found)), min(at, len(self._found) - 1))
        else:
            self._grid.clear(EMPTY)
        self._show()

    @on(PictureGrid.Moved)
    def _moved(self) -> None:
        if not self._redoing:
            self._say("")
        self._show()

    def _show(self) -> None:
        self.refresh_bindings()
        marked, view, words = self._marked, self.query_one("#gallery-aside PixelView", PixelView), Content("")
        if marked is None:
            view.clear()
        else:
            one, picture = marked
            view.show(picture)
            lines = [Content.assemble((f"{what:<13}", "$secondary"), value) for what, value in kept_words(one)]
            words = Content("\n").join(lines)
        self.query_one("#gallery-words", Static).update(words)

    def _say(self, words: str, style: str = "$secondary") -> None:
        self.query_one("#gallery-status", Static).update(Content.styled(words, style))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("redo", "export", "remove"):
            return True if self._found else None
        return True

    # Keys

    @on(PictureGrid.Opened)
    def _opened(self) -> None:
        marked = self._marked
        if marked is not None:
            self.dismiss(marked[0].sidecar.denoising)

    @work(exclusive=True, group="redo")
    async def action_redo(self) -> None:
        """Anew, whatever is drawn already; other keys go on meanwhile."""
        marked = self._marked
        if marked is None:
            return
        one, self._redoing = marked[0], True
        self._say("drawing it again … (esc stops)")
        try:
            words, style = await self._redo(one)
            self._say(words, style)
        except LabError as error:
            self._say(f"! {error.message}", "$error")
        except asyncio.CancelledError:
            for status in self.query("#gallery-status").results(Static):  # none, while it is left
                status.update(Content("stopped"))
            raise
        finally:
            self._redoing = False

    async def _redo(self, one: Kept) -> tuple[str, str]:
        """What to say of it once it is drawn. Raises LabError where it cannot be."""
        asked = one.sidecar.denoising
        async with contextlib.aclosing(self._desk.workbench.denoise(asked, ("x_t",), "auto")) as steps:
            async for step in steps:
                self._say(f"drawing it again {step.index + 1}/{step.count} (esc stops)")
                if step.final and is_same(one.sidecar, step.pane("x_t")):
                    return f"✓ {one.path.name}: drawn again, it is the same to the bit", "$success"
                if step.final:
                    why = "; ".join(one.sidecar.origin.differences(step.origin)) or "from the same weights"
                    return f"! {one.path.name}: drawn again, it is not the same: {clean(why, 120)}", "$warning"
        raise RunError("the drawing ended before its last step")

    @work
    async def action_export(self) -> None:
        marked = self._marked
        if marked is None:
            return
        one, picture = marked

        def check(text: str) -> Path:
            path = Path(text.strip()).expanduser().absolute()
            check_path(path, STILL)
            if path.exists():
                raise RunError(f"{path} is there already: name another")
            return path

        ask = AskText(
            "Export", "A PNG, and beside it the JSON that makes it again.", str(Path.cwd() / one.path.name), check
        )
        path = await self.app.push_screen_wait(ask)
        if path is None:
            return
        try:
            save_single(path, picture)
            write_sidecar(path, one.sidecar)
        except LabError as error:
            self._say(f"! {error.message}", "$error")
            return
        self.app.copy_to_clipboard(str(path))
        self._say(f"written, and its path copied: {clean(str(path), 200)}", "$success")

    @work
    async def action_remove(self) -> None:
        marked, at = self._marked, self._grid.at
        if marked is None:
            return
        choices = [("y", "take it out; its file is gone then", "remove"), ("n", "leave it there", "leave")]
        answer = await self.app.push_screen_wait(Ask("Take it out of the gallery?", marked[0].path.name, choices))
        if answer != "remove":
            return
        try:
            gallery.remove(marked[0])
        except LabError as error:
            self._say(f"! {error.message}", "$error")
            return
        self._read(at)

    def action_help(self) -> None:
        from tui_lab.tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen(self.active_bindings))

    def action_back(self) -> None:
        if self._redoing:
            self.workers.cancel_group(self, "redo")
        else:
            self.dismiss(None)
