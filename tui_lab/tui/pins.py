"""Denoisings put aside to be compared, for as long as the program runs."""

from __future__ import annotations

from collections.abc import Iterable

from tui_lab.errors import LabError
from tui_lab.recipe.denoising import Denoising

MOST = 4
"""So many are looked at side by side."""


class Pins:
    """At most four, in the order in which they were pinned; the same one is pinned once."""

    def __init__(self) -> None:
        self._pinned: list[Denoising] = []

    @property
    def pinned(self) -> tuple[Denoising, ...]:
        return tuple(self._pinned)

    def __len__(self) -> int:
        return len(self._pinned)

    def __contains__(self, asked: Denoising) -> bool:
        return any(one.key() == asked.key() for one in self._pinned)

    def toggle(self, asked: Denoising) -> bool:
        """Pin it, or let it go where it is pinned; whether it is pinned now. Raises LabError where four are."""
        kept = [one for one in self._pinned if one.key() != asked.key()]
        if len(kept) < len(self._pinned):
            self._pinned = kept
            return False
        if len(kept) == MOST:
            raise LabError(f"{MOST} are pinned, which is all that is compared at once: let one go first")
        self._pinned.append(asked)
        return True

    def replace(self, pinned: Iterable[Denoising]) -> None:
        """These and no others: what stands in the panes when the comparison is left."""
        self._pinned = list(pinned)[:MOST]
