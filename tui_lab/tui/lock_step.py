"""Denoisings of different step counts, side by side at the same noise."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tui_lab.workbench.cell import Cell


def noise_share(alpha: float, sigma: float) -> float:
    """How much of x_t = α x₀ + σ ε is noise, in [0, 1]: the angle atan2(σ, α) of Salimans & Ho (2022) over a right one.

    The same number means the same signal-to-noise ratio whatever the process; with the cosine schedule it is t / T.
    """
    return math.atan2(sigma, alpha) / (math.pi / 2)


def step_at(share: float, shares: Sequence[float]) -> int:
    """The place of the step whose noise is nearest; of equally near ones the later, for it has been through more."""
    away = np.abs(np.asarray(shares, np.float64) - share)
    return len(away) - 1 - int(np.argmin(away[::-1]))


def place_beside(place: int, leader: Sequence[float], follower: Sequence[float], whole: bool = True) -> int:
    """The follower's step beside the leader's at `place`: all begin together and, where both are `whole`, end together;
    between, the noise is as near as the follower's steps allow. Shares of noise as `noise_share` gives them, falling
    from step to step; -1 where the follower has no step yet."""
    if not follower or not leader:
        return len(follower) - 1
    if whole and place == len(leader) - 1:
        return len(follower) - 1
    return 0 if place == 0 else step_at(leader[place], follower)


def shares_of(cell: Cell | None) -> list[float]:
    """Of the steps that are there."""
    return [] if cell is None else [noise_share(level.alpha, level.sigma) for level in cell.levels]


def leader_of(cells: Sequence[Cell | None]) -> int:
    """Which of them the others follow: the one of the most steps, the first of several."""
    return max(range(len(cells)), key=lambda at: (_steps(cells[at]), -at))


def _steps(cell: Cell | None) -> int:
    return 0 if cell is None else cell.keeps
