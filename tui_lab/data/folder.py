"""A folder of one's own pictures: flat, a folder a class, or with a table of labels beside them."""

from __future__ import annotations

import errno
import os
import stat
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tui_lab.data.images import Progress, Rejected
from tui_lab.data.layout import SUFFIXES, is_picture, suffix_of
from tui_lab.data.metadata import NAMES, Metadata, read_metadata
from tui_lab.data.named import OpenedNames, open_names
from tui_lab.data.source import Raw
from tui_lab.errors import DataError
from tui_lab.sanitize import clean

if TYPE_CHECKING:
    from tui_lab.recipe import Dataset

REPORT_EVERY = 1000
"""Files between two words to whoever waits for a listing, and may want to stop it."""


@dataclass(slots=True)
class Listing:
    """What a folder holds, by relative paths: pictures with what changes when they do, and what is left out."""

    pictures: dict[str, str] = field(default_factory=dict)
    tables: dict[str, str] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)
    """Files that are no pictures by their names, by suffix."""


def list_folder(root: Path, progress: Progress | None = None) -> Listing:
    """All pictures under `root`, in the order of their paths.

    Hidden files are passed over; links to folders are named, and not followed, so that no loop is; pipes, devices and
    sockets are named, and never opened. Raises DataError if `root` itself cannot be listed.
    """
    found, waiting, seen = Listing(), [""], 0
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(root / folder) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    name = f"{folder}{entry.name}"
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(f"{name}/")
                    else:
                        _sort_in(name, entry, found)
                    seen += 1
                    if progress and seen % REPORT_EVERY == 0:
                        progress(len(found.pictures), 0)
        except OSError as error:
            if not folder:
                reason = error.strerror or str(error)
                raise DataError(f"the folder {clean(str(root))} cannot be listed: {reason}") from error
            found.rejected.append(Rejected(folder, f"the folder cannot be listed: {error.strerror or error}"))
    found.pictures = dict(sorted(found.pictures.items()))
    found.rejected.sort(key=lambda rejected: rejected.path)
    return found


def _sort_in(name: str, entry: os.DirEntry[str], found: Listing) -> None:
    looks_like_one = is_picture(name)
    try:
        status = entry.stat()
    except OSError as error:
        if looks_like_one:
            words = {errno.ELOOP: "a link that leads to itself", errno.ENOENT: "a link to nothing"}
            reason = words.get(error.errno or 0, error.strerror or str(error)) if entry.is_symlink() else str(error)
            found.rejected.append(Rejected(name, reason))
        return
    mark = f"{status.st_size} {status.st_mtime_ns}"
    if stat.S_ISDIR(status.st_mode):
        found.rejected.append(Rejected(name, "a link to a folder, which is not followed"))
    elif not stat.S_ISREG(status.st_mode):
        found.rejected.append(Rejected(name, f"{_special(status.st_mode)}, which is not opened"))
    elif looks_like_one:
        found.pictures[name] = mark
    elif entry.name in NAMES:
        found.tables[name] = mark
    else:
        found.passed_over[suffix_of(entry.name)] += 1


def _special(mode: int) -> str:
    if stat.S_ISFIFO(mode):
        return "a named pipe"
    return "a socket" if stat.S_ISSOCK(mode) else "a device"


@dataclass(slots=True)
class Folder:
    """The pictures under `root`. Listed once, when first asked for what that takes, and never changed.

    Where there is no table of labels and every picture lies in some sub-folder, the first level of sub-folders are the
    classes; `train` and `test` (or `val`) are the split.
    """

    root: Path
    label: str = ""
    _listing: Listing | None = None

    @classmethod
    def of(cls, dataset: Dataset, path: Path) -> Folder:
        return cls(path, dataset.label)

    @property
    def name(self) -> str:
        return clean(self.root.name or str(self.root), 80)

    @property
    def origin(self) -> str:
        return f"images of your own, from {clean(str(self.root))}"

    def listing(self, progress: Progress | None = None) -> Listing:
        """Raises DataError where there is not one picture."""
        if self._listing is None:
            listing = list_folder(self.root, progress)
            if not listing.pictures:
                first = f"; the first of {len(listing.rejected)} left out: " if listing.rejected else ""
                first += "".join(f"{clean(item.path)}: {item.reason}" for item in listing.rejected[:1])
                looked = f"looked for {', '.join(sorted(SUFFIXES))} in it and its sub-folders"
                raise DataError(f"no images under {clean(str(self.root))}: {looked}{first}")
            self._listing = listing
        return self._listing

    def manifest(self, progress: Progress | None = None) -> str:
        listing = self.listing(progress)
        files = (f"{name}\0{mark}" for name, mark in (*listing.pictures.items(), *listing.tables.items()))
        return "\n".join([f"folder {self.root}", self.label, *files])

    def open(self, progress: Progress | None = None) -> OpenedNames:
        listing = self.listing(progress)
        names = list(listing.pictures)

        def read(index: int) -> Raw:
            return Raw(names[index], self.root / names[index])

        return open_names(names, read, self._metadata(listing), self.label, self.name, listing.rejected)

    def _metadata(self, listing: Listing) -> Metadata:
        try:
            return read_metadata({name: (self.root / name).read_bytes() for name in listing.tables})
        except OSError as error:
            name = clean(str(error.filename))
            raise DataError(f"{name} cannot be read: {error.strerror}; mend it, or move it away") from error
