"""A few pictures at a new shaping, decoded at once and without the cache: what a person sees while turning a knob."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tui_lab.data.decode import UNREADABLE, decode, why
from tui_lab.data.images import Progress, Rejected
from tui_lab.data.load import is_embedded, source_of
from tui_lab.data.shaping import Shaping
from tui_lab.data.split import choose_rows

if TYPE_CHECKING:
    from tui_lab.data.source import Opened, Raw, Source
    from tui_lab.recipe import Dataset


class Picture(NamedTuple):
    """uint8 with shape (H, W, C) as a model would see it, its label, and what its source calls it."""

    pixels: NDArray[np.uint8]
    label: int | None
    name: str


def preview_pictures(
    dataset: Dataset, first: int, count: int, progress: Progress | None = None
) -> list[Picture | Rejected]:
    """The pictures to train on from the `first`th, at the dataset's shaping; fewer at the end.

    In the order and choice of `Images.train_rows` where the set has been decoded before, at whatever shaping; else in
    the source's order, with those that cannot be used among them. Opening the source is paid for once: it is kept for
    the next call, and may be stopped by what `progress` raises. Raises DataError.
    """
    if is_embedded(dataset):
        from tui_lab.data.embedded import load

        images = load(dataset, only=slice(first, first + count))
        faces = zip(images.take(images.train_rows), images.train_labels, strict=True)
        return [Picture(face, int(label), f"face {first + place}") for place, (face, label) in enumerate(faces)]
    source, opened = opened_source(dataset, progress)
    shaping = Shaping.of(dataset)
    places = _places(dataset, source, opened, first, count)
    return [_picture(opened.raw(index), label, shaping) for index, label in places]


def _picture(raw: Raw | Rejected, label: int | None, shaping: Shaping) -> Picture | Rejected:
    if isinstance(raw, Rejected):
        return raw
    try:
        pixels = decode(raw.content, shaping)
    except UNREADABLE as error:
        return Rejected(raw.name, why(error))
    top, left = shaping.margin[0] // 2, shaping.margin[1] // 2
    return Picture(
        pixels[top : top + shaping.height, left : left + shaping.width], raw.label if label is None else label, raw.name
    )


def _places(dataset: Dataset, source: Source, opened: Opened, first: int, count: int) -> list[tuple[int, int | None]]:
    """(place in the source, label) of each; None for the label that the source itself gives."""
    from tui_lab.data import cache

    known = cache.entries_of(source)
    if known is None:
        return [(index, None) for index in range(first, min(first + count, opened.count))]
    chosen = choose_rows(dataset, source.name, known.labels, known.classes, known.held_out)
    rows = chosen.train_rows[first : first + count]
    return list(zip(known.index[rows].tolist(), chosen.labels[rows].tolist(), strict=True))


_SHAPING_KNOBS = {
    "resolution",
    "width",
    "fit",
    "resize_filter",
    "channels",
    "background",
    "random_flip",
    "random_rotation",
    "classes",
    "balance",
    "limit",
    "val_fraction",
}
"""What a source does not depend on."""
_lock = Lock()
_last: dict[str, tuple[Source, Opened]] = {}


def opened_source(dataset: Dataset, progress: Progress | None = None) -> tuple[Source, Opened]:
    """The dataset's source, opened; the last one is kept open. Raises DataError."""
    key = dataset.model_dump_json(exclude=_SHAPING_KNOBS)
    with _lock:
        if key not in _last:
            source = source_of(dataset)
            opened = source.open(progress)
            _last.clear()
            _last[key] = source, opened
        return _last[key]
