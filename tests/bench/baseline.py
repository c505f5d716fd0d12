"""Whether a ratio is still what it was."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from tui_lab.bench.report import Ratio

FILE = Path(__file__).with_name("baseline.json")
ROOM = 1 / 3
"""By how much of itself a ratio may be worse before it counts."""


def baseline(bench: str) -> Mapping[str, float]:
    """By the ratio's name."""
    known: Mapping[str, float] = json.loads(FILE.read_text(encoding="utf-8")).get(bench, {})
    return known


def regressions(ratios: Sequence[Ratio], known: Mapping[str, float]) -> list[str]:
    """A line for each ratio that is worse than it was by more than a third, or is not found any more; one that is not
    known yet is none."""
    measured = {ratio.name for ratio in ratios}
    found = [f"{name}: it is not measured any more" for name in known if name not in measured]
    for ratio in ratios:
        before = known.get(ratio.name)
        if before is None:
            continue
        limit = before * (1 - ROOM) if ratio.better == "higher" else before * (1 + ROOM)
        if (ratio.value < limit) if ratio.better == "higher" else (ratio.value > limit):
            found.append(f"{ratio.name}: {ratio.value:.3f}, it was {before:.3f}")
    return found
