"""Marks of a run's curve: what changed its course, with a sign for its kind and who did it."""

from __future__ import annotations

import time

from tui_lab.runs.curves import Curves
from tui_lab.runs.curves import Mark as Happening
from tui_lab.runs.provenance import Intervention, Provenance
from tui_lab.tui.chart import Mark

SIGNS = {"applied": "▲", "paused": "‖", "rewound": "↶"}
"""What is worth a mark: all that changed the curve's course. A rewind's is the seam."""
_KINDS = {"paused": ("pause", "guard"), "rewound": ("undo", "rewound")}


def loss_marks(curves: Curves, provenance: Provenance) -> tuple[Mark, ...]:
    """In the order of steps."""
    done = provenance.interventions
    return tuple(
        Mark(mark.step, mark.text, SIGNS[mark.kind], _about(mark, _found(mark, provenance, done)))
        for mark in curves.marks
        if mark.kind in SIGNS
    )


def _found(mark: Happening, provenance: Provenance, done: list[Intervention]) -> Intervention | None:
    if mark.id:
        return provenance.of(mark.id)
    here = [one for one in done if one.step == mark.step and one.kind in _KINDS.get(mark.kind, ())]
    return here[-1] if here else None


def _about(mark: Happening, found: Intervention | None) -> str:
    """ "step 640: learning_rate 1e-3 → 1e-1, by ada on pts/3, pid 4242, 14:03:11"."""
    if found is None:
        return f"step {mark.step}: {mark.text}"
    when = time.strftime("%H:%M:%S", time.localtime(found.time))
    return f"step {mark.step}: {found.words}, by {found.who}, {when}"
