"""Masks between a recipe's words, where they are lengths of runs, and arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tui_lab.recipe.denoising import Mask


def mask_array(mask: Mask) -> NDArray[np.bool_]:
    """bool (height, width), True where a pixel stays."""
    flags = np.arange(len(mask.runs)) % 2 == 1
    return np.repeat(flags, mask.runs).reshape(mask.height, mask.width)


def mask_of(kept: NDArray[np.bool_]) -> Mask:
    """The Mask of a bool array (H, W), True where a pixel stays."""
    height, width = kept.shape
    flat = kept.ravel()
    ends = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(ends, prepend=0, append=flat.size).tolist()
    return Mask(height=height, width=width, runs=(0, *runs) if flat[0] else tuple(runs))
