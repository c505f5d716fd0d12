"""What a dataset holds, in numbers: its values, its classes, and the sizes and modes that its pictures came with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tui_lab.data.images import Images, Progress
from tui_lab.data.recorded import modes_of, sizes_of
from tui_lab.data.sweep import chunks, remember, remembered

ENOUGH = 1 << 30
"""Values beyond which only every so manieth picture is counted: the histogram does not change any more."""
ASPECTS = ((3.0, "3:1 and wider"), (1.9, "2:1"), (1.6, "16:9"), (1.4, "3:2"), (1.15, "4:3"), (0.87, "square"))
"""Lowest width / height of each class of shapes that is not upright; upright ones are their mirror images."""
UPRIGHT = {"4:3": "3:4", "3:2": "2:3", "16:9": "9:16", "2:1": "1:2", "3:1 and wider": "1:3 and taller"}


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """Of all pictures of a set, whatever rows of it a recipe takes, but for `classes`: that counts those taken, each
    once, by name, "" for pictures without a label. `histogram` has shape (C, 256); `sizes` ("width×height"), `modes`
    and `aspects` are from before shaping, and empty where the set came without files."""

    images: int
    histogram: NDArray[np.int64]
    classes: Mapping[str, int]
    sizes: Mapping[str, int]
    modes: Mapping[str, int]
    aspects: Mapping[str, int]

    @property
    def mean(self) -> NDArray[np.float64]:
        """Of each channel's values, 0 to 255, (C,)."""
        return (self.histogram @ np.arange(256)) / np.maximum(self.histogram.sum(axis=1), 1)

    @property
    def std(self) -> NDArray[np.float64]:
        """Of each channel's values, (C,)."""
        deviation = np.arange(256) - self.mean[:, None]
        return np.sqrt((self.histogram * deviation**2).sum(axis=1) / np.maximum(self.histogram.sum(axis=1), 1))


def statistics_of(images: Images, progress: Progress | None = None) -> Statistics:
    """Counted once over the memory map, and kept beside the cached pictures; what `progress` raises stops it."""
    kept = remembered(images, "statistics")
    if kept is None:
        histogram = _histogram(images, progress)
        remember(images, "statistics", histogram.tolist())
    else:
        histogram = np.array(kept, dtype=np.int64)
    sizes = sizes_of(images)
    counted, times = np.unique(sizes, axis=0, return_counts=True)
    by_size = sorted(zip(counted.tolist(), times.tolist(), strict=True), key=lambda item: -item[1])
    aspects: Counter[str] = Counter()
    for (width, height), count in by_size:
        aspects[aspect(width, height)] += count
    taken = np.unique(np.concatenate([images.train_rows, images.held_out_rows]))
    return Statistics(
        images=len(images.pixels),
        histogram=histogram,
        classes=class_counts(images.labels[taken], images.classes),
        sizes={f"{width}×{height}": count for (width, height), count in by_size},
        modes=modes_of(images),
        aspects=dict(aspects.most_common()),
    )


def class_counts(labels: NDArray[np.int64], classes: tuple[str, ...]) -> dict[str, int]:
    """How many of `labels` are of each class, 0 included, in the classes' order; "" last for those without a label,
    if there are classes at all."""
    if not classes:
        return {}
    counts = np.bincount(labels + 1, minlength=len(classes) + 1)
    counted = {title: int(counts[index + 1]) for index, title in enumerate(classes)}
    return {**counted, "": int(counts[0])} if counts[0] else counted


def aspect(width: int, height: int) -> str:
    """The usual name of the nearest shape: "square", "4:3", "9:16" …"""
    if height > width:
        name = aspect(height, width)
        return UPRIGHT.get(name, name)
    return next(name for least, name in ASPECTS if width / height >= least)


def _histogram(images: Images, progress: Progress | None) -> NDArray[np.int64]:
    channels = images.shape[2]
    histogram = np.zeros((channels, 256), dtype=np.int64)
    every = -(-len(images.pixels) * int(np.prod(images.shape)) // ENOUGH)
    for _, pictures in chunks(images, progress, max(1, every)):
        for channel in range(channels):
            histogram[channel] += np.bincount(pictures[..., channel].ravel(), minlength=256)
    return histogram
