"""What runs take on the disk. A fork's first checkpoint is links to its parent's files: those bytes are held once."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = 512
"""Bytes of a block of `st_blocks`, whatever the file system's own are."""


@dataclass(frozen=True, slots=True)
class DiskUse:
    """`total` bytes that are held; `freed` of them would be free if all of it went, as nothing else links to them."""

    total: int
    freed: int


def disk_use(paths: Iterable[Path]) -> DiskUse:
    """Of files and whole folders. What goes while it is counted counts nothing; symbolic links are not followed."""
    held: dict[tuple[int, int], tuple[int, int, int]] = {}
    for path in paths:
        for entry in _stats(path):
            file = entry.st_dev, entry.st_ino
            links = held[file][2] + 1 if file in held else 1
            held[file] = entry.st_blocks * _BLOCK, entry.st_nlink, links
    total = sum(size for size, _, _ in held.values())
    return DiskUse(total, sum(size for size, links, seen in held.values() if seen >= links))


def _stats(path: Path) -> Iterator[os.stat_result]:
    """Of every file below, not of the folders themselves: a folder's own blocks are next to nothing."""
    try:
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode):
            yield found
            return
        with os.scandir(path) as entries:
            below = [Path(entry.path) for entry in entries]
    except OSError:
        return
    for each in below:
        yield from _stats(each)
