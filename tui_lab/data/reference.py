"""The picture that a reference means, as the model of a recipe sees pictures: one of its dataset, or a file's."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tui_lab.data.decode import UNREADABLE, decoded, why
from tui_lab.data.images import Images
from tui_lab.data.load import load_images
from tui_lab.data.shaping import Shaping
from tui_lab.errors import DataError
from tui_lab.recipe import Dataset
from tui_lab.recipe.denoising import ImageRef
from tui_lab.sanitize import clean


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A file's picture (H, W, C) at the dataset's size and channels; `native` is (width, height) before that."""

    path: Path
    pixels: NDArray[np.uint8]
    native: tuple[int, int]
    sha256: str

    @property
    def was_fitted(self) -> bool:
        """Whether it had another size."""
        height, width, _ = self.pixels.shape
        return self.native != (width, height)

    @property
    def reference(self) -> ImageRef:
        return ImageRef(kind="file", path=os.fspath(self.path), sha256=self.sha256)


def read_fitted(path: Path, dataset: Dataset) -> Fitted:
    """The file's picture, fitted as the dataset fits its own, its middle where that is drawn. Raises DataError."""
    path, shaping = path.expanduser().absolute(), Shaping.of(dataset)
    fixed = replace(shaping, fit="center_crop") if shaping.fit == "random_crop" else shaping
    try:
        found = decoded(path, fixed)
    except UNREADABLE as error:
        raise DataError(f"{clean(os.fspath(path), 200)}: {why(error)}") from error
    return Fitted(path, found.pixels, (found.width, found.height), hashlib.sha256(found.pixels.tobytes()).hexdigest())


def file_reference(path: Path, dataset: Dataset) -> ImageRef:
    """A reference to the file's picture as it is now. Raises DataError where it is none."""
    return read_fitted(path, dataset).reference


def picture_of(reference: ImageRef, dataset: Dataset, images: Images | None = None) -> NDArray[np.uint8]:
    """uint8 (H, W, C). `images` are the dataset's, where they are at hand: they are loaded else.

    Raises DataError for an index beyond the dataset, a file that is none, or one whose picture changed since it was
    referred to.
    """
    if reference.kind == "data":
        images = images or load_images(dataset)
        if reference.index >= len(images.pixels):
            last = len(images.pixels) - 1
            raise DataError(f"there is no picture {reference.index} in {clean(images.name, 60)}: the last is {last}")
        return images.take(np.array([reference.index]))[0]
    found = read_fitted(Path(reference.path), dataset)
    if reference.sha256 and found.sha256 != reference.sha256:
        raise DataError(f"{clean(reference.path, 200)} is another picture than it was: choose it again")
    return found.pixels
