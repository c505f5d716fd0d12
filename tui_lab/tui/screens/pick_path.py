"""A folder or a file picked from a tree, with a word on what the highlighted one is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui_lab.data import Progress
from tui_lab.sanitize import clean
from tui_lab.tui.aside import aside
from tui_lab.tui.data_choice import shortened
from tui_lab.tui.folder_listing import describe_file, describe_folder
from tui_lab.tui.screens.ask import BOX
from tui_lab.tui.widgets.file_tree import FileTree

SETTLED_SECONDS = 0.15
"""The cursor rests this long on a path before it is looked into."""


class PickPath(ModalScreen[Path | None]):
    """Dismisses with the path, or None."""

    DEFAULT_CSS = f"""PickPath {{ {BOX}
        & > .box {{ height: 90%; width: 100; }}
        & #path-words {{ height: 3; margin-top: 1; color: $foreground; }}
    }}"""
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Back", show=False)]

    def __init__(
        self,
        start: Path,
        title: str = "A folder or file of pictures",
        words_on_folder: Callable[[Path, Progress], str] = describe_folder,
    ) -> None:
        super().__init__()
        self._start = start
        self._title = title
        self._words_on_folder = words_on_folder

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = self._title
            yield FileTree(self._start)
            yield Static(id="path-words")
            yield Static(Content("enter: take it   →: open   ←: close, go up   .: hidden   esc: back"), classes="hint")

    def on_mount(self) -> None:
        self.query_one(FileTree).focus()

    @on(FileTree.Highlighted)
    def _highlighted(self, event: FileTree.Highlighted) -> None:
        self._describe(event.path, event.is_folder)

    @work(exclusive=True, group="describe")
    async def _describe(self, path: Path, is_folder: bool) -> None:
        self._say(path, "")
        await asyncio.sleep(SETTLED_SECONDS)
        if is_folder:
            words = await aside(
                lambda progress: self._words_on_folder(path, progress),
                lambda seen, _: self._say(path, f"looking … {seen:,} entries"),
            )
        else:
            words = await asyncio.to_thread(describe_file, path)
        self._say(path, words)

    def _say(self, path: Path, words: str) -> None:
        said = Content.assemble((clean(shortened(path)), "bold"), "\n", (words, "$secondary"))
        for shown in self.query("#path-words").results(Static):  # none, while it is left
            shown.update(said)

    @on(FileTree.Taken)
    def _taken(self, event: FileTree.Taken) -> None:
        self.dismiss(event.path)
