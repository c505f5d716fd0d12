"""What the cache recorded of a set's pictures while they were decoded, row by row and as a whole.

For what is not cached, or was let go of meanwhile, nothing is known: only words and numbers are lost, no picture.
"""

from __future__ import annotations

import contextlib
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tui_lab.data.images import Images, Rejected


def names_of(images: Images) -> list[str]:
    """What the source calls each row: a path, or its place in a table or an array. From outside: not safe to show."""
    names = _recorded(images, "names")
    if names is None or len(names) != len(images.pixels):
        return [f"{images.name} {row}" for row in range(len(images.pixels))]
    return [str(name) for name in names]


def rejected_of(images: Images) -> tuple[Rejected, ...]:
    """`images.rejected` by the names that the source has for them, as a script needs them. Not safe to show."""
    about = _recorded(images, "about")
    return images.rejected if about is None else tuple(Rejected(path, reason) for path, reason in about["rejected"])


def modes_of(images: Images) -> dict[str, int]:
    """How many pictures came in each mode; {} where nothing is known."""
    about = _recorded(images, "about")
    return {} if about is None else dict(about["modes"])


def sizes_of(images: Images) -> NDArray[np.int32]:
    """Width and height of each row before shaping, (N, 2); (0, 2) where nothing is known."""
    if images.folder is not None:
        with contextlib.suppress(OSError, ValueError):
            return np.load(images.folder / "sizes.npy", allow_pickle=False)
    return np.zeros((0, 2), dtype=np.int32)


def _recorded(images: Images, name: str) -> Any:
    """The JSON of that name, or None."""
    if images.folder is not None:
        with contextlib.suppress(OSError, ValueError):
            return json.loads((images.folder / f"{name}.json").read_text())
    return None
