"""Arrays in `.npy` and `.npz` files: which are pictures, and which are their labels."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from tui_lab.data.arrays import MAX_UNPACKED, OpenedArray, Range, as_pictures
from tui_lab.data.images import Progress
from tui_lab.data.labels import Labels, number_labels
from tui_lab.data.stamps import stamp
from tui_lab.errors import DataError
from tui_lab.sanitize import clean

if TYPE_CHECKING:
    from tui_lab.recipe import Dataset

_BROKEN = (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError)


def shapes_in(path: Path) -> dict[str, tuple[int, ...]]:
    """The arrays in a file and their shapes, from their headers alone. Raises DataError."""
    if path.suffix.lower() == ".npz":
        with _Npz(path) as arrays:
            return arrays.shapes
    return {path.stem: _load_npy(path).shape}


@dataclass(frozen=True, slots=True)
class ArrayFile:
    """A `.npy` file, memory-mapped, or a `.npz` file, with arrays of pictures and maybe of labels.

    In a `.npz` the pictures are the first array that has their shape, or the one that `dataset.image_column` names;
    labels are found beside them by their usual names (`y_train` beside `x_train`), or named by `dataset.label`. A
    second array of pictures whose name says test or validation is held out. Pickled objects are never loaded.
    """

    path: Path
    image: str
    label: str

    @classmethod
    def of(cls, dataset: Dataset, path: Path) -> ArrayFile:
        return cls(path, dataset.image_column, dataset.label)

    @property
    def name(self) -> str:
        return clean(self.path.name, 80)

    @property
    def origin(self) -> str:
        return f"arrays of your own, from {clean(str(self.path))}"

    def manifest(self, progress: Progress | None = None) -> str:
        beside = _labels_beside(self.path) if self.path.suffix.lower() == ".npy" else None
        files = [stamp(self.path), *([stamp(beside)] if beside else [])]
        return "\n".join(["arrays", self.image, self.label, *files])

    def open(self, progress: Progress | None = None) -> OpenedArray:
        if self.path.suffix.lower() == ".npz":
            with _Npz(self.path) as arrays:
                pictures, labels, held_out = self._from_npz(arrays)
        else:
            pictures, labels = as_pictures(_load_npy(self.path), self.name), self._labels_of_npy()
            held_out = None
        if labels.classes and len(labels.numbers) != len(pictures):
            raise DataError(f"{self.name} holds {len(pictures)} pictures and {len(labels.numbers)} labels")
        return OpenedArray(pictures, Range.of(pictures, progress), labels, held_out)

    def _labels_of_npy(self) -> Labels:
        beside = _labels_beside(self.path)
        if self.label and (beside is None or self.label not in (beside.stem, beside.name)):
            there = f"the only labels beside it are {clean(beside.stem)!r}" if beside else "no labels are beside it"
            raise DataError(f"{self.name} has no label {clean(self.label, 80)!r}: {there}; set dataset.label to them")
        return number_labels(_flat(_load_npy(beside))) if beside else Labels()

    def _from_npz(self, arrays: _Npz) -> tuple[NDArray[Any], Labels, NDArray[np.bool_] | None]:
        main = self._image_of(arrays)
        apart = [name for name in arrays.pictures if _is_held_out(name) and _train_name(name) == _train_name(main)]
        names = [main, *(name for name in apart if name != main)]
        parts = [as_pictures(arrays.load(name), f"{name} in {self.name}") for name in names]
        if len({part.shape[1:] for part in parts}) > 1:
            names, parts = names[:1], parts[:1]  # another set with a similar name
        columns = [self._label_of(arrays, name) for name in names]
        labels = Labels()
        if columns[0] and (names[1:] == [] or all(columns)):
            values = [_flat(arrays.load(column)) for column in columns]
            for name, part, value in zip(names, parts, values, strict=True):
                if len(part) != len(value):
                    raise DataError(f"{self.name} holds {len(part)} pictures in {name} and {len(value)} labels")
            labels = number_labels(np.concatenate(values))
        if len(parts) == 1:
            return parts[0], labels, None
        held_out = np.repeat([False, *[True] * (len(parts) - 1)], [len(part) for part in parts])
        return np.concatenate(parts), labels, held_out

    def _image_of(self, arrays: _Npz) -> str:
        if self.image:
            if self.image not in arrays.shapes:
                asked = clean(self.image, 80)
                raise DataError(f"{self.name} has no array {asked!r}; set dataset.image_column (it has {arrays})")
            return self.image
        if arrays.pictures:
            return next((name for name in arrays.pictures if not _is_held_out(name)), arrays.pictures[0])
        if arrays.pickled:
            raise DataError(
                f"{self.name} holds pickled objects ({clean(', '.join(arrays.pickled), 80)}), which could run code and "
                "are never loaded; save the pictures as an array of numbers"
            )
        raise DataError(f"{self.name} has no array of pictures, N×H×W or N×H×W×C (it has {arrays})")

    def _label_of(self, arrays: _Npz, image: str) -> str:
        """The array of labels that belongs to an array of pictures, or ""."""
        if self.label:
            wanted = [self.label if not _is_held_out(image) else _renamed(self.label, _part(image))]
            if wanted[0] not in arrays.shapes and not _is_held_out(image):
                asked = clean(self.label, 80)
                raise DataError(f"{self.name} has no label {asked!r}; set dataset.label (its arrays: {arrays})")
        else:
            wanted = [
                re.sub(pattern, word, image, count=1)
                for pattern, words in _LABELS_FOR.items()
                for word in words
                if re.search(pattern, image)
            ] + (["labels", "label", "y", "targets", "target"] if not _is_held_out(image) else [])
        return next((name for name in wanted if name in arrays.shapes and name != image), "")


_LABELS_FOR: Mapping[str, tuple[str, ...]] = {
    r"images": ("labels",),
    r"image": ("label",),
    r"imgs": ("labels", "lbls"),
    r"data": ("labels", "targets", "target"),
    r"\b[xX](?![a-zA-Z])|(?<![a-zA-Z])[xX](?![a-zA-Z])": ("y",),
    r"arr_0": ("arr_1",),
}
"""How the array (or file) of labels is called beside one of pictures."""


def _labels_beside(path: Path) -> Path | None:
    for pattern, words in _LABELS_FOR.items():
        for word in words:
            beside = path.with_name(re.sub(pattern, word, path.stem, count=1) + path.suffix)
            if beside != path and beside.is_file():
                return beside
    return None


def _is_held_out(name: str) -> bool:
    return bool(re.search(r"test|val", name, re.IGNORECASE))


def _part(name: str) -> str:
    found = re.search(r"test|valid(?:ation)?|val", name, re.IGNORECASE)
    return found.group() if found else ""


def _train_name(name: str) -> str:
    return re.sub(r"test|valid(?:ation)?|val", "train", name, count=1, flags=re.IGNORECASE)


def _renamed(name: str, part: str) -> str:
    return re.sub("train", part, name, count=1, flags=re.IGNORECASE)


def _flat(labels: NDArray[Any]) -> NDArray[Any]:
    return labels.reshape(len(labels), -1)[:, 0] if labels.ndim > 1 and labels.size == len(labels) else labels


def _load_npy(path: Path) -> NDArray[Any]:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (*_BROKEN, TypeError, SyntaxError) as error:
        raise DataError(f"{clean(str(path))} cannot be read as .npy: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    if re.search("pickle|Object arrays|Python objects", str(error)):
        return "it holds pickled objects, which could run code and are never loaded; save an array of numbers"
    return clean(str(error).partition("\n")[0] or type(error).__name__, 160)


class _Npz:
    """The arrays of an open `.npz` file: their shapes are known from their headers, and none is loaded unasked."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.pickled: list[str] = []
        try:
            self._zip = zipfile.ZipFile(path)
            for info in self._zip.infolist():
                if info.filename.endswith(".npy"):
                    self._look(info)
        except _BROKEN as error:
            raise DataError(f"{clean(str(path))} cannot be read as .npz: {_reason(error)}") from error

    def __enter__(self) -> _Npz:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def __str__(self) -> str:
        shapes = (f"{name} {'×'.join(map(str, shape)) or 'a number'}" for name, shape in self.shapes.items())
        return clean(", ".join(shapes), 200) or "none"

    @property
    def pictures(self) -> list[str]:
        """The arrays whose shape could be pictures."""
        return [name for name, shape in self.shapes.items() if len(shape) in (3, 4) and name not in self.pickled]

    def _look(self, info: zipfile.ZipInfo) -> None:
        name = info.filename.removesuffix(".npy")
        with self._zip.open(info) as file:
            version = npy.read_magic(file)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, _, dtype = read(file)
            header = file.tell()
        self.shapes[name] = shape
        if dtype.hasobject:
            self.pickled.append(name)
        elif header + int(np.prod(shape, dtype=object)) * dtype.itemsize != info.file_size:
            raise ValueError(f"the header of {name} says {shape}, but {info.file_size} bytes are there")

    def load(self, name: str) -> NDArray[Any]:
        info = self._zip.getinfo(f"{name}.npy")
        if info.file_size > MAX_UNPACKED:
            raise DataError(f"{name} in {clean(self._path.name)} unpacks to over 8 GB; save it alone, as .npy")
        try:
            with self._zip.open(info) as file:
                return npy.read_array(file, allow_pickle=False)
        except _BROKEN as error:
            raise DataError(f"{clean(name)} in {clean(self._path.name)} cannot be read: {_reason(error)}") from error
