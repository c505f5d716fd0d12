"""scikit-learn's digits: 1,797 handwritten digits of 8×8, inside that package, so no download."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tui_lab.data.arrays import OpenedArray, Range
from tui_lab.data.images import Progress
from tui_lab.data.labels import Labels
from tui_lab.errors import DataError

if TYPE_CHECKING:
    from tui_lab.recipe import Dataset

LABEL = "digit"


@dataclass(frozen=True, slots=True)
class Digits:
    """The digits before scikit-learn is asked for them."""

    name: str = "digits"
    origin: str = "1,797 handwritten digits of 8×8 (UCI Optical Recognition of Handwritten Digits), from scikit-learn"

    @classmethod
    def of(cls, dataset: Dataset) -> Digits:
        if dataset.label not in ("", LABEL):
            raise DataError(f"digits has no label {dataset.label!r}; its only one is {LABEL}")
        return cls()

    def manifest(self, progress: Progress | None = None) -> str:
        return "scikit-learn load_digits"

    def open(self, progress: Progress | None = None) -> OpenedArray:
        """White ink on black, with shape (N, 8, 8)."""
        try:
            from sklearn.datasets import load_digits
        except ImportError as error:
            raise DataError(
                "digits come with scikit-learn, which is missing: pip install 'diffusion-lab[digits]'"
            ) from error
        grey, digit = load_digits(return_X_y=True)
        ink = np.rint(np.asarray(grey).reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
        return OpenedArray(ink, Range(0, 255), Labels(tuple("0123456789"), np.asarray(digit, dtype=np.int64)))
