"""What a dataset is once it is loaded: uint8 pictures, labels, and what had to be left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Progress = Callable[[int, int], None]
"""Called with (pictures done, pictures in all) while a dataset is decoded."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A picture that could not be used: its path (or its place in a hub dataset), and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """A dataset in memory, or memory-mapped from the cache: treat the arrays as read-only.

    `train` has shape (N, H, W, C), `held_out` (M, H, W, C), where M may be 0; labels index into `classes` and are None
    where the dataset has none. `content_hash` changes whenever the arrays would.
    """

    name: str
    origin: str
    train: NDArray[np.uint8]
    held_out: NDArray[np.uint8]
    train_labels: NDArray[np.int64] | None
    held_out_labels: NDArray[np.int64] | None
    classes: tuple[str, ...]
    rejected: tuple[Rejected, ...]
    content_hash: str
