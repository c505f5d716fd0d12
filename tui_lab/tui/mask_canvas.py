"""A mask while it is painted: which pixels stay, and the way back and forth through what was done to it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Kept = NDArray[np.bool_]

REMEMBERED = 200
"""Strokes that can be taken back."""


class Pixel(NamedTuple):
    """A place in the picture."""

    row: int
    column: int


class Box(NamedTuple):
    """A rectangle of pixels, ends beyond it."""

    top: int
    left: int
    bottom: int
    right: int

    @classmethod
    def around(cls, at: Pixel, size: int) -> Box:
        """A square of `size` pixels with `at` in its middle, or just after it."""
        top, left = at.row - size // 2, at.column - size // 2
        return cls(top, left, top + size, left + size)

    @classmethod
    def between(cls, one: Pixel, other: Pixel) -> Box:
        """With both corners inside."""
        rows, columns = sorted((one.row, other.row)), sorted((one.column, other.column))
        return cls(rows[0], columns[0], rows[1] + 1, columns[1] + 1)


class MaskCanvas:
    """bool (H, W), True where a pixel stays. What is painted between `begin` and `end` is taken back at once."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept.copy()
        self._past: list[Kept] = []
        self._future: list[Kept] = []
        self._before: Kept | None = None

    @property
    def kept(self) -> Kept:
        """A view that cannot be written to."""
        view = self._kept.view()
        view.flags.writeable = False
        return view

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)."""
        return self._kept.shape[0], self._kept.shape[1]

    @property
    def can_undo(self) -> bool:
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        return bool(self._future)

    # One stroke

    def begin(self) -> None:
        self._before = self._kept.copy()

    def end(self) -> None:
        """A stroke that changed nothing is none."""
        before, self._before = self._before, None
        if before is not None and (before != self._kept).any():
            self._past = [*self._past, before][-REMEMBERED:]
            self._future = []

    def paint(self, box: Box, keep: bool) -> None:
        """All pixels of the box; what of it is beyond the picture is left out."""
        self._kept[max(0, box.top) : max(0, box.bottom), max(0, box.left) : max(0, box.right)] = keep

    def line(self, start: Pixel, end: Pixel, size: int, keep: bool) -> None:
        """A brush of `size` drawn from one pixel to the other, without gaps."""
        count = max(abs(end.row - start.row), abs(end.column - start.column)) + 1
        rows = np.linspace(start.row, end.row, count).round().astype(int).tolist()
        columns = np.linspace(start.column, end.column, count).round().astype(int).tolist()
        for row, column in zip(rows, columns, strict=True):
            self.paint(Box.around(Pixel(row, column), size), keep)

    def fill(self, at: Pixel, keep: bool) -> None:
        """All pixels like this one that touch it, edge to edge, and each other."""
        if self._kept[at] == keep:
            return
        area = np.zeros_like(self._kept)
        area[at] = True
        alike = self._kept == self._kept[at]
        while True:
            wider = area.copy()
            wider[1:] |= area[:-1]
            wider[:-1] |= area[1:]
            wider[:, 1:] |= area[:, :-1]
            wider[:, :-1] |= area[:, 1:]
            wider &= alike
            if (wider == area).all():
                break
            area = wider
        self._kept[area] = keep

    def paint_all(self, keep: bool) -> None:
        self._kept[:] = keep

    def invert(self) -> None:
        np.logical_not(self._kept, out=self._kept)

    # Back and forth

    def undo(self) -> None:
        if self._past:
            self._future.append(self._kept)
            self._kept = self._past.pop()

    def redo(self) -> None:
        if self._future:
            self._past.append(self._kept)
            self._kept = self._future.pop()


def redrawn(image: NDArray[np.uint8], kept: Kept) -> NDArray[np.uint8]:
    """The picture (H, W, C) with noise in the place of what does not stay, as far as a screen shows noise."""
    noise = np.random.default_rng(0).normal(size=image.shape)
    shown = np.rint((noise.clip(-1, 1) + 1) * 127.5).astype(np.uint8)
    return np.where(kept[..., None], image, shown)
