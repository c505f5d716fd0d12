"""The checkpoints beside the one that is looked at, drawn while it is: the next key shows what is there."""

from __future__ import annotations

from collections.abc import Sequence

from tui_lab.recipe.denoising import Denoising
from tui_lab.tui.denoising_choice import beside
from tui_lab.workbench.cells import Cells


class LookingAhead:
    """Wishes behind all others, and takes back those that are no neighbours any more."""

    def __init__(self, cells: Cells) -> None:
        self._cells = cells
        self._wished: list[Denoising] = []

    def around(self, asked: Denoising, steps: Sequence[int]) -> None:
        """The neighbours of `asked` among the checkpoints of rising `steps`; of none, nothing more is wished."""
        at = asked.checkpoint
        found = [beside(steps, at, by) for by in (1, -1)] if at is not None else []
        ahead = [asked.changed(checkpoint=step) for step in found if step is not None]
        kept = {one.key() for one in (asked, *ahead)}
        for one in self._wished:
            if one.key() not in kept:
                self._cells.cancel(one)
        self._wished = ahead
        for one in ahead:
            self._cells.want(one, first=False)

    def stop(self) -> None:
        for one in self._wished:
            self._cells.cancel(one)
