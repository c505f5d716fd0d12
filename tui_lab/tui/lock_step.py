"""Denoisings of different step counts, side by side at the same noise."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def noise_share(alpha: float, sigma: float) -> float:
    """How much of x_t = α x₀ + σ ε is noise, in [0, 1]: the angle atan2(σ, α) of Salimans & Ho (2022) over a right one.

    The same number means the same signal-to-noise ratio whatever the process; with the cosine schedule it is t / T.
    """
    return math.atan2(sigma, alpha) / (math.pi / 2)


def step_at(share: float, shares: Sequence[float]) -> int:
    """The place of the step whose noise is nearest; of equally near ones the later, for it has been through more."""
    away = np.abs(np.asarray(shares, np.float64) - share)
    return len(away) - 1 - int(np.argmin(away[::-1]))


def in_step(leader: Sequence[float], follower: Sequence[float]) -> NDArray[np.intp]:
    """For each step of the leader, the follower's that stands beside it: from both beginnings to both ends, never
    going back. Shares of noise as `noise_share` gives them, falling from step to step."""
    if not len(leader) or not len(follower):
        return np.zeros(len(leader), np.intp)
    places = np.array([step_at(share, follower) for share in leader], np.intp)
    if len(leader) > 1:
        places[0], places[-1] = 0, len(follower) - 1
    else:
        places[0] = len(follower) - 1
    return np.maximum.accumulate(places)
