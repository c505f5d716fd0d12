"""Going through all pixels of a dataset a few at a time, and keeping beside it in the cache what that gave."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tui_lab.data.images import Images, Progress
from tui_lab.errors import LabError
from tui_lab.runs.files import replace_file

CHUNK_BYTES = 1 << 24


def chunks(images: Images, progress: Progress | None, every: int = 1) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """(first row, pictures with shape (K, H, W, C)), over every `every`th row; `progress` may raise to stop."""
    rows = np.arange(0, len(images.pixels), every)
    step = max(1, CHUNK_BYTES // int(np.prod(images.shape)))
    for start in range(0, len(rows), step):
        if progress:
            progress(start, len(rows))
        yield int(rows[start]), images.take(rows[start : start + step])
    if progress:
        progress(len(rows), len(rows))


def remembered(images: Images, name: str) -> Any:
    """What `remember` kept of these very pixels, or None."""
    if images.folder is not None:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            kept = json.loads((images.folder / f"{name}.json").read_text())
            if kept["content_hash"] == images.content_hash:
                return kept["value"]
    return None


def remember(images: Images, name: str, value: Any) -> None:
    """Keep a JSON value with the cached pictures, where they are cached; it can be made again, so a full disk is no
    reason to fail."""
    if images.folder is not None:
        with contextlib.suppress(LabError):
            content = json.dumps({"content_hash": images.content_hash, "value": value})
            replace_file(images.folder / f"{name}.json", content.encode())
