"""The schedules that stand beside the present one: how it was before the last turns, and those that a person pinned."""

from __future__ import annotations

from dataclasses import replace

from tui_lab.recipe import Recipe, diff
from tui_lab.tui.schedule_curves import BEFORE_COLOUR, PINNED_COLOURS, Shown

BEFORE = "before"


class ComparedSchedules:
    """`before` is the schedule from before the knob that is being turned was touched, however often it was turned."""

    def __init__(self) -> None:
        self.before: Shown | None = None
        self.pinned: list[Shown] = []
        self._turning: frozenset[str] = frozenset()

    def follow(self, old: Recipe, new: Recipe) -> None:
        """The recipe on the bench went from `old` to `new`."""
        turned = frozenset(key for key, _, _ in diff(old, new) if key.startswith(("noise_scheduler.", "loss.")))
        if not turned:
            return
        if turned != self._turning:
            self.before = replace(Shown.of(old), title=BEFORE)
        self._turning = turned
        if self.before is not None and _alike(self.before, Shown.of(new)):
            self.before, self._turning = None, frozenset()

    def pin(self, shown: Shown) -> Shown | None:
        """Keep this schedule to compare others with; None where it is pinned already, or no further one can be told
        apart by its colour."""
        if len(self.pinned) >= len(PINNED_COLOURS) or any(_alike(shown, one) for one in self.pinned):
            return None
        taken = {one.title for one in self.pinned}
        titles = (shown.title, *(f"{shown.title} ({n})" for n in range(2, len(PINNED_COLOURS) + 1)))
        pinned = replace(shown, title=next(title for title in titles if title not in taken))
        self.pinned.append(pinned)
        return pinned

    def kept(self, with_before: bool) -> list[tuple[str, Shown]]:
        """(colour, schedule) of all that is to be drawn beside the present one."""
        before = [(BEFORE_COLOUR, self.before)] if with_before and self.before is not None else []
        return [*before, *zip(PINNED_COLOURS, self.pinned, strict=False)]

    def unpin(self, title: str) -> None:
        self.pinned = [one for one in self.pinned if one.title != title]


def _alike(a: Shown, b: Shown) -> bool:
    return (a.noise, a.loss) == (b.noise, b.loss)
