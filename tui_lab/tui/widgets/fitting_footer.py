"""A footer that leaves out the keys there is no room for, instead of running out of sight with the most needed ones."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import Footer
from textual.widgets._footer import FooterKey  # Textual exports no name for the keys that its Footer is made of

from tui_lab.tui.after_refresh import after_refresh

KEPT = ("help", "leave", "back")
"""Actions whose keys are always in sight: whoever knows these finds all others."""


class FittingFooter(Footer):
    """Keys that do nothing now give way first, then the last ones; help and the palette have them all."""

    _composed_for = 0

    def compose(self) -> ComposeResult:
        yield from self._fitting(list(super().compose()))

    def on_resize(self, event: events.Resize) -> None:
        if event.size.width != self._composed_for:
            after_refresh(self, self.recompose)

    def _fitting(self, keys: list[Widget]) -> list[Widget]:
        self._composed_for = self.size.width
        if not self.size.width:
            return keys
        shown = [key for key in keys if isinstance(key, FooterKey)]
        enabled_first = sorted(shown, key=lambda key: key.has_class("-disabled"))
        left_out = overflow([(key.action, key_width(key)) for key in enabled_first], self.content_size.width)
        return [key for key in keys if key not in [enabled_first[at] for at in left_out]]


def key_width(key: FooterKey) -> int:
    """Cells of a key, its words and the gap behind them, in a compact footer."""
    return cell_len(key.key_display) + 1 + cell_len(key.description) + 1


def overflow(keys: Sequence[tuple[str, int]], room: int) -> list[int]:
    """Which of these (action, width) have to go so that the rest fits; the last first, but never those of KEPT."""
    left_out: list[int] = []
    total = sum(width for _, width in keys)
    for at, (action, width) in reversed(list(enumerate(keys))):
        if total - 1 <= room:
            break
        if action not in KEPT:
            left_out.append(at)
            total -= width
    return left_out
