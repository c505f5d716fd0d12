"""Which pictures are held out of a dataset that has no split of its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SPLIT_SEED = 0
"""Fixed: the split belongs to the dataset, not to a run, so that held-out losses of two runs can be compared."""


def held_out_mask(count: int, fraction: float) -> NDArray[np.bool_]:
    """True for round(count · fraction) of `count` pictures, drawn without order, and never for all of them."""
    mask = np.zeros(count, dtype=np.bool_)
    held_out = min(round(count * fraction), count - 1)
    mask[np.random.default_rng(SPLIT_SEED).permutation(count)[:held_out]] = True
    return mask
