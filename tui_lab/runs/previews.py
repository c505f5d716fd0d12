"""Which recorded denoisings of a run stay: the first, the newest, and between them such as lie evenly."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

NEWEST = 4
"""So many of the newest always stay: whoever asked for one may not have opened it yet."""
REQUEST_SHARE = 0.5
"""The largest share of a run's time that a drawing which a person asked for may take; those by cadence take less."""
_NAME = re.compile(r"step-(\d+)-(\d+)\.npy")


class Recorded(NamedTuple):
    """`previews/step-00000100-0001.npy`: of that step, the so-manieth of the run."""

    number: int
    step: int
    path: Path


def recorded(folder: Path) -> list[Recorded]:
    """Those in a run's `previews`, oldest first; after a rewind steps may fall."""
    found = ((_NAME.fullmatch(path.name), path) for path in folder.glob("step-*.npy"))
    return sorted(Recorded(int(match[2]), int(match[1]), path) for match, path in found if match)


def thin_out(folder: Path, limit: int) -> None:
    """Remove recordings until at most `limit` are left, 0 keeps all; what cannot be removed stays."""
    if not limit:
        return
    previews = recorded(folder)
    while len(previews) > max(limit, NEWEST + 1):
        surplus = previews.pop(_most_crowded([preview.step for preview in previews]))
        for path in (surplus.path.with_suffix(".json"), surplus.path):
            try:
                path.unlink(missing_ok=True)
            except OSError:
                return


def _most_crowded(steps: Sequence[int]) -> int:
    """Whose neighbours lie closest together, not counting the first and the newest."""
    gaps = [abs(after - before) for before, after in pairwise(steps)]
    return min(range(1, len(steps) - NEWEST), key=lambda index: gaps[index - 1] + gaps[index])
