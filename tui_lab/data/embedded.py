"""pixel-faces, the dataset inside the package: a sprite sheet and a table (see pixel_faces/README.md)."""

from __future__ import annotations

import hashlib
import math
import struct
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tui_lab.data.images import Images
from tui_lab.data.shaping import Shaping, shape_arrays, with_channels
from tui_lab.data.split import choose_rows
from tui_lab.errors import DataError, LabError
from tui_lab.runs.home import cache_home

if TYPE_CHECKING:
    from tui_lab.recipe import Dataset

FOLDER = Path(__file__).parent / "pixel_faces"
SIZE = 16
LABELS = ("look", "mood", "hair_length")
ORIGIN = "8,192 faces made from DiceBear's Pixel Art design, public domain (CC0 1.0), in this package"

MOST_BYTES = 4 << 30
"""What all faces together may take; unlike a set in the cache they are made anew each time."""
MAPPED_BYTES = range(1 << 20, 256 << 20)
"""Fewer are no burden to the memory, and more one to the disk."""


def load(dataset: Dataset, only: slice = slice(None)) -> Images:
    """The faces at the recipe's resolution and channels, split and labelled by their table; of those to train on `only`
    some, and then none that are held out. Raises DataError."""
    label = dataset.label or LABELS[0]
    if label not in LABELS:
        raise DataError(f"pixel-faces has no label {label!r}; set dataset.label to one of {', '.join(LABELS)}")
    sheet = (FOLDER / "pixel_faces.png").read_bytes()
    table = (FOLDER / "pixel_faces.csv").read_bytes()
    header, *rows = (line.split(",") for line in table.decode().splitlines())
    split_column, label_column = header.index("split"), header.index(label)
    held_out = np.array([row[split_column] == "test" for row in rows])
    classes = tuple(sorted({row[label_column] for row in rows}))
    number = {name: index for index, name in enumerate(classes)}
    labels = np.array([number[row[label_column]] for row in rows], dtype=np.int64)
    shaping = Shaping.of(dataset)
    faces, colours = _sheet(sheet, min(shaping.channels, 3))
    train_rows, held_out_rows, labels, classes = choose_rows(dataset, dataset.name, labels, classes, held_out)
    if only != slice(None):
        faces, labels = faces[train_rows[only]], labels[train_rows[only]]
        train_rows, held_out_rows = np.arange(len(faces)), held_out_rows[:0]
    if len(faces) * math.prod(shaping.shape) > MOST_BYTES:
        size = f"{shaping.width}×{shaping.height}"
        raise DataError(f"{len(faces)} faces of {size} do not fit the memory; lower dataset.resolution")
    content = hashlib.sha256(sheet + table + f"{shaping} {label}".encode())
    return Images(
        name=dataset.name,
        origin=ORIGIN,
        pixels=_mapped(_at(shaping, faces, colours)),
        labels=labels,
        classes=classes,
        train_rows=train_rows,
        held_out_rows=held_out_rows,
        rejected=(),
        content_hash=content.hexdigest(),
        margin=shaping.margin,
    )


def _sheet(sheet: bytes, channels: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The faces as indices into a palette, with shape (N, 16, 16), and that palette with shape (256, channels).

    The first screen waits for it, and so Pillow is left out, which takes 3 MB and its time: the sheet is a PNG of one
    byte a pixel whose rows have no filter.
    """
    parts: dict[bytes, bytes] = {}
    at = 8
    while at < len(sheet):
        size, name = struct.unpack_from(">I4s", sheet, at)
        parts[name] = parts.get(name, b"") + sheet[at + 8 : at + 8 + size]
        at += 12 + size
    width, height = struct.unpack_from(">II", parts[b"IHDR"])
    indices = np.frombuffer(zlib.decompress(parts[b"IDAT"]), np.uint8).reshape(height, 1 + width)[:, 1:]
    faces = indices.reshape(height // SIZE, SIZE, width // SIZE, SIZE).swapaxes(1, 2).reshape(-1, SIZE, SIZE)
    return faces, with_channels(np.frombuffer(parts[b"PLTE"], np.uint8).reshape(256, 3), channels)


def _at(shaping: Shaping, faces: NDArray[np.uint8], colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pixels with shape (N, *shaping.shape); grown by a whole factor, pixel art keeps its hard edges."""
    height, width, _ = shaping.shape
    factor, rest = divmod(height, SIZE)
    if height == width and factor > 1 and not rest:
        faces = faces.repeat(factor, axis=1).repeat(factor, axis=2)
    return shape_arrays(colours.take(faces, axis=0), shaping)


def _mapped(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same in a file without a name: those at which nobody looks take no memory. As they are where there is no
    room for it."""
    if pixels.nbytes not in MAPPED_BYTES:
        return pixels
    try:
        with tempfile.TemporaryFile(dir=cache_home()) as file:
            file.write(pixels.data)
            file.flush()
            return np.memmap(file, np.uint8, "r", shape=pixels.shape)
    except (OSError, LabError):
        return pixels
