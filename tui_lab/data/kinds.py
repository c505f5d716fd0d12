"""What lies at a path: pictures in a folder, an archive, arrays, tables; told from names and a file's first bytes."""

from __future__ import annotations

import os
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from tui_lab.data import tables
from tui_lab.data.idx import IMAGES_NAME
from tui_lab.data.layout import is_picture
from tui_lab.errors import DataError
from tui_lab.sanitize import clean

if TYPE_CHECKING:
    from tui_lab.data.source import Source
    from tui_lab.recipe import Dataset

LOOKED_AT = 2000
"""Names of a folder that are looked at to tell what it is."""


class Kind(StrEnum):
    FOLDER = "a folder of images"
    SAVED = "a saved datasets folder"
    TABLE = "a table"
    IDX = "IDX files"
    ARRAY = "arrays"
    ZIP = "a zip of images"
    TAR = "a tar of images"


def kind_at(path: Path) -> Kind:
    """What `source_of` would take the path for. Raises DataError for what is not there, or is nothing that it knows."""
    shown = clean(str(path))
    try:
        if path.is_dir():
            return _kind_of_folder(path)
        if not path.is_file():
            problem = "is no file and no folder" if path.exists() else "does not exist"
            raise DataError(f"{shown} {problem}; set dataset.path to pictures of your own")
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise DataError(f"{shown} cannot be read: {error.strerror or error}; set dataset.path to another") from error
    kind = _kind_of_file(path, head)
    if kind is None:
        what = "is one image" if is_picture(path.name) else "is a file of no kind that holds images"
        raise DataError(
            f"{shown} {what}; set dataset.path to a folder of images, a zip or tar, .npz, .npy, IDX, parquet or arrow"
        )
    return kind


def _kind_of_folder(path: Path) -> Kind:
    with os.scandir(path) as entries:
        names = [entry.name for entry in islice(entries, LOOKED_AT)]
    if {"dataset_dict.json", "state.json"} & set(names):
        return Kind.SAVED
    if any(map(is_picture, names)):
        return Kind.FOLDER
    if any(IMAGES_NAME.search(name) for name in names):
        return Kind.IDX
    if "data" in names and (path / "data").is_dir():
        with os.scandir(path / "data") as entries:
            names += [entry.name for entry in islice(entries, LOOKED_AT)]
    if any(Path(name).suffix in tables.SUFFIXES for name in names):
        return Kind.TABLE
    return Kind.FOLDER


def _kind_of_file(path: Path, head: bytes) -> Kind | None:
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    last = suffixes[-1] if suffixes else ""
    if last in (".npz", ".npy"):
        return Kind.ARRAY
    if last in tables.SUFFIXES:
        return Kind.TABLE
    if last == ".zip":
        return Kind.ZIP
    if ".tar" in suffixes or last in (".tgz", ".txz", ".tbz2"):
        return Kind.TAR
    if IMAGES_NAME.search(path.name) or (head[:2] == b"\0\0" and head[2:3] in b"\x08\x09\x0b\x0c\x0d\x0e"):
        return Kind.IDX
    if head.startswith(b"PK\x03\x04"):
        return Kind.ZIP
    return Kind.TAR if head[257:262] == b"ustar" else None


def open_path(dataset: Dataset, path: Path) -> Source:
    """The source of what lies at the path, as `dataset` asks for it. Raises DataError."""
    match kind_at(path):
        case Kind.FOLDER:
            from tui_lab.data.folder import Folder

            return Folder.of(dataset, path)
        case Kind.TABLE:
            return tables.TableFiles.of(dataset, path)
        case Kind.IDX:
            from tui_lab.data.idx import IdxFiles

            return IdxFiles.of(dataset, path)
        case Kind.ARRAY:
            from tui_lab.data.array_files import ArrayFile

            return ArrayFile.of(dataset, path)
        case Kind.SAVED:
            from tui_lab.data.saved import SavedFolder

            return SavedFolder.of(dataset, path)
        case Kind.ZIP | Kind.TAR as kind:
            from tui_lab.data.archive import Archive

            return Archive.of(dataset, path, kind is Kind.TAR)
