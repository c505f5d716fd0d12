"""Append-only files of lines `crc32 {json}`: what the journal and the lifecycle are written in.

A line is safe from a killed process once `append` returned (the page cache outlives it); `sync` is for power loss.
"""

from __future__ import annotations

import json
import math
import os
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from tui_lab.errors import DiskFullError, LabError
from tui_lab.runs.files import FILE_MODE, is_disk_full, write_all

Document = dict[str, Any]


def encode(document: Document) -> bytes:
    """One line."""
    raw = as_json(document)
    return b"%08x %s\n" % (zlib.crc32(raw), raw)


def as_json(value: object) -> bytes:
    """Numbers that are not finite become null: JSON has no word for them."""
    try:
        body = _ENCODER.encode(value)
    except ValueError:
        body = json.dumps(finite(value), ensure_ascii=False, separators=(",", ":"), default=_plain)
    return body.encode("utf-8", "surrogatepass")


def decode(line: bytes) -> Document | None:
    """The document of a line without its newline, or None where it is damaged."""
    if len(line) < 11 or line[8:9] != b" ":
        return None
    try:
        if int(line[:8], 16) != zlib.crc32(line[9:]):
            return None
        document = json.loads(line[9:])
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _plain(value: object) -> object:
    """numpy's scalars and arrays, and paths, as JSON knows them."""
    if hasattr(value, "tolist"):
        return finite(value.tolist())
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} does not belong in a journal")


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_plain)
"""Kept: to make one costs as much as a short line."""


def finite(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


class LineWriter:
    """The one writer of a file of lines. Opening it cuts a tail that a killed writer left torn."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, FILE_MODE)
        except OSError as error:
            raise _explained(error, path) from error
        self.size = self._cut_torn_tail()

    def _cut_torn_tail(self) -> int:
        size = os.fstat(self._descriptor).st_size
        end = size
        while end > 0:
            start = max(0, end - 65536)
            newline = os.pread(self._descriptor, end - start, start).rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        if end < size:
            os.ftruncate(self._descriptor, end)
        return end

    def append(self, document: Document) -> None:
        """Write one line whole. On a full disk the file is cut back to its last whole line and DiskFullError raised."""
        line = encode(document)
        try:
            write_all(self._descriptor, line)
        except OSError as error:
            with suppress(OSError):  # a device has no length; a next opening cuts what is torn
                os.ftruncate(self._descriptor, self.size)
            raise _explained(error, self.path) from error
        self.size += len(line)

    def sync(self) -> None:
        """Raises DiskFullError where the disk finds only now that it is full, as over a network."""
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise _explained(error, self.path) from error

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _explained(error: OSError, path: Path) -> LabError:
    if is_disk_full(error):
        return DiskFullError(f"no room left on the disk of {path.parent}")
    return LabError(f"cannot write {path}: {error.strerror}")


class LineReader:
    """Follows one file of lines: each `read_new` gives the whole lines written since the last."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.skipped = 0
        self._offset = 0

    def read_new(self) -> list[Document]:
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        end = data.rfind(b"\n") + 1
        self._offset += end
        documents = []
        for line in data[:end].split(b"\n")[:-1]:
            document = decode(line)
            if document is None:
                self.skipped += 1
            else:
                documents.append(document)
        return documents

    def has_torn_tail(self) -> bool:
        """Whether bytes without a newline follow the last whole line read."""
        try:
            return self.path.stat().st_size > self._offset
        except FileNotFoundError:
            return False
