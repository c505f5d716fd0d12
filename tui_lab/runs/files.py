"""Files only their owner reads, replaced whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from tui_lab.errors import DiskFullError, LabError

FOLDER_MODE = 0o700
FILE_MODE = 0o600


def private_folder(path: Path) -> None:
    """Make `path` and its missing parents with mode 0700; folders already there keep their mode."""
    missing = []
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)


def is_disk_full(error: OSError) -> bool:
    """Also by a quota or by a limit on the size of files (whose signal, SIGXFSZ, Python ignores)."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """`os.write` until every byte is taken; it may take fewer than asked."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def sync(path: Path) -> None:
    """Bring a file, or a folder's entries, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def discard_folder(path: Path) -> None:
    """Remove a folder so that readers find it whole or not at all; what cannot be removed then lies aside, hidden."""
    aside = path.with_name(f".{path.name}.dropped")
    shutil.rmtree(aside, ignore_errors=True)
    with suppress(OSError):
        path = path.rename(aside)
    shutil.rmtree(path, ignore_errors=True)


def replace_file(path: Path, *parts: bytes, aside: Path | None = None, gap: bool = False) -> None:
    """Put a file at `path` in one step: written beside it (or in `aside`, same file system), then renamed.

    A reader sees the old file or the new one; with `gap`, for a moment none: what takes the place of another file is
    brought to the disk at once by ext4, which costs up to a millisecond. Raises DiskFullError, or LabError where the
    folder is gone or may not be written, and leaves no half-written file.
    """
    folder = aside or path.parent
    temporary: str | None = None
    try:
        descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=f".{path.name}.")  # mode 0600
        try:
            for part in parts:
                write_all(descriptor, part)
        finally:
            os.close(descriptor)
        if gap:
            path.unlink(missing_ok=True)
        os.replace(temporary, path)  # noqa: PTH105 - a str from mkstemp
    except OSError as error:
        if temporary is not None:
            with suppress(OSError):
                Path(temporary).unlink(missing_ok=True)
        if is_disk_full(error):
            raise DiskFullError(f"no room left on the disk of {path.parent}; free some space and try again") from error
        raise LabError(f"cannot write {path}: {error.strerror}") from error
