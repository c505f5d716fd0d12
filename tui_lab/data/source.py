"""A source of pictures that are worth caching: what the cache has to know of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tui_lab.data.images import Rejected


class Picture(NamedTuple):
    """One checked picture: uint8 with shape (H, W, C), its class, and whether the source itself holds it out."""

    pixels: NDArray[np.uint8]
    label: int | None = None
    held_out: bool = False


class Opened(Protocol):
    """A source that has been opened for decoding: everything in it is read once, in order."""

    @property
    def count(self) -> int:
        """How many pictures there are at most; rejected ones count."""
        ...

    @property
    def classes(self) -> tuple[str, ...]: ...

    def pictures(self) -> Iterator[Picture | Rejected]: ...


class Source(Protocol):
    """Where pictures come from, before anything is decoded."""

    @property
    def name(self) -> str: ...

    @property
    def origin(self) -> str:
        """In words, for the person."""
        ...

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C) of every picture that it gives."""
        ...

    def manifest(self) -> str:
        """All that the decoded pictures depend on: the cache's key is made of it. Cheap: no decoding, no network."""
        ...

    def open(self) -> Opened:
        """Gets ready to decode, importing and fetching what that takes. Raises DataError."""
        ...
