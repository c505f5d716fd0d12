"""What previews may cost a run: a share of its training time that is saved up before the next one is drawn."""

from __future__ import annotations

import math

BUDGET = 0.03
"""Seconds of previews by cadence for each second of training."""
SHARE_SECONDS = 30.0
"""The share that is told is of about so much of the past."""


class PreviewBudget:
    """Told what training and previews took, it says when the next preview by cadence is paid for, and what share of the
    time they take. Where previews come too often to be paid for, they come less often.

    What the first one costs nobody knows before it is drawn; it is paid for afterwards.
    """

    def __init__(self) -> None:
        self._saved = 0.0
        self._cost: float | None = None
        self._share = 0.0

    @property
    def pays_for_one(self) -> bool:
        """Whether enough is saved for a preview that costs what the last one did."""
        return self._cost is None or self._saved >= self._cost

    @property
    def share(self) -> float:
        """Seconds of previews, those by request among them, for each second since the run went on, in [0, 1]; the past
        counts less the longer ago it is."""
        return self._share

    def trained(self, seconds: float) -> None:
        """Training took so long. More than one preview's cost is not saved: it would come back as a jolt."""
        most = math.inf if self._cost is None else self._cost
        self._saved = min(self._saved + BUDGET * seconds, most)
        self._tell(0.0, seconds)

    def drew(self, seconds: float, by_cadence: bool) -> None:
        """A part of a preview took so long. One that a person asked for is a gift."""
        if by_cadence:
            self._saved -= seconds
        self._tell(1.0, seconds)

    def drawn(self, cost: float) -> None:
        """A preview by cadence is done, or given up; it took `cost` seconds in all."""
        self._cost = cost

    def _tell(self, share: float, seconds: float) -> None:
        self._share += (share - self._share) * -math.expm1(-seconds / SHARE_SECONDS)
