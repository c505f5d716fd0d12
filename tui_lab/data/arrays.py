"""Pictures as numbers: arrays of any numeric type brought to uint8 by the range of the whole set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tui_lab.data.images import Progress, Rejected
from tui_lab.data.labels import Labels
from tui_lab.data.source import Raw
from tui_lab.errors import DataError

MAX_UNPACKED = 8 << 30
"""Bytes of one array that may be unpacked into memory; a file that is not compressed is memory-mapped instead."""


class Range(NamedTuple):
    """The values that become 0 and 255."""

    low: float
    high: float

    @classmethod
    def of(cls, array: NDArray[Any], progress: Progress | None = None) -> Range:
        """The range that the numbers of a whole set seem to be in: 0..1, -1..1, 0..255, 0..65535, or just theirs."""
        if array.dtype == np.bool_:
            return cls(0, 1)
        if array.dtype in (np.uint8, np.int8):
            info = np.iinfo(array.dtype)
            return cls(info.min, info.max)
        low, high = _extremes(array, progress)
        if low < 0:
            return cls(-1, 1) if low >= -1.001 and high <= 1.001 else cls(low, high)
        return cls(0, next((top for top in (1.0, 255.0, 65535.0) if high <= top * 1.001), high))

    def bytes(self, picture: NDArray[Any]) -> NDArray[np.uint8]:
        """Scaled, rounded and cut to 0..255; what is no number becomes 0."""
        scaled = (np.asarray(picture, dtype=np.float64) - self.low) * (255 / (self.high - self.low or 1))
        return np.clip(np.rint(np.nan_to_num(scaled)), 0, 255).astype(np.uint8)


def _extremes(array: NDArray[Any], progress: Progress | None) -> tuple[float, float]:
    low, high = np.inf, -np.inf
    step = max(1, (32 << 20) // max(1, array[:1].nbytes))
    for start in range(0, len(array), step):
        values = array[start : start + step]
        finite = values[np.isfinite(values)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
        if progress:
            progress(start, 0)
    return (low, high) if low <= high else (0.0, 1.0)


def as_pictures(array: NDArray[Any], name: str) -> NDArray[Any]:
    """`array` viewed as (N, H, W) or (N, H, W, C), C from 1 to 4; channels may come first, and one picture is a set
    too. Raises DataError for what cannot be pictures."""
    shape = "×".join(map(str, array.shape)) or "a single number"
    if array.dtype.kind not in "buif":
        raise DataError(f"{name} holds {array.dtype}, no numbers that could be pictures; name another array or file")
    if array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4) and array.shape[1] > 4):
        array = array[None]
    if array.ndim == 4 and array.shape[3] > 4 and array.shape[1] in (1, 3, 4):
        array = array.transpose(0, 2, 3, 1)
    if array.ndim not in (3, 4) or (array.ndim == 4 and not 1 <= array.shape[3] <= 4):
        raise DataError(f"{name} has the shape {shape}; pictures are N×H×W or N×H×W×C with 1 to 4 channels")
    if not array.size:
        raise DataError(f"{name} holds no pictures: its shape is {shape}")
    return array


@dataclass(frozen=True, slots=True, eq=False)
class OpenedArray:
    """Pictures (N, H, W) or (N, H, W, C) with labels; `held_out` (N,) is the set's own split, None without one."""

    pictures: NDArray[Any]
    range: Range
    labels: Labels
    held_out: NDArray[np.bool_] | None = None

    @property
    def count(self) -> int:
        return len(self.pictures)

    def raw(self, index: int) -> Raw | Rejected:
        name = f"row {index}"
        picture = self.pictures[index]
        if picture.dtype.kind == "f" and not np.isfinite(picture).any():
            return Rejected(name, "not one of its values is a number")
        held_out = self.held_out is not None and bool(self.held_out[index])
        pixels = picture if picture.dtype == np.uint8 else self.range.bytes(picture)
        return Raw(name, pixels, self.labels.of(index), held_out)

    def array(self) -> NDArray[np.uint8] | None:
        return self.pictures if self.pictures.dtype == np.uint8 else None
