"""A folder of one's own pictures, with their sub-folders as classes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tui_lab.data.decode import UNREADABLE, decode, why
from tui_lab.data.images import Rejected
from tui_lab.data.source import Picture
from tui_lab.errors import DataError
from tui_lab.sanitize import clean

if TYPE_CHECKING:
    from tui_lab.recipe import Dataset

SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".avif", ".jp2", ".tga"}
)


@dataclass(frozen=True, slots=True)
class Folder:
    """All pictures under `root`, in the order of their paths; hidden files and links to folders are passed over.

    Where every picture lies in some sub-folder of `root`, the first level of sub-folders are the classes.
    """

    root: Path
    files: tuple[str, ...]
    resolution: int
    channels: int
    center_crop: bool

    @classmethod
    def of(cls, dataset: Dataset) -> Folder:
        root = Path(dataset.path).expanduser().absolute()
        shown = clean(str(root))
        if not root.is_dir():
            problem = "is a file, not a folder" if root.exists() else "does not exist"
            raise DataError(f"the folder of images {shown} {problem}; set dataset.path to a folder that holds images")
        files = tuple(_pictures_under(root))
        if not files:
            raise DataError(
                f"no images under {shown}: looked for {', '.join(sorted(SUFFIXES))} in it and its sub-folders"
            )
        return cls(root, files, dataset.resolution, dataset.channels, dataset.fit != "squeeze")

    @property
    def name(self) -> str:
        return clean(self.root.name or str(self.root), 80)

    @property
    def origin(self) -> str:
        return f"images of your own, from {clean(str(self.root))}"

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.resolution, self.resolution, self.channels)

    @property
    def count(self) -> int:
        return len(self.files)

    @property
    def classes(self) -> tuple[str, ...]:
        if all(len(Path(file).parts) > 1 for file in self.files):
            return tuple(sorted({_top(file) for file in self.files}))
        return ()

    def manifest(self) -> str:
        lines = (f"{file}\0{_stamp(self.root / file)}" for file in self.files)
        return "\n".join([f"folder {self.root} {self.center_crop}", *lines])

    def open(self) -> Folder:
        return self

    def pictures(self) -> Iterator[Picture | Rejected]:
        number = {name: index for index, name in enumerate(self.classes)}
        for file in self.files:
            try:
                pixels = decode(self.root / file, self.resolution, self.channels, self.center_crop)
            except UNREADABLE as error:
                yield Rejected(file, why(error))
            else:
                yield Picture(pixels, number.get(_top(file)))


def _stamp(path: Path) -> str:
    """What changes when the file does; a file that has gone meanwhile is rejected when its turn comes."""
    try:
        stat = path.stat()
    except OSError:
        return "gone"
    return f"{stat.st_size} {stat.st_mtime_ns}"


def _top(file: str) -> str:
    return Path(file).parts[0]


def _pictures_under(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(folder, name)
            if not name.startswith(".") and path.suffix.lower() in SUFFIXES and path.is_file():
                yield str(path.relative_to(root))
