"""Which step of a denoising is on the screen: the newest as it comes, the one a person stopped at, or the next to play.

`there` are the steps that are drawn, `count` those that there will be.
"""

from __future__ import annotations


class Player:
    """`wanted` None: the newest step that is there, and so the last one of a whole denoising."""

    def __init__(self) -> None:
        self.wanted: int | None = None
        self.playing = False

    def place(self, there: int) -> int:
        """The step to show; -1 where there is none yet."""
        return there - 1 if self.wanted is None else min(self.wanted, there - 1)

    def go(self, place: int, there: int) -> None:
        """To that step, or to the end that lies before it."""
        self.playing = False
        self.wanted = max(0, place) if place < there - 1 else None

    def scrub(self, by: int, there: int) -> None:
        """So many steps on, or back."""
        self.go(self.place(there) + by, there)

    def toggle(self, there: int, count: int) -> None:
        """Hold what moves; what stands plays on, from the beginning where it has ended."""
        at = self.place(there)
        coming = self.wanted is None and there < count
        if self.playing or coming:
            self.playing, self.wanted = False, max(0, at)
        else:
            self.playing, self.wanted = True, 0 if at >= count - 1 else max(0, at)

    def tick(self, there: int, count: int) -> bool:
        """Time for the next step: whether another one is on the screen now."""
        if not self.playing:
            return False
        at = self.place(there)
        if at + 1 >= count:
            self.playing, self.wanted = False, None
            return False
        self.wanted = min(at + 1, max(0, there - 1))
        return self.place(there) != at
