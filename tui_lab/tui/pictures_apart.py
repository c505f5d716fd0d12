"""How far two batches of pictures are apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def rmse(a: Pixels, b: Pixels) -> float | None:
    """The root of the mean squared difference of (B, H, W, C), on the scale of [0, 1], over as many pictures as both
    have; None where their shapes do not allow it."""
    shared = _shared(a, b)
    if shared is None:
        return None
    return float(np.sqrt(np.mean(((shared[0] - shared[1]) / 255) ** 2)))


def difference(a: Pixels, b: Pixels) -> Pixels | None:
    """uint8 (B, H, W, C): b less a around grey, cut off where it leaves the range; None as `rmse`."""
    shared = _shared(a, b)
    return None if shared is None else np.clip(np.rint(127.5 + shared[1] - shared[0]), 0, 255).astype(np.uint8)


def _shared(a: Pixels, b: Pixels) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    count = min(len(a), len(b))
    if not count or a.shape[1:] != b.shape[1:]:
        return None
    return a[:count].astype(np.float32), b[:count].astype(np.float32)
