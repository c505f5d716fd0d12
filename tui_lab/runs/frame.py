"""The live frame: the latest picture of a run, replaced whole. A slow reader misses frames, and costs nothing.

It lies at `live/frame`; where that is on another machine's disk, in a temporary folder of this one, which `live/where`
names. Readers on other machines then see no live frame, and all else.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tui_lab.runs.files import replace_file
from tui_lab.runs.filesystems import is_network
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.lifecycle import boot_id

_MAGIC = b"DLF1"
_HEADER_LIMIT = 64 * 1024
_FRAME_LIMIT = 256 * 1024 * 1024
_TEMPORARY = "diffusion-lab-frame-"


@dataclass(frozen=True)
class Frame:
    """`header["shape"]` is the shape of `pixels`, uint8."""

    header: dict[str, Any]
    pixels: NDArray[np.uint8]


class FrameWriter:
    """Rank 0's side."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._path: Path | None = None

    def write(self, header: dict[str, Any], pixels: NDArray[np.uint8]) -> None:
        """Replace the frame. The header's `shape` is set from the pixels. Raises LabError where it cannot be."""
        if self._path is None:
            self._path = self._choose()
        head = json.dumps({**header, "shape": list(pixels.shape)}).encode()
        body = np.ascontiguousarray(pixels, dtype=np.uint8).tobytes()
        replace_file(self._path, _MAGIC + struct.pack("<I", len(head)), head, body, gap=True)

    def _choose(self) -> Path:
        _forget_earlier(self._folder)
        if not is_network(self._folder.path):
            return self._folder.frame_path
        self._folder.frame_path.unlink(missing_ok=True)
        path = Path(tempfile.mkdtemp(prefix=_TEMPORARY)) / "frame"  # mode 0700
        replace_file(_pointer(self._folder), json.dumps({"path": str(path), "boot_id": boot_id()}).encode())
        return path

    def close(self) -> None:
        """A frame in a temporary folder goes with the process."""
        if self._path not in (None, self._folder.frame_path):
            _forget_earlier(self._folder)


def _pointer(folder: RunFolder) -> Path:
    return folder.frame_path.with_name("where")


def _elsewhere(folder: RunFolder) -> Path | None:
    """Where the pointer says that the frame is, if that is on this machine and ours."""
    try:
        said = json.loads(_pointer(folder).read_bytes())
        path = Path(said["path"])
        ours = path.parent.name.startswith(_TEMPORARY) and path.parent.lstat().st_uid == os.geteuid()
        return path if ours and said["boot_id"] == boot_id() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _forget_earlier(folder: RunFolder) -> None:
    """The temporary folder of this process, or of an earlier one that was killed."""
    path = _elsewhere(folder)
    if path is not None:
        shutil.rmtree(path.parent, ignore_errors=True)
    with suppress(OSError):
        _pointer(folder).unlink(missing_ok=True)


def read_frame(folder: RunFolder) -> Frame | None:
    """The frame as it stands, or None where there is none (or none that can be read)."""
    found = _find(folder)
    if found is None:
        return None
    try:
        with found[0].open("rb") as file:
            return _parse(file.read(_FRAME_LIMIT))
    except OSError:
        return None


def _find(folder: RunFolder) -> tuple[Path, os.stat_result] | None:
    """One `stat`, for pollers, where the frame lies in the run's folder."""
    with suppress(OSError):
        return folder.frame_path, folder.frame_path.stat()
    path = _elsewhere(folder)
    if path is not None:
        with suppress(OSError):
            return path, path.stat()
    return None


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
        found = _find(self._folder)
        if found is None:
            return None
        stamp = found[1].st_mtime_ns, found[1].st_ino
        if stamp == self._stamp:
            return None
        self._stamp = stamp
        return read_frame(self._folder)
