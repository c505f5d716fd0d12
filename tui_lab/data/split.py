"""Which rows of a dataset are trained on, and which are held out: split, class filter, limit, balance."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tui_lab.errors import DataError
from tui_lab.sanitize import clean

if TYPE_CHECKING:
    from tui_lab.recipe import Dataset

SPLIT_SEED = 0
"""Fixed: the split belongs to the dataset, not to a run, so that held-out losses of two runs can be compared."""
LIMIT_SEED = 1
BALANCE_SEED = 2
MAX_BALANCED = 50_000_000
"""Rows that balancing may make of a set: many classes beside a huge one would otherwise fill the memory."""


class Chosen(NamedTuple):
    """Rows of the whole set, int64; those to train on are in rising order unless they are balanced. With the labels
    (N,) of the whole set, and the classes that they index."""

    train_rows: NDArray[np.int64]
    held_out_rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]


def choose_rows(
    dataset: Dataset,
    name: str,
    labels: NDArray[np.int64],
    classes: tuple[str, ...],
    held_out: NDArray[np.bool_],
) -> Chosen:
    """Rows by the recipe's classes, limit, balance and val_fraction; `held_out` (N,) is the source's own split, all
    False where it has none.

    The set is split before it is filtered or limited: a picture that is held out of the whole set is trained on by no
    part of it. Raises DataError for classes that are not there.
    """
    count = len(labels)
    mask = held_out if held_out.any() else held_out_mask(count, dataset.val_fraction)
    kept = np.arange(count)
    if dataset.classes:
        labels, classes = only_classes(dataset.classes, name, labels, classes)
        kept = kept[labels >= 0]
        if not len(kept):
            raise DataError(f"{name} has no picture of {clean(', '.join(dataset.classes))}; change dataset.classes")
    if 0 < dataset.limit < len(kept):
        rank = np.random.default_rng(LIMIT_SEED).permutation(count)  # a smaller limit draws some of a larger one's
        kept = np.sort(kept[np.argsort(rank[kept], kind="stable")[: dataset.limit]])
    train, apart = kept[~mask[kept]], kept[mask[kept]]
    if not len(train):
        train, apart = apart, apart[:0]
    if dataset.balance:
        if not classes:
            raise DataError(f"{name} has no classes to balance; turn dataset.balance off, or set dataset.label")
        train = balanced(train, labels)
    return Chosen(train, apart, labels, classes)


def only_classes(
    asked: tuple[str, ...], name: str, labels: NDArray[np.int64], classes: tuple[str, ...]
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Labels and classes as if there were those asked for alone, in the set's order: a model of two classes learns the
    numbers 0 and 1. All other pictures have no label (-1). Raises DataError that names the nearest class."""
    numbers = sorted(set(_numbers(asked, name, classes)))
    renumbered = np.full(len(classes) + 1, -1, dtype=np.int64)  # the last is for -1
    renumbered[numbers] = np.arange(len(numbers))
    return renumbered[labels], tuple(classes[number] for number in numbers)


def held_out_mask(count: int, fraction: float) -> NDArray[np.bool_]:
    """True for round(count · fraction) of `count` pictures, drawn without order, and never for all of them."""
    mask = np.zeros(count, dtype=np.bool_)
    held_out = min(round(count * fraction), count - 1)
    mask[np.random.default_rng(SPLIT_SEED).permutation(count)[:held_out]] = True
    return mask


def balanced(rows: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """`rows` with those of rare classes repeated until every class has as many as the largest; rows without a label
    stay as they are. No row stands twice more often than another of its class."""
    here = labels[rows]
    order = np.argsort(here, kind="stable")
    rows, here = rows[order], here[order]
    _, starts, counts = np.unique(here, return_index=True, return_counts=True)
    of_classes = here[starts] >= 0
    goal = min(int(counts[of_classes].max(initial=0)), max(1, MAX_BALANCED // max(1, int(of_classes.sum()))))
    random = np.random.default_rng(BALANCE_SEED)
    parts = []
    for start, count, labelled in zip(starts, counts, of_classes, strict=True):
        part = rows[start : start + count]
        parts.append(np.resize(random.permutation(part), goal) if labelled else part)
    return np.concatenate(parts) if parts else rows


def _numbers(asked: tuple[str, ...], name: str, classes: tuple[str, ...]) -> list[int]:
    """The classes' indices. Raises DataError that names the nearest of those there are."""
    number = {title: index for index, title in enumerate(classes)}
    for title in asked:
        if title not in number:
            shown = f"{clean(name, 80)} has no class {clean(title, 80)!r}"
            if not classes:
                raise DataError(f"{shown}, nor any other; empty dataset.classes, or set dataset.label")
            from difflib import get_close_matches  # not for the first screen

            near = get_close_matches(title, classes, n=1, cutoff=0) or classes[:1]
            raise DataError(f"{shown}; the nearest of its {len(classes)} is {clean(near[0], 80)!r}")
    return [number[title] for title in asked]
