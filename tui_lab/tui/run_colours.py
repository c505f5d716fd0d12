"""A colour for each run, the same on every screen and on the next evening."""

from __future__ import annotations

from tui_lab.tui.memory import Memory

DARK = ("#56B4E9", "#E69F00", "#2FB98A", "#CC79A7", "#F0E442", "#E8743B", "#9C8CF0", "#8A93A6")
LIGHT = ("#0072B2", "#A85400", "#007A59", "#A8487D", "#8A6D00", "#B8321E", "#5B4BB5", "#5C6675")
"""Okabe and Ito's, and two that are told apart by lightness; a run's name stands beside its colour everywhere."""
KEPT = 200
"""Runs whose colour is remembered."""


class RunColours:
    """Gives colours out in turn, so that runs looked at together differ as long as there are colours."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def of(self, run: str, dark: bool) -> str:
        """The run's colour on a dark or a light ground, as "#rrggbb"."""
        given = self._memory.run_colours
        if run not in given:
            given[run] = max(given.values(), default=-1) + 1
            while len(given) > KEPT:
                del given[next(iter(given))]
        return (DARK if dark else LIGHT)[given[run] % len(DARK)]
