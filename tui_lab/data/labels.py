"""Labels as they are found (words, numbers, truth values, or nothing) as numbers of classes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tui_lab.sanitize import clean

COLUMNS = ("label", "labels", "class", "class_name", "class_label", "category", "target", "y")
"""Names that a column of labels goes by, where the person has not said which it is."""


class Labels(NamedTuple):
    """`numbers` (N,), int64, index into `classes`, -1 without a label."""

    classes: tuple[str, ...] = ()
    numbers: NDArray[np.int64] = np.zeros(0, dtype=np.int64)

    def of(self, index: int) -> int | None:
        number = int(self.numbers[index]) if self.classes else -1
        return None if number < 0 else number


def number_labels(values: Iterable[object]) -> Labels:
    """Classes in rising order, by number where all of them are numbers. None, NaN and empty words are no label."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "biu":
        found, inverse = np.unique(values, return_inverse=True)
        return Labels(tuple(word_of(value) for value in found.tolist()), inverse.astype(np.int64).ravel())
    words = [word_of(value) for value in values]
    ordered = _ordered(set(words) - {""})
    number = {word: index for index, word in enumerate(ordered)}
    numbers = np.array([number.get(word, -1) for word in words], dtype=np.int64)
    return Labels(tuple(clean(word, 80) for word in ordered), numbers)


def usual_column(columns: Sequence[str]) -> str:
    """The column that is called as columns of labels are, or ""."""
    lower = {column.lower(): column for column in reversed(columns)}
    return next((lower[name] for name in COLUMNS if name in lower), "")


def word_of(value: object) -> str:
    """The label as it is told apart, "" for none: True is true, 3.0 is 3."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    if isinstance(value, bytes):
        return value.decode(errors="replace").strip()
    return str(value).strip()


def _ordered(words: set[str]) -> list[str]:
    try:
        return sorted(sorted(words), key=float)  # "1" and "01" too come in the same order in every process
    except ValueError:
        return sorted(words)
