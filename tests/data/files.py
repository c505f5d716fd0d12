"""Files of pictures as bytes, and the dataset that asks for small grey ones."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tui_lab.recipe import Dataset


def grey_dataset(path: Path, **changes: object) -> Dataset:
    """Of 8×8, all to train on."""
    return Dataset.model_validate({"path": str(path), "resolution": 8, "channels": 1, "val_fraction": 0.0} | changes)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def grey_png(value: int, side: int = 8) -> bytes:
    return encoded(Image.new("L", (side, side), value))


def png_that_claims(width: int, height: int) -> bytes:
    """A whole PNG file of a hundred bytes that claims a size, and holds one row."""
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + _chunk(b"IDAT", zlib.compress(b"\0" * 100)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def idx(array: np.ndarray) -> bytes:
    """An IDX file of bytes."""
    sizes = np.array(array.shape, dtype=">u4").tobytes()
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()
