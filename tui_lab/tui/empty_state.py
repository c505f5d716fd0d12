"""What stands in a panel while it has nothing to show."""

import textwrap

from rich.cells import set_cell_size

from tui_lab.sanitize import clean


def empty_lines(text: str, width: int, height: int) -> list[str]:
    """`height` lines of `width` cells with the words in their middle, wrapped; newlines are kept."""
    room = max(1, width - 2)
    words = [part for line in text.splitlines() for part in textwrap.wrap(clean(line), room) or [""]][:height]
    above = (height - len(words)) // 2
    lines = [""] * above + words + [""] * (height - above - len(words))
    return [set_cell_size(line.center(width), width) for line in lines]
