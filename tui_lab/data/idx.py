"""IDX files, MNIST's format, gzipped or not: one file of pictures with its labels, or a folder with MNIST's names."""

from __future__ import annotations

import gzip
import math
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tui_lab.data.arrays import MAX_UNPACKED, OpenedArray, Range, as_pictures
from tui_lab.data.images import Progress
from tui_lab.data.labels import Labels, number_labels
from tui_lab.data.stamps import stamp
from tui_lab.errors import DataError
from tui_lab.sanitize import clean

if TYPE_CHECKING:
    from tui_lab.recipe import Dataset

LABEL = "label"
IMAGES_NAME = re.compile(r"(images|idx3).*ubyte(\.gz)?$")
_HELD_OUT = re.compile(r"t10k|test|val")
_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: Path, way_out: str = "get it again") -> NDArray[Any]:
    """The array of an IDX file: 0, 0, a type, the number of dimensions, each as a big-endian uint32, then the data.

    A plain file is memory-mapped; a gzipped one is unpacked as far as its header says, and no further. Raises DataError
    where header and data differ.
    """
    shown = clean(str(path))
    try:
        return _read_gzipped(path) if path.suffix == ".gz" else _mapped(path)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{shown} cannot be read ({clean(str(error), 120)}); {way_out}") from error
    except ValueError as error:
        raise DataError(f"{shown} {error}; {way_out}") from error


class _Header(NamedTuple):
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int

    @classmethod
    def of(cls, head: bytes) -> _Header:
        """From the first bytes of a file. Raises ValueError for what is no IDX file."""
        dimensions = head[3] if len(head) > 3 else 0
        start = 4 + 4 * dimensions
        if head[:2] != b"\0\0" or len(head) < start or head[2] not in _TYPES or not 1 <= dimensions <= 4:
            raise ValueError("is no IDX file of one to four dimensions")
        shape = tuple(np.frombuffer(head[4:start], dtype=">u4").astype(int).tolist())
        return cls(np.dtype(_TYPES[head[2]]), shape, start)

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def check(self, there: int) -> None:
        if there != self.bytes:
            wrong = "is cut short" if there < self.bytes else "holds more than it says"
            shape = "×".join(map(str, self.shape))
            raise ValueError(f"{wrong}: its header says {shape}, which is {self.bytes} bytes, and {there} are there")


_LONGEST_HEADER = 4 + 4 * 4


def _mapped(path: Path) -> NDArray[Any]:
    with path.open("rb") as file:
        header = _Header.of(file.read(_LONGEST_HEADER))
    header.check(path.stat().st_size - header.start)
    if not header.bytes:
        return np.zeros(header.shape, header.dtype)
    return np.memmap(path, header.dtype, "r", header.start, header.shape)


def _read_gzipped(path: Path) -> NDArray[Any]:
    with gzip.open(path, "rb") as file:
        head = file.read(_LONGEST_HEADER)
        header = _Header.of(head)
        if header.bytes > MAX_UNPACKED:
            raise ValueError("says that it unpacks to over 8 GB; gunzip it, and it is read from the disk")
        content = head[header.start :] + file.read(max(0, header.bytes + header.start + 1 - len(head)))
    header.check(len(content))
    return np.frombuffer(content, header.dtype).reshape(header.shape)


def read_shape(path: Path) -> tuple[int, ...]:
    """What the header says, which reading may prove wrong. Raises DataError."""
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            return _Header.of(file.read(_LONGEST_HEADER)).shape
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise DataError(f"{clean(str(path))} cannot be read ({clean(str(error), 120)}); get it again") from error


class Part(NamedTuple):
    """A file of pictures and the file of their labels, where there is one."""

    images: Path
    labels: Path | None
    held_out: bool


def parts_of(path: Path) -> tuple[Part, ...]:
    """The file itself; or of a folder the one to train on, then those that are held out, such as t10k.

    Raises DataError for a folder that holds several sets.
    """
    if path.is_file():
        return (Part(path, _labels_beside(path), False),)
    images: dict[str, Path] = {}
    for file in sorted(path.iterdir(), reverse=True):
        if IMAGES_NAME.search(file.name) and "label" not in file.name and file.is_file():
            images[file.name.removesuffix(".gz")] = file
    held_out = sorted(name for name in images if _HELD_OUT.search(name))
    train = sorted(images.keys() - held_out) or held_out[:1]
    if len(train) > 1:
        shown = clean(", ".join(train), 200)
        raise DataError(f"{clean(str(path))} holds several sets: set dataset.path to one of its files: {shown}")
    names = [*train, *(name for name in held_out if name not in train)]
    return tuple(Part(images[name], _labels_beside(images[name]), name not in train) for name in names)


def _labels_beside(images: Path) -> Path | None:
    plain = images.name.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
    candidates = (images.with_name(f"{plain}.gz"), images.with_name(plain))
    return next((path for path in candidates if path != images and path.is_file()), None)


@dataclass(frozen=True, slots=True)
class IdxFiles:
    """IDX files, found but not read."""

    name: str
    origin: str
    parts: tuple[Part, ...]
    classes: tuple[str, ...] = ()
    way_out: str = "get it again"

    @classmethod
    def of(cls, dataset: Dataset, path: Path) -> IdxFiles:
        if dataset.label not in ("", LABEL):
            raise DataError(f"IDX files have no label {clean(dataset.label, 80)!r}; their only one is {LABEL}")
        return cls(clean(path.name, 80), f"IDX files of your own, from {clean(str(path))}", parts_of(path))

    def manifest(self, progress: Progress | None = None) -> str:
        files = (file for part in self.parts for file in (part.images, part.labels) if file is not None)
        return "\n".join(["idx", *self.classes, *map(stamp, files)])

    def open(self, progress: Progress | None = None) -> OpenedArray:
        pixels, labels, held_out = [], [], []
        for part in self.parts:
            pictures = as_pictures(read_idx(part.images, self.way_out), clean(str(part.images)))
            pixels.append(pictures)
            held_out.append(np.full(len(pictures), part.held_out))
            if part.labels is not None:
                numbers = read_idx(part.labels, self.way_out)
                if numbers.shape != (len(pictures),):
                    name = clean(part.labels.name)
                    raise DataError(
                        f"{clean(str(part.images))} holds {len(pictures)} pictures and {name} {numbers.size} labels; "
                        f"{self.way_out}"
                    )
                labels.append(numbers)
        if len({part.shape[1:] for part in pixels}) > 1:
            raise DataError(f"the files of {self.name} hold pictures of several sizes; set dataset.path to one of them")
        whole = len(labels) == len(pixels)
        pictures = pixels[0] if len(pixels) == 1 else np.concatenate(pixels)
        return OpenedArray(
            pictures,
            Range.of(pictures, progress),
            self._named(np.concatenate(labels)) if whole else Labels(),
            np.concatenate(held_out) if len(pixels) > 1 else None,
        )

    def _named(self, numbers: NDArray[Any]) -> Labels:
        if not self.classes:
            return number_labels(numbers.astype(numbers.dtype.newbyteorder("=")))
        if numbers.max(initial=0) >= len(self.classes):
            raise DataError(f"{self.name} has a label {numbers.max()}, but only {len(self.classes)} classes")
        return Labels(self.classes, numbers.astype(np.int64))
