"""scikit-learn's digits: 1,797 handwritten digits of 8×8, inside that package, so no download."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tui_lab.data.decode import fit, with_channels
from tui_lab.data.source import Picture
from tui_lab.errors import DataError

if TYPE_CHECKING:
    from tui_lab.recipe import Dataset


@dataclass(frozen=True, slots=True)
class Digits:
    """The digits before scikit-learn is asked for them."""

    resolution: int
    channels: int
    name: str = "digits"
    origin: str = "1,797 handwritten digits of 8×8 (UCI Optical Recognition of Handwritten Digits), from scikit-learn"

    @classmethod
    def of(cls, dataset: Dataset) -> Digits:
        if dataset.label not in ("", "digit"):
            raise DataError(f"digits has no label {dataset.label!r}; its only one is digit")
        return cls(dataset.resolution, dataset.channels)

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.resolution, self.resolution, self.channels)

    def manifest(self) -> str:
        return "scikit-learn load_digits"

    def open(self) -> OpenedDigits:
        try:
            from sklearn.datasets import load_digits
        except ImportError as error:
            raise DataError(
                "digits come with scikit-learn, which is missing: pip install 'diffusion-lab[digits]'"
            ) from error
        grey, digit = load_digits(return_X_y=True)
        ink = np.rint(np.asarray(grey).reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
        return OpenedDigits(ink, np.asarray(digit, dtype=np.int64), self.resolution, self.channels)


@dataclass(frozen=True, slots=True, eq=False)
class OpenedDigits:
    """The digits as grey pictures with shape (N, 8, 8), white ink on black."""

    ink: NDArray[np.uint8]
    digit: NDArray[np.int64]
    resolution: int
    channels: int
    classes: tuple[str, ...] = tuple("0123456789")

    @property
    def count(self) -> int:
        return len(self.ink)

    def pictures(self) -> Iterator[Picture]:
        for ink, digit in zip(self.ink, self.digit, strict=True):
            yield Picture(fit(with_channels(ink, self.channels), self.resolution), int(digit))
