"""The live frame: the latest picture of a run, replaced whole. A slow reader misses frames, and costs nothing."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tui_lab.runs.files import replace_file
from tui_lab.runs.folder import RunFolder

_MAGIC = b"DLF1"
_HEADER_LIMIT = 64 * 1024
_FRAME_LIMIT = 256 * 1024 * 1024


@dataclass(frozen=True)
class Frame:
    """`header["shape"]` is the shape of `pixels`, uint8."""

    header: dict[str, Any]
    pixels: NDArray[np.uint8]


def write_frame(folder: RunFolder, header: dict[str, Any], pixels: NDArray[np.uint8]) -> None:
    """Replace the frame. The header's `shape` is set from the pixels. Raises DiskFullError."""
    head = json.dumps({**header, "shape": list(pixels.shape)}).encode()
    body = np.ascontiguousarray(pixels, dtype=np.uint8).tobytes()
    replace_file(folder.frame_path, _MAGIC + struct.pack("<I", len(head)), head, body)


def read_frame(folder: RunFolder) -> Frame | None:
    """The frame as it stands, or None where there is none (or none that can be read)."""
    try:
        with folder.frame_path.open("rb") as file:
            return _parse(file.read(_FRAME_LIMIT))
    except FileNotFoundError:
        return None


def frame_stamp(folder: RunFolder) -> tuple[int, int] | None:
    """(mtime_ns, inode): another stamp, another frame. One `stat`, for pollers."""
    try:
        status = folder.frame_path.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_ino


def _parse(raw: bytes) -> Frame | None:
    if len(raw) < 8 or raw[:4] != _MAGIC:
        return None
    (length,) = struct.unpack("<I", raw[4:8])
    if length > _HEADER_LIMIT:
        return None
    try:
        header = json.loads(raw[8 : 8 + length])
        pixels = np.frombuffer(raw, np.uint8, offset=8 + length).reshape(header["shape"])
    except (ValueError, KeyError, TypeError):
        return None
    return Frame(header, pixels)


class FrameReader:
    """Gives each frame once; between frames a look costs one `stat`."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._stamp: tuple[int, int] | None = None

    def read_new(self) -> Frame | None:
        stamp = frame_stamp(self._folder)
        if stamp is None or stamp == self._stamp:
            return None
        self._stamp = stamp
        return read_frame(self._folder)
