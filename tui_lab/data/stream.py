"""A set of the hub that fits no disk: its first pictures as a dataset like any other, the rest as it comes.

The first `FIRST` rows are the held-out pictures and the thumbnails; `open_stream` goes on behind them, and begins there
again when the set is at its end. What comes is shuffled in a buffer, so a resumed run sees another order.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count, islice
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tui_lab.data.columns import Features, choose_columns, class_names, labels_of
from tui_lab.data.decode import UNREADABLE, decode
from tui_lab.data.hub import HubDataset
from tui_lab.data.images import Progress
from tui_lab.data.labels import word_of
from tui_lab.data.load import load_images
from tui_lab.data.shaping import Shaping
from tui_lab.data.source import Raw
from tui_lab.data.split import only_classes
from tui_lab.data.tables import OpenedTable, raw_cell
from tui_lab.errors import DataError, LabError
from tui_lab.sanitize import clean

if TYPE_CHECKING:
    from tui_lab.recipe import Dataset

FIRST = 512
"""Rows that a streamed set is known by before it is streamed."""
BUFFER = 2048
"""Encoded pictures among which the next one is drawn."""
AHEAD = 256
"""Decoded pictures that wait to be asked for."""

Shown = tuple[NDArray[np.uint8], int]
_T = TypeVar("_T")


def shuffled(items: Iterable[_T], size: int, rng: np.random.Generator) -> Iterator[_T]:
    """All items, each drawn from the `size` that came first and have not gone yet."""
    buffer: list[_T] = []
    for item in items:
        if len(buffer) < size:
            buffer.append(item)
        else:
            place = int(rng.integers(size))
            yield buffer[place]
            buffer[place] = item
    for place in rng.permutation(len(buffer)):
        yield buffer[place]


@dataclass(frozen=True, slots=True)
class Rows:
    """An open stream of rows, and which of their columns are which."""

    stream: Any
    image: str
    label: str
    features: Features


def open_rows(hub: HubDataset) -> Rows:
    """The rows as they come, images still encoded. Raises DataError."""
    from datasets import Image

    rows = hub.fetch(streaming=True)
    features = rows.features
    if features is None:
        raise DataError(f"{hub.name} does not say which columns it has; turn dataset.streaming off")
    first_row: dict[str, Any] = {}
    for column, feature in features.items():
        if isinstance(feature, Image):
            rows = rows.cast_column(column, Image(decode=False))

    def first(column: str) -> Any:
        if not first_row:
            first_row.update(next(iter(rows), {}))
        return first_row.get(column)

    asked = (hub.image_column, hub.label)
    image, label = choose_columns(features.arrow_schema, features.to_dict(), *asked, hub.name, first)
    return Rows(rows.select_columns([image, *([label] if label else [])]), image, label, features.to_dict())


@dataclass(frozen=True, slots=True, eq=False)
class _Fetched:
    """Cells of images in memory."""

    images: list[Any]

    def __len__(self) -> int:
        return len(self.images)

    def cell(self, row: int) -> Any:
        return self.images[row]


@dataclass(frozen=True, slots=True)
class StreamStart:
    """The first rows of a streamed set, as a source that can be cached."""

    hub: HubDataset

    @classmethod
    def of(cls, dataset: Dataset) -> StreamStart:
        return cls(HubDataset.of(dataset))

    @property
    def name(self) -> str:
        return self.hub.name

    @property
    def origin(self) -> str:
        return f"{self.hub.origin}; streamed: these are its first rows, and its resume is not exact"

    def manifest(self, progress: Progress | None = None) -> str:
        return f"first {FIRST} of {self.hub.manifest()}"

    def open(self, progress: Progress | None = None) -> OpenedTable:
        rows = open_rows(self.hub)
        first: list[dict[str, Any]] = []
        try:
            for row in islice(rows.stream, FIRST):
                first.append(row)
                if progress:
                    progress(len(first), 0)
        except OSError as error:
            raise DataError(self.hub.unreachable(error)) from error
        values = [row[rows.label] for row in first] if rows.label else []
        labels = labels_of(values, rows.features, rows.label)
        return OpenedTable(_Fetched([row[rows.image] for row in first]), labels, None)


class Stream:
    """Pictures without end, fetched and decoded in a thread of their own; close it to be rid of the thread."""

    def __init__(self, dataset: Dataset, seed: int) -> None:
        self._dataset, self._seed = dataset, seed
        self._hub = HubDataset.of(dataset)
        self._ready: queue.Queue[Shown | BaseException] = queue.Queue(AHEAD)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stream", daemon=True)
        self._thread.start()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Shown:
        """uint8 with the margin, and the number of its class or -1. Raises DataError where the hub is out of reach."""
        item = self._ready.get()
        if not isinstance(item, BaseException):
            return item
        self._ready.put(item)
        if isinstance(item, LabError):
            raise item
        raise DataError(self._hub.unreachable(item)) from item

    def close(self) -> None:
        self._closed.set()
        self._thread.join(timeout=2)  # longer, if it waits for the network: it is left to end by itself then

    def _run(self) -> None:
        try:
            for shown in self._pictures():
                self._put(shown)
                if self._closed.is_set():
                    return
        except BaseException as error:  # noqa: BLE001 - raised again where the next picture is asked for
            self._put(error)

    def _put(self, item: Shown | BaseException) -> None:
        """Waits for room, but not when nobody asks any more."""
        while not self._closed.is_set():
            with contextlib.suppress(queue.Full):
                self._ready.put(item, timeout=0.1)
                return

    def _pictures(self) -> Iterator[Shown]:
        shaping = Shaping.of(self._dataset)
        classes = load_images(self._dataset.model_copy(update={"classes": ()})).classes
        rows = open_rows(self._hub)
        for epoch in count():
            usable = 0
            cells = shuffled(self._cells(rows, classes), BUFFER, np.random.default_rng([self._seed, epoch]))
            for cell, label in cells:
                raw = raw_cell("", cell, label, None)
                try:
                    pixels = decode(raw.content, shaping) if isinstance(raw, Raw) else None
                except UNREADABLE:
                    pixels = None  # in a stream without end it is passed over; those among the first rows are named
                if pixels is not None:
                    usable += 1
                    yield pixels, label
            if not usable:
                raise DataError(
                    f"{self._hub.name} has no picture to train on behind its first {FIRST} rows; turn "
                    "dataset.streaming off, or change dataset.classes"
                )

    def _cells(self, rows: Rows, classes: tuple[str, ...]) -> Iterator[tuple[Any, int]]:
        """Cells of images with the numbers of their classes, of `classes` those that the recipe asks for."""
        declared = bool(class_names(rows.features, rows.label))
        number = {name: index for index, name in enumerate(classes)}
        asked, renumbered = self._dataset.classes, np.arange(-1, len(classes))
        if asked:
            renumbered = only_classes(asked, self._hub.name, renumbered, classes)[0]
        for row in rows.stream.skip(FIRST):
            if self._closed.is_set():
                return
            label = -1
            if declared and isinstance(value := row[rows.label], int) and 0 <= value < len(classes):
                label = value
            elif rows.label and not declared:
                label = number.get(clean(word_of(row[rows.label]), 80), -1)
            label = int(renumbered[label + 1])
            if not asked or label >= 0:
                yield row[rows.image], label


def open_stream(dataset: Dataset, seed: int = 0) -> Stream:
    """The pictures behind those of `load_images`, for ever, with its numbers of classes; a label that is not among its
    classes is -1."""
    return Stream(dataset, seed)
