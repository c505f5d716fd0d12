"""Many pictures as one array of pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


def grid(images: Bytes, columns: int | None = None) -> Bytes:
    """Images with shape (B, H, W, C) side by side, as (rows·H, columns·W, C), grey as RGB; nearly square if not told
    otherwise."""
    count, height, width, channels = images.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    cells = np.zeros((rows * columns, height, width, channels), np.uint8)
    cells[:count] = images
    tiled = cells.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    flat = tiled.reshape(rows * height, columns * width, channels)
    return np.ascontiguousarray(np.broadcast_to(flat, (*flat.shape[:2], max(3, channels))))


def side_by_side(panes: Bytes) -> Bytes:
    """A grid for each pane of (P, B, H, W, C), from left to right."""
    return np.concatenate([grid(pane) for pane in panes], axis=1)


def strip(steps: Sequence[Bytes], count: int) -> Bytes:
    """`count` of the steps, each (B, H, W, C), as columns in even spaces, the first and the last among them; a row for
    each picture."""
    chosen = evenly(len(steps), count)
    columns = np.stack([steps[place] for place in chosen], axis=1)  # (B, N, H, W, C)
    return grid(columns.reshape(-1, *columns.shape[2:]), columns=len(chosen))


def evenly(length: int, count: int) -> list[int]:
    """`count` places of 0 … length - 1, as evenly as can be, the last always and the first where there are two; all of
    them where there are fewer."""
    if count == 1:
        return [length - 1]
    return sorted({round(float(place)) for place in np.linspace(0, length - 1, min(count, length))})
