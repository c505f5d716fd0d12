"""Fashion-MNIST from the IDX files of Debian's package `dataset-fashion-mnist`, or from the lab's own folder."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tui_lab.data.decode import fit, with_channels
from tui_lab.data.source import Picture
from tui_lab.errors import DataError
from tui_lab.runs.home import lab_home

if TYPE_CHECKING:
    from tui_lab.recipe import Dataset

DEBIAN_FOLDERS = (Path("/usr/share/datasets/fashion-mnist"), Path("/usr/share/dataset-fashion-mnist"))
PREFIXES = ("train", "t10k")
CLASSES = ("T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")


def own_folder() -> Path:
    """Where a person without the Debian package may put the four files."""
    return lab_home() / "datasets" / "fashion-mnist"


def find_folder() -> Path | None:
    """The first folder that holds all four files, gzipped or not."""
    return next((folder for folder in (own_folder(), *DEBIAN_FOLDERS) if len(_files(folder)) == 4), None)


def _files(folder: Path) -> tuple[Path, ...]:
    """Images and labels of the 60,000, then of the 10,000, as far as they are there."""
    names = [f"{prefix}-{part}-ubyte" for prefix in PREFIXES for part in ("images-idx3", "labels-idx1")]
    candidates = ((folder / f"{name}.gz", folder / name) for name in names)
    return tuple(path for pair in candidates for path in [next(filter(Path.is_file, pair), None)] if path is not None)


@dataclass(frozen=True, slots=True)
class FashionMnist:
    """The files, found but not read."""

    files: tuple[Path, ...]
    resolution: int
    channels: int
    name: str = "fashion-mnist"

    @classmethod
    def of(cls, dataset: Dataset) -> FashionMnist:
        if dataset.label not in ("", "article"):
            raise DataError(f"fashion-mnist has no label {dataset.label!r}; its only one is article")
        folder = find_folder()
        if folder is None:
            raise DataError(
                "fashion-mnist is not on this machine: apt-get install dataset-fashion-mnist, "
                f"or put its four *-ubyte.gz files into {own_folder()}"
            )
        return cls(_files(folder), dataset.resolution, dataset.channels)

    @property
    def origin(self) -> str:
        return f"70,000 articles of Zalando's at 28×28 (MIT licence), from {self.files[0].parent}"

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.resolution, self.resolution, self.channels)

    def manifest(self) -> str:
        return "\n".join(f"{path}\0{path.stat().st_size}\0{path.stat().st_mtime_ns}" for path in self.files)

    def open(self) -> OpenedFashionMnist:
        train_images, train_labels, test_images, test_labels = self.files
        parts = []
        for images, labels, held_out in ((train_images, train_labels, False), (test_images, test_labels, True)):
            pixels, articles = read_idx(images, 3), read_idx(labels, 1)
            if len(pixels) != len(articles):
                raise DataError(f"{images} holds {len(pixels)} pictures and {labels.name} {len(articles)} labels")
            parts.append((pixels, articles, held_out))
        return OpenedFashionMnist(tuple(parts), self.resolution, self.channels)


@dataclass(frozen=True, slots=True, eq=False)
class OpenedFashionMnist:
    """Grey pictures with shape (N, 28, 28), their articles, and whether they are the set's own test part."""

    parts: tuple[tuple[NDArray[np.uint8], NDArray[np.uint8], bool], ...]
    resolution: int
    channels: int
    classes: tuple[str, ...] = CLASSES

    @property
    def count(self) -> int:
        return sum(len(pixels) for pixels, _, _ in self.parts)

    def pictures(self) -> Iterator[Picture]:
        for pixels, articles, held_out in self.parts:
            for grey, article in zip(pixels, articles, strict=True):
                yield Picture(fit(with_channels(grey, self.channels), self.resolution), int(article), held_out)


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """An IDX file of unsigned bytes: 0, 0, 8, the number of dimensions, each as a big-endian uint32, the data."""
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read ({error}); install it again") from error
    start = 4 + 4 * dimensions
    if content[:4] != bytes([0, 0, 8, dimensions]) or len(content) < start:
        raise DataError(f"{path} is no IDX file of bytes with {dimensions} dimensions; install it again")
    shape = tuple(np.frombuffer(content[4:start], dtype=">u4").astype(int).tolist())
    if len(content) - start != math.prod(shape):
        raise DataError(f"{path} is cut short; install it again")
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)
