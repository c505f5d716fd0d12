"""From what is on the screen into the gallery."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tui_lab.errors import RunError
from tui_lab.pictures.gallery import Kept, keep
from tui_lab.pictures.sidecar import sidecar_of
from tui_lab.workbench.cell import Cell


def finished(cell: Cell | None) -> NDArray[np.uint8] | None:
    """The samples (B, H, W, C) of a whole denoising; None before that."""
    return cell.pane("x_t", -1) if cell is not None and cell.done and "x_t" in cell.panes else None


def keep_sample(cell: Cell, place: int) -> Kept:
    """Keep one of the cell's samples. Raises LabError where they are not finished, or the disk is full."""
    samples = finished(cell)
    if samples is None or cell.resolved is None or cell.origin is None:
        raise RunError("only what is drawn to its end from a checkpoint can be kept")
    return keep(samples[place], sidecar_of(cell.resolved.changed(place=place), cell.origin, samples))
