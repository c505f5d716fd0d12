"""What is in a folder, one level of it, however many files there are.

Meant for a thread: `progress` hears now and then how many entries were seen, of 0, and may raise to end the reading.
"""

from __future__ import annotations

import heapq
import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tui_lab.data import Progress
from tui_lab.data.kinds import Kind
from tui_lab.data.layout import SUFFIXES, is_picture
from tui_lab.data.survey import survey
from tui_lab.errors import DataError
from tui_lab.sanitize import clean

FILES_SHOWN = 500
"""Files of one folder that a tree shows; the rest is counted."""
SAID_EVERY = 1000
"""Entries between two words on how many were seen."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One level of a folder, by name; `more` files are there beyond those listed, `hidden` entries were left out."""

    folders: tuple[str, ...]
    files: tuple[str, ...]
    more: int = 0
    hidden: int = 0
    problem: str = ""


def list_folder(folder: Path, hidden: bool, progress: Progress) -> Listing:
    """With `hidden`, names that begin with a dot are listed too."""
    folders: list[str] = []
    files: list[str] = []
    left_out = 0
    try:
        for entry in _entries(folder, progress):
            if entry.name.startswith(".") and not hidden:
                left_out += 1
                continue
            (folders if _is_folder(entry) else files).append(entry.name)
    except OSError as error:
        return Listing((), (), problem=clean(error.strerror or str(error)))
    shown = heapq.nsmallest(FILES_SHOWN, files, key=_by_name)
    return Listing(tuple(sorted(folders, key=_by_name)), tuple(shown), len(files) - len(shown), left_out)


def describe_folder(folder: Path, progress: Progress) -> str:
    """In words, what training on this folder would mean: "214 images (png 200, jpg 14)", "3 folders of images: …".

    Looks one level down, for folders that are classes."""
    own, folders, others, problem = _tally(folder, progress)
    if problem:
        return problem
    try:
        kind = survey(folder)
    except DataError as error:
        return error.message
    parts = [] if kind == Kind.FOLDER else [kind]
    if own:
        parts.append(f"{sum(own.values()):,} images ({_most(own)})")
    classes = []
    seen = 0
    for name in sorted(folders, key=_by_name):
        progress(seen, 0)
        inside, _, _, _ = _tally(folder / name, progress)
        seen += sum(inside.values())
        if inside:
            classes.append(name)
    if classes:
        names = ", ".join(clean(name, 20) for name in classes[:4]) + (", …" if len(classes) > 4 else "")
        what = "1 folder" if len(classes) == 1 else f"{len(classes):,} folders"
        parts.append(f"{seen:,} images in {what} ({names})")
    if parts:
        return "; ".join(parts)
    below = ", nor one level down" if folders else ""
    files = f"; files: {_most(others)}" if others else ""
    return f"no image in it{below}{files}"


def describe_file(path: Path) -> str:
    """ "a zip of 812 images, 12.4 MB", or why it cannot be read."""
    try:
        about = path.stat()
    except OSError as error:
        return f"cannot be read: {clean(error.strerror or str(error))}"
    if not stat.S_ISREG(about.st_mode):
        return "neither a file nor a folder"
    try:
        kind = survey(path)
    except DataError:
        kind = (
            "one image: take the folder that it is in" if is_picture(path.name) else "holds no images that can be read"
        )
    return f"{kind}, {size_words(about.st_size)}"


def size_words(count: int) -> str:
    """12400 → "12.4 kB"."""
    for limit, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= limit:
            return f"{count / limit:.1f} {unit}"
    return f"{count} bytes"


def _tally(folder: Path, progress: Progress) -> tuple[Counter[str], list[str], Counter[str], str]:
    """(images by their extension, folders inside, other files by theirs, what went wrong)."""
    images: Counter[str] = Counter()
    others: Counter[str] = Counter()
    folders: list[str] = []
    problem = ""
    try:
        for entry in _entries(folder, progress):
            if entry.name.startswith("."):
                continue
            _, dot, extension = entry.name.lower().rpartition(".")
            if dot + extension in SUFFIXES:
                images[extension] += 1
            elif _is_folder(entry):
                folders.append(entry.name)
            elif dot:
                others[clean(extension, 12)] += 1
    except OSError as error:
        problem = f"cannot be read: {clean(error.strerror or str(error))}"
    return images, folders, others, problem


def _entries(folder: Path, progress: Progress) -> Iterator[os.DirEntry[str]]:
    """Everything in the folder, in no order. Raises OSError."""
    with os.scandir(folder) as entries:
        for seen, entry in enumerate(entries, start=1):
            if seen % SAID_EVERY == 0:
                progress(seen, 0)
            yield entry


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links
        return False


def _most(counts: Counter[str]) -> str:
    return ", ".join(f"{extension} {number:,}" for extension, number in counts.most_common(3))


def _by_name(name: str) -> tuple[str, str]:
    return name.casefold(), name
