"""Which checkpoint a fork begins from: what a person chooses among, with the loss that the run had there."""

from __future__ import annotations

import numpy as np

from tui_lab.runs.curves import Curves
from tui_lab.runs.folder import RunFolder


def checkpoint_options(folder: RunFolder, curves: Curves) -> list[tuple[str, str]]:
    """(step, "loss 0.0312, held-out 0.0298") of each checkpoint, the newest first."""
    return [(str(step), _losses(curves, step)) for step in reversed(folder.checkpoint_steps())]


def _losses(curves: Curves, step: int) -> str:
    parts = []
    for name, steps, losses in (("loss", curves.steps, curves.loss), ("held-out", *curves.validation)):
        at = int(np.searchsorted(steps, step, side="right")) - 1
        if at >= 0 and np.isfinite(losses[at]):
            parts.append(f"{name} {losses[at]:.4f}")
    return ", ".join(parts)
