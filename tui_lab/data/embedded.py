"""pixel-faces, the dataset inside the package: a sprite sheet and a table (see pixel_faces/README.md)."""

from __future__ import annotations

import csv
import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tui_lab.data.images import Images
from tui_lab.errors import DataError

if TYPE_CHECKING:
    from tui_lab.recipe import Dataset

FOLDER = Path(__file__).parent / "pixel_faces"
SIZE = 16
LABELS = ("look", "mood", "hair_length")
ORIGIN = "8,192 faces made from DiceBear's Pixel Art design, public domain (CC0 1.0), in this package"


def load(dataset: Dataset) -> Images:
    """The faces at the recipe's resolution and channels, split and labelled by their table."""
    label = dataset.label or LABELS[0]
    if label not in LABELS:
        raise DataError(f"pixel-faces has no label {label!r}; set dataset.label to one of {', '.join(LABELS)}")
    sheet = (FOLDER / "pixel_faces.png").read_bytes()
    table = (FOLDER / "pixel_faces.csv").read_bytes()
    header, *rows = csv.reader(io.StringIO(table.decode()))
    split_column, label_column = header.index("split"), header.index(label)
    faces = _faces(sheet, dataset.resolution, dataset.channels)[: len(rows)]
    held_out = np.array([row[split_column] == "test" for row in rows])
    classes = tuple(sorted({row[label_column] for row in rows}))
    number = {name: index for index, name in enumerate(classes)}
    labels = np.array([number[row[label_column]] for row in rows], dtype=np.int64)
    content = hashlib.sha256(sheet + table + f"{dataset.resolution} {dataset.channels} {label}".encode())
    return Images(
        name=dataset.name,
        origin=ORIGIN,
        train=faces[~held_out],
        held_out=faces[held_out],
        train_labels=labels[~held_out],
        held_out_labels=labels[held_out],
        classes=classes,
        rejected=(),
        content_hash=content.hexdigest()[:16],
    )


def _faces(sheet: bytes, resolution: int, channels: int) -> NDArray[np.uint8]:
    """The sheet cut into faces with shape (N, resolution, resolution, channels), row by row.

    Pixel art keeps its hard edges when it grows by a whole factor; other sizes are resampled face by face, so that
    neighbours on the sheet do not bleed into each other.
    """
    image = Image.open(io.BytesIO(sheet)).convert("RGB" if channels == 3 else "L")
    pixels = np.asarray(image)
    down, across = pixels.shape[0] // SIZE, pixels.shape[1] // SIZE
    faces = pixels.reshape(down, SIZE, across, SIZE, channels).swapaxes(1, 2).reshape(-1, SIZE, SIZE, channels)
    if resolution % SIZE == 0:
        return faces.repeat(resolution // SIZE, axis=1).repeat(resolution // SIZE, axis=2)
    from tui_lab.data.decode import fit

    return np.stack([fit(face, resolution) for face in faces])
