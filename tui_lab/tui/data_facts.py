"""What is known of each picture of a set beside its pixels: name, class, split, and its size before shaping."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tui_lab.data import Images
from tui_lab.data.recorded import names_of, sizes_of
from tui_lab.tui.widgets.one_picture import Facts


class DataFacts:
    """Reads what the cache has beside the pixels when it is first asked."""

    def __init__(self, images: Images) -> None:
        self._images = images

    @cached_property
    def _names(self) -> list[str]:
        """None where the set is not made of files."""
        return names_of(self._images) if self._images.folder is not None else []

    @cached_property
    def _sizes(self) -> NDArray[np.int32]:
        return sizes_of(self._images)

    @cached_property
    def _sides(self) -> NDArray[np.int8]:
        """1 where a row is trained on, 2 where it is held out, 0 where neither."""
        sides = np.zeros(len(self._images.pixels), np.int8)
        sides[self._images.train_rows] = 1
        sides[self._images.held_out_rows] = 2
        return sides

    def of(self, row: int) -> Facts:
        label = int(self._images.labels[row])
        native = (int(self._sizes[row, 0]), int(self._sizes[row, 1])) if len(self._sizes) else None
        return Facts(
            row=row,
            name=self._names[row] if self._names else "",
            label=self._images.classes[label] if label >= 0 else "",
            split=("not used", "train", "held out")[self._sides[row]],
            native=native,
        )
