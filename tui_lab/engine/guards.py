"""What watches over training: losses that are not finite, and losses that leap up.

A guard never acts by itself: it asks, and the run obeys at the next step's boundary. What it has seen goes
into the checkpoint, so that a resumed run is guarded exactly as one that was never interrupted.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from typing import Any, NamedTuple

from tui_lab.engine.readings import Reading
from tui_lab.runs.rank import BLAMED_STEPS, RankSession

BAD_STEPS_UNTIL_PAUSE = 5
WINDOW = 20
"""Updates whose mean loss is one look."""
LOOKS = 20
"""Looks that are remembered."""
LEAST_LOOKS = 5
"""Before there are so many, nothing is called a leap."""
LEAP = 2.0
"""A leap is at least so many times the median of the looks before it…"""
DEVIATIONS = 6.0
"""…and so many of their standard deviations, told from the median absolute deviation, above it."""


class Asked(NamedTuple):
    """What the guards want done, and why; empty where nothing."""

    undo: str = ""
    pause: str = ""


class Guards:
    """Fed with every update's numbers; asked at each step's boundary."""

    def __init__(self, session: RankSession) -> None:
        self._session = session
        self._bad_in_a_row = 0
        self._leap = Leap()
        self._asked = Asked()

    def mind(self, reading: Reading) -> None:
        if reading.skipped or not math.isfinite(reading.loss):
            self._mind_bad(reading.step)
            return
        self._bad_in_a_row = 0
        if (height := self._leap.add(reading.loss)) is not None:
            self._mind_leap(reading.step, height)

    def take(self) -> Asked:
        """What was asked for since the last time."""
        asked, self._asked = self._asked, Asked()
        return asked

    def ask_pause(self, why: str) -> None:
        self._asked = self._asked._replace(pause=why)

    def rewound(self, state: Mapping[str, Any]) -> None:
        """Go on with what was seen up to the checkpoint of `state`."""
        self._bad_in_a_row, self._asked = 0, Asked()
        self._leap = Leap(state.get("leap", ()))

    def state(self) -> dict[str, Any]:
        """For the checkpoint, as plain JSON."""
        return {"leap": self._leap.state()}

    def _mind_bad(self, step: int) -> None:
        self._bad_in_a_row += 1
        if self._bad_in_a_row == 1:
            message = "the loss or its gradient is not finite: the update was skipped"
            self._session.record("warning", step, message=message)
        if self._bad_in_a_row < BAD_STEPS_UNTIL_PAUSE:
            return
        self._bad_in_a_row = 0
        what = f"{BAD_STEPS_UNTIL_PAUSE} losses in a row were not finite"
        self._blame(step, what, "lower the learning rate, then resume")

    def _mind_leap(self, step: int, height: float) -> None:
        what = f"the loss leapt up to {height:.1f} times its median"
        self._blame(step, what, "lower the learning rate or undo, then resume")

    def _blame(self, step: int, what: str, way_out: str) -> None:
        """Undo a change that is young enough to be the cause; otherwise wait for a person."""
        guard, session = self._session.recipe.training.guard, self._session
        changed = session.last_change_at(step)
        if guard == "off" or session.replaying:
            session.record("warning", step, message=what)
        elif guard == "undo" and changed is not None and step - changed <= BLAMED_STEPS:
            self._asked = self._asked._replace(undo=f"{what} after a change at step {changed}")
        else:
            self._asked = self._asked._replace(pause=f"{what}: {way_out}")


class Leap:
    """Tells a loss that leaps up from one that is merely noisy: by its means over windows, against their median."""

    def __init__(self, state: Any = ()) -> None:
        """`state`: of another one, to go on where it stood."""
        looks, window = state or ((), ())
        self._looks = [float(look) for look in looks]
        self._window = [float(loss) for loss in window]

    def state(self) -> list[list[float]]:
        return [list(self._looks), list(self._window)]

    def add(self, loss: float) -> float | None:
        """One update's loss, finite; where a window ends with it in a leap, how many times the median that is. After a
        leap the new height is what is normal."""
        self._window.append(loss)
        if len(self._window) < WINDOW:
            return None
        look, self._window = math.fsum(self._window) / WINDOW, []
        median = statistics.median(self._looks) if len(self._looks) >= LEAST_LOOKS else math.inf
        deviation = 1.4826 * statistics.median(abs(each - median) for each in self._looks) if self._looks else 0.0
        if look > LEAP * median and look > median + DEVIATIONS * deviation:
            self._looks = []
            return look / median
        self._looks = [*self._looks[1 - LOOKS :], look]
        return None
