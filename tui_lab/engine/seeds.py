"""Where randomness comes from: every draw is a function of (training.seed, step, what is drawn).

So a resumed or forked run needs no saved generator state, and what previews and validation draw cannot change training.
"""

from __future__ import annotations

from enum import IntEnum

import torch

_MASK = 2**64 - 1


class Stream(IntEnum):
    """What is drawn. The numbers are part of every run's results: never renumber."""

    WEIGHTS = 0
    ORDER = 1
    NOISE = 2
    FLIP = 3
    GLOBAL = 4
    VALIDATION = 5
    CROP = 6
    ROTATION = 7
    CLASS_DROPOUT = 8


def step_seed(seed: int, step: int, stream: Stream, part: int = 0) -> int:
    """A seed in [0, 2⁶³) for one draw; `part` counts the batches that are accumulated within a step.

    Neighbours in any argument give unrelated seeds, down to the low 32 bits, which are all that torch's CPU generator
    (a Mersenne Twister) is seeded with.
    """
    state = 0
    for word in (seed, step, stream, part):
        state = _mix((state + word) & _MASK)
    return state >> 1


def _mix(state: int) -> int:
    """One output of SplitMix64 (Steele et al. 2014)."""
    state = (state + 0x9E3779B97F4A7C15) & _MASK
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
    return state ^ (state >> 31)


class Generators:
    """A generator for each stream of a run, on the device that draws. Seeding anew costs less than making one."""

    def __init__(self, seed: int, device: torch.device) -> None:
        self._seed = seed
        self._generators = {stream: torch.Generator(device) for stream in Stream}

    def at(self, stream: Stream, step: int, part: int = 0) -> torch.Generator:
        """The stream's generator, set to the beginning of that step's draws."""
        return self._generators[stream].manual_seed(step_seed(self._seed, step, stream, part))
