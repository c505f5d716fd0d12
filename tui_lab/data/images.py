"""What a dataset is once it is loaded: uint8 pictures, labels, which rows to train on, and what had to be left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

Progress = Callable[[int, int], None]
"""Called with (pictures done, pictures in all) while a dataset is decoded; what it raises stops the decoding."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A picture that could not be used: its path (or its place in a hub dataset), and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """A dataset in memory, or memory-mapped from the cache: treat the arrays as read-only.

    `pixels` has shape (N, H + dy, W + dx, C): `margin` (dy, dx) is beyond what a model sees, for random crops. `labels`
    (N,) index into `classes`, those that the recipe asks for; -1 where a picture is of none of them. `train_rows` and
    `held_out_rows` are rows of both, after filter, limit, balance (which repeats rows) and split. `content_hash` is of
    all pixels and labels that were decoded. `folder` is the cache's, None for what is not cached. With `streaming`
    these are only the first pictures of a set, and `data.stream` goes on behind them.
    """

    name: str
    origin: str
    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    train_rows: NDArray[np.int64]
    held_out_rows: NDArray[np.int64]
    rejected: tuple[Rejected, ...]
    content_hash: str
    margin: tuple[int, int] = (0, 0)
    streaming: bool = False
    folder: Path | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C) of one picture as the model sees it, without the margin."""
        _, height, width, channels = self.pixels.shape
        return height - self.margin[0], width - self.margin[1], channels

    @property
    def train_labels(self) -> NDArray[np.int64]:
        return self.labels[self.train_rows]

    @property
    def held_out_labels(self) -> NDArray[np.int64]:
        return self.labels[self.held_out_rows]

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """A copy of these rows with shape (K, H, W, C), the middle of the margin."""
        height, width, _ = self.shape
        top, left = self.margin[0] // 2, self.margin[1] // 2
        return self.pixels[rows, top : top + height, left : left + width]
