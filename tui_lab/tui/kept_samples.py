"""The gallery as a screen shows it: pictures of all sizes on tiles of one, and each one's words."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tui_lab.data import Images
from tui_lab.errors import LabError
from tui_lab.pictures import gallery
from tui_lab.pictures.gallery import Kept
from tui_lab.sanitize import clean
from tui_lab.tui.pixels import shrink, upscale
from tui_lab.tui.theatre_words import knob_words, source_words

Pixels = NDArray[np.uint8]

LARGEST_TILE = 128
"""Pixels a side; larger pictures are reduced on their tiles."""


def read_gallery() -> list[tuple[Kept, Pixels]]:
    """Newest first, each with its picture (H, W, C); what cannot be read is left out. For a thread."""
    found = []
    for one in gallery.kept():
        try:
            found.append((one, one.pixels()))
        except LabError:
            continue
    return found


def tiles_of(pictures: Sequence[Pixels]) -> Pixels:
    """(N, S, S, 4): each picture in the middle of a tile, enlarged or reduced by a whole factor, around it nothing."""
    side = min(LARGEST_TILE, max(max(picture.shape[:2]) for picture in pictures))
    tiles = np.zeros((len(pictures), side, side, 4), np.uint8)
    for tile, picture in zip(tiles, pictures, strict=True):
        longest = max(picture.shape[:2])
        fitted = upscale(shrink(picture, -(-longest // side)), max(1, side // longest))
        height, width, channels = fitted.shape
        top, left = (side - height) // 2, (side - width) // 2
        inside = tile[top : top + height, left : left + width]
        inside[..., :3] = fitted[..., : min(3, channels)]
        inside[..., 3] = fitted[..., 3] if channels == 4 else 255
    return tiles


def as_images(found: Sequence[tuple[Kept, Pixels]]) -> Images:
    """What a grid goes through; each is a class of its own, named by its source."""
    rows = np.arange(len(found))
    names = tuple(source_words(one.sidecar.denoising) for one, _ in found)
    pixels = tiles_of([picture for _, picture in found])
    return Images("gallery", "", pixels, rows, names, rows, np.zeros(0, np.int64), (), "")


def kept_words(one: Kept) -> list[tuple[str, str]]:
    """(what, value) of how it was made."""
    denoising, origin = one.sidecar.denoising, one.sidecar.origin
    place = denoising.place or 0
    labels = origin.class_labels
    return [
        ("from", source_words(denoising)),
        ("picture", str(place + 1)),
        *knob_words(denoising),
        *([("class number", str(labels[place]))] if labels is not None and place < len(labels) else []),
        ("size", "×".join(map(str, reversed(one.sidecar.shape[1:3])))),
        ("weights", f"{origin.weights} {origin.sha256[:12]}"),
        ("device", clean(origin.device_name, 40)),
        ("kept", time.strftime("%Y-%m-%d %H:%M", time.localtime(one.since))),
        ("file", clean(one.path.name, 60)),
    ]
