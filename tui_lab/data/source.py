"""Where pictures come from: a source lists them and hands out their bytes; decoding and shaping come after."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, Protocol

from numpy.typing import NDArray

from tui_lab.data.images import Progress, Rejected
from tui_lab.data.labels import Labels


class Raw(NamedTuple):
    """One picture as its source has it: a file, an encoded file's bytes, or numbers of shape (H, W) or (H, W, C)."""

    name: str
    content: Path | bytes | NDArray[Any]
    label: int | None = None
    held_out: bool = False


class Opened(Protocol):
    """A source whose entries are known by their index, from 0 to `count` - 1."""

    @property
    def count(self) -> int:
        """How many pictures there are at most; rejected ones count."""
        ...

    @property
    def labels(self) -> Labels:
        """Of its entries, with what their numbers mean, safe to show."""
        ...

    def raw(self, index: int) -> Raw | Rejected:
        """Cheap, without decoding; from any thread, in any order (in rising order it is the fastest)."""
        ...

    def array(self) -> NDArray[Any] | None:
        """All pictures as one array, uint8 with shape (N, H, W) or (N, H, W, C), where the source has one."""
        ...


class Source(Protocol):
    """A dataset before anything of it is decoded.

    `progress` is called as `progress(found, 0)` while files are listed and their number is not yet known; what it
    raises stops the listing.
    """

    @property
    def name(self) -> str: ...

    @property
    def origin(self) -> str:
        """In words, for the person."""
        ...

    def manifest(self, progress: Progress | None = None) -> str:
        """All that pictures and labels depend on (names, sizes, times; columns asked for): the cache's key is made of
        it. Cheap: no decoding, no network."""
        ...

    def open(self, progress: Progress | None = None) -> Opened:
        """Gets ready to read, importing and fetching what that takes. Raises DataError."""
        ...
