"""Folders and files as a tree that opens as asked: each folder is read in a thread, and only rows in view are drawn."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.segment import Segment
from textual import events, work
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.worker import Worker

from tui_lab.sanitize import clean
from tui_lab.tui.aside import aside
from tui_lab.tui.folder_listing import Listing, list_folder


@dataclass(eq=False, slots=True)
class Node:
    """A folder or a file of the tree. `children` is None until the folder was read, which `reading` does; `note` stands
    behind the name."""

    path: Path
    depth: int
    is_folder: bool
    is_open: bool = False
    children: list[Node] | None = None
    reading: Worker[None] | None = None
    note: str = ""
    is_note: bool = False  # no path of its own: "… 199 500 more files"


class FileTree(ScrollView, can_focus=True):
    """Begins at `root`, opened. ← on a root goes on to the folder above it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "move(-1000000000)", "First", show=False),
        Binding("end", "move(1000000000)", "Last", show=False),
        Binding("right", "open", "Open", tooltip="Open the highlighted folder"),
        Binding("left", "close", "Close, up", tooltip="Close the folder, or go to the one it is in"),
        Binding("enter", "take", "Take it", tooltip="Take the highlighted folder or file as the data"),
        Binding("full_stop", "hidden", "Hidden", key_display=".", tooltip="Show or hide names that begin with a dot"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"tree--folder", "tree--file", "tree--note", "tree--at"}
    DEFAULT_CSS = """
    FileTree {
        height: 1fr;
        overflow-x: hidden;
        & .tree--folder { color: $primary; text-style: bold; }
        & .tree--file { color: $foreground; }
        & .tree--note { color: $secondary; }
        & .tree--at { background: $panel; }
        &:focus .tree--at { background: $primary 30%; }
    }
    """

    class Highlighted(Message):
        """Another path is under the cursor."""

        def __init__(self, path: Path, is_folder: bool) -> None:
            self.path, self.is_folder = path, is_folder
            super().__init__()

    class Taken(Message):
        """The person wants this one."""

        def __init__(self, path: Path) -> None:
            self.path = path
            super().__init__()

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._root = Node(root, 0, True)
        self._show_hidden = False
        self._rows: list[Node] = [self._root]
        self._at = 0

    def on_mount(self) -> None:
        self._open(self._root)
        self._say_where()

    @property
    def highlighted(self) -> Path:
        return self._rows[self._at].path

    @property
    def names(self) -> list[str]:
        """What the rows say, from the top."""
        return [_name(node) if not node.is_note else node.note for node in self._rows]

    # Reading

    def _open(self, node: Node) -> None:
        node.is_open = True
        node.reading = self._read(node)

    @work
    async def _read(self, node: Node) -> None:
        """Read a folder aside; closing it or leaving the screen gives that up."""
        self._note(node, "reading …")
        hidden = self._show_hidden
        listing = await aside(
            lambda progress: list_folder(node.path, hidden, progress),
            lambda seen, _: self._note(node, f"reading … {seen:,}"),
        )
        if hidden == self._show_hidden:
            self._fill(node, listing)

    def _note(self, node: Node, words: str) -> None:
        if node.children is None:
            node.note = words
            self.refresh()

    def _fill(self, node: Node, listing: Listing) -> None:
        inside = node.depth + 1
        node.children = [Node(node.path / name, inside, True) for name in listing.folders]
        node.children += [Node(node.path / name, inside, False) for name in listing.files]
        if listing.more:
            words = f"… {listing.more:,} more files"
            node.children.append(Node(node.path, inside, False, note=words, is_note=True))
        node.note = listing.problem or ("" if node.children else "empty")
        if listing.hidden:
            node.note = f"{node.note}, {listing.hidden:,} hidden".removeprefix(", ")
        self._lay_out()

    def _lay_out(self) -> None:
        """The rows anew; the cursor stays on its path."""
        at = self._rows[self._at]
        rows: list[Node] = []
        below = [self._root]
        while below:
            node = below.pop()
            rows.append(node)
            if node.is_open and node.children:
                below += reversed(node.children)
        self._rows = rows
        places = [i for i, node in enumerate(rows) if node is at] or [
            i for i, node in enumerate(rows) if node.path == at.path
        ]
        self._at = places[0] if places else min(self._at, len(rows) - 1)
        self.virtual_size = Size(self.size.width, len(rows))
        self._keep_in_sight()
        self.refresh()

    # Keys and the mouse

    def _go(self, row: int) -> None:
        row = max(0, min(len(self._rows) - 1, row))
        if row != self._at:
            self._at = row
            self._keep_in_sight()
            self.refresh()
            self._say_where()

    def _say_where(self) -> None:
        node = self._rows[self._at]
        self.post_message(self.Highlighted(node.path, node.is_folder or node.is_note))

    def action_move(self, by: int) -> None:
        self._go(self._at + by)

    def action_page(self, by: int) -> None:
        self._go(self._at + by * max(1, self.size.height - 1))

    def action_open(self) -> None:
        node = self._rows[self._at]
        if not node.is_folder:
            return
        if node.is_open and node.children:
            self._go(self._at + 1)
        elif node.children is not None:
            node.is_open = True
            self._lay_out()
        elif not node.is_open:
            self._open(node)

    def action_close(self) -> None:
        node = self._rows[self._at]
        if node.is_open and node is not self._root:
            node.is_open = False
            if node.reading is not None:
                node.reading.cancel()
            self._note(node, "")
            self._lay_out()
        elif node.depth:
            above = next(i for i in range(self._at, -1, -1) if self._rows[i].depth < node.depth)
            self._go(above)
        elif node.path.parent != node.path:
            self._root = Node(node.path.parent, 0, True)
            self._open(self._root)
            self._lay_out()
            self._say_where()

    def action_take(self) -> None:
        self.post_message(self.Taken(self.highlighted))

    def action_hidden(self) -> None:
        self._show_hidden = not self._show_hidden
        self._root = Node(self._root.path, 0, True)
        self._open(self._root)
        self._lay_out()

    def on_click(self, event: events.Click) -> None:
        row = event.y + self.scroll_offset.y
        if row >= len(self._rows):
            return
        self._go(row)
        node = self._rows[row]
        if event.x <= 2 * node.depth + 1 and node.is_folder:
            self.action_close() if node.is_open else self.action_open()
        elif event.chain >= 2:
            self.action_take()

    # Drawing

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._rows))
        self._keep_in_sight()

    def _keep_in_sight(self) -> None:
        if self.size.height:
            self.scroll_to_region(Region(0, self._at, 1, 1), animate=False, force=True)

    def render_line(self, y: int) -> Strip:
        row, width = y + self.scroll_offset.y, self.size.width
        if row >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        node, style = self._rows[row], self.get_component_rich_style
        ground = style("tree--at") if row == self._at else self.rich_style
        note = ground + style("tree--note", partial=True)
        indent = "  " * node.depth
        if node.is_note:
            parts = [Segment(f"{indent}  {node.note}", note)]
        else:
            sign = ("▾ " if node.is_open else "▸ ") if node.is_folder else "  "
            kind = style("tree--folder" if node.is_folder else "tree--file", partial=True)
            parts = [Segment(indent + sign, note), Segment(_name(node), ground + kind)]
            if node.note:
                parts.append(Segment(f"  {node.note}", note))
        return Strip(parts).adjust_cell_length(width, ground)


def _name(node: Node) -> str:
    name = os.fspath(node.path) if not node.depth else node.path.name
    return clean(name, 200) + ("/" if node.is_folder and not name.endswith("/") else "")
