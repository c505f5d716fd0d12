"""The shape that pictures have before any shaping: what a recipe begins with for a set that is new to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tui_lab.data.decode import UNREADABLE, decoded
from tui_lab.data.images import Images, Progress, Rejected
from tui_lab.data.preview import opened_source
from tui_lab.data.recorded import modes_of, sizes_of
from tui_lab.data.shaping import Shaping

if TYPE_CHECKING:
    from tui_lab.data.source import Raw
    from tui_lab.recipe import Dataset

LOOKED_AT = 12
GREY = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "F")
"""Pillow's modes of pictures without colour."""


def native_shape(dataset: Dataset, progress: Progress | None = None) -> tuple[int, int, int] | None:
    """(height, width, channels) of pictures drawn evenly from the source, 1 or 3 channels; None where their sizes
    differ, or none of them can be read. Raises DataError, and what `progress` raises while files are listed."""
    _, opened = opened_source(dataset, progress)
    places = np.unique(np.linspace(0, max(0, opened.count - 1), LOOKED_AT).astype(int)).tolist()
    shapes = []
    for place in places if opened.count else []:
        raw = opened.raw(place)
        if not isinstance(raw, Rejected) and (shape := _shape(raw)) is not None:
            shapes.append(shape)
    if len({shape[:2] for shape in shapes}) != 1:
        return None
    return shapes[0][0], shapes[0][1], max(channels for _, _, channels in shapes)


def native_shape_of(images: Images) -> tuple[int, int, int] | None:
    """The same of pictures that are in the cache at whatever shaping, from what was recorded while they were decoded:
    of all of them, and without opening their source."""
    sizes = np.unique(sizes_of(images), axis=0).tolist()
    if len(sizes) != 1:
        return None
    ((width, height),) = sizes
    return height, width, 1 if all(map(_is_grey, modes_of(images))) else 3


def _is_grey(mode: str) -> bool:
    """Of a mode as Decoded has it: Pillow's, or an array's type and channels, such as "uint8×3"."""
    return mode in GREY or (mode[:1].islower() and not mode.endswith(("×3", "×4")))


def _shape(raw: Raw) -> tuple[int, int, int] | None:
    if isinstance(raw.content, np.ndarray):
        shape = raw.content.shape
        return shape[0], shape[1], 3 if len(shape) == 3 and shape[2] >= 3 else 1
    try:
        one = decoded(raw.content, Shaping(8, 8, fit="squeeze"))
    except UNREADABLE:
        return None
    return one.height, one.width, 1 if one.mode in GREY else 3
