"""The tree of a network's blocks: what each is, what comes out of it, and how many parameters it has."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style
from rich.text import Text
from textual.widgets import Tree
from textual.widgets.tree import TreeNode

from tui_lab.sanitize import clean
from tui_lab.tui.after_refresh import after_refresh
from tui_lab.tui.run_words import short_count
from tui_lab.workbench.client import Block

NUMBERS = 20
"""Cells at the right end of a line: the shape, then the parameters."""
LEAST_KIND = 8
"""Cells below which a kind says nothing any more, and is left out."""
OPEN_DEPTH = 1
"""Blocks below this depth are folded at first."""


class BlockTree(Tree[Block]):
    """Blocks in the order in which they run; Enter folds and unfolds one."""

    DEFAULT_CSS = """
    BlockTree {
        background: transparent; padding: 0;
        & > .tree--guides { color: $border; }
        & > .tree--guides-hover { color: $border; text-style: none; }
        & > .tree--guides-selected { color: $border; text-style: none; }
        & > .tree--cursor { background: $panel; text-style: none; color: $foreground; }
        &:focus { background-tint: transparent; }
        &:focus > .tree--cursor { background: $primary 30%; color: $foreground; text-style: none; }
        & > .tree--highlight { text-style: none; }
        & > .tree--highlight-line { background: $foreground 6%; }
    }
    """

    def __init__(self, id: str) -> None:
        super().__init__("model", id=id)
        self.show_root = False
        self.guide_depth = 2
        self.auto_expand = True

    def show(self, blocks: Sequence[Block]) -> None:
        """These blocks; what was folded stays folded where a block of that name is still there."""
        open_before = {node.data.name: node.is_expanded for node in self._known() if node.data is not None}
        line = max(0, self.cursor_line)
        self.clear()
        path: list[TreeNode[Block]] = [self.root]
        for block, after in zip(blocks, [*blocks[1:], None], strict=True):
            del path[block.depth + 1 :]
            if after is not None and after.depth > block.depth:
                path.append(path[-1].add("", block, expand=open_before.get(block.name, block.depth < OPEN_DEPTH)))
            else:
                path[-1].add_leaf("", block)
        self.root.expand()
        after_refresh(self, self.move_cursor_to_line, line)

    def _known(self) -> list[TreeNode[Block]]:
        found, waiting = [], [self.root]
        while waiting:
            node = waiting.pop()
            found.append(node)
            waiting += node.children
        return found

    def render_label(self, node: TreeNode[Block], base_style: Style, style: Style) -> Text:
        """A line as wide as the tree: fold mark, name and kind, and the numbers at its right end."""
        block = node.data
        if block is None:
            return Text()
        fold = ("▾ " if node.is_expanded else "▸ ") if node.allow_expand else "  "
        room = max(8, self.size.width - self.guide_depth * block.depth - len(fold) - NUMBERS - 2)
        above = node.parent.data if node.parent is not None else None
        name = clean(block.name.removeprefix(f"{above.name}.") if above is not None else block.name, room)
        kind = clean(block.kind, room - len(name) - 1) if room - len(name) >= LEAST_KIND else ""
        shape = "×".join(map(str, block.shape))
        count = short_count(block.parameters) if block.parameters else "–"
        return Text.assemble(
            (fold, style),
            (name, style),
            (f" {kind}".ljust(room - len(name))[: room - len(name)], style + Style(dim=True)),
            (shape.rjust(NUMBERS - 8), style),
            (count.rjust(8), style + Style(bold=True) if block.depth == 0 else style),
            (" ", style),
        )
