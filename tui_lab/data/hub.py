"""A dataset of the Hugging Face hub, or one that its cache on this machine already holds."""

from __future__ import annotations

import io
import os
import re
import socket
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui_lab.data.decode import UNREADABLE, decode, why
from tui_lab.data.images import Rejected
from tui_lab.data.source import Picture
from tui_lab.errors import DataError
from tui_lab.sanitize import clean

if TYPE_CHECKING:
    from tui_lab.recipe import Dataset


@dataclass(frozen=True, slots=True)
class HubDataset:
    """A name, not yet fetched. What was decoded once is used again without asking the hub whether it has changed:
    a run must not depend on the network."""

    name: str
    split: str
    image_column: str
    label: str
    resolution: int
    channels: int
    center_crop: bool

    @classmethod
    def of(cls, dataset: Dataset) -> HubDataset:
        if not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", dataset.name):
            raise DataError(f"{clean(dataset.name, 80)!r} is no hub name: set dataset.name to owner/name")
        return cls(
            dataset.name,
            dataset.split,
            dataset.image_column,
            dataset.label,
            dataset.resolution,
            dataset.channels,
            dataset.fit != "squeeze",
        )

    @property
    def origin(self) -> str:
        return f"the hub, huggingface.co/datasets/{self.name}; see there for its licence"

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.resolution, self.resolution, self.channels)

    def manifest(self) -> str:
        return "\n".join(["hub", self.name, self.split, self.image_column, self.label, str(self.center_crop)])

    def open(self) -> OpenedHubDataset:
        table = self._fetch()
        from datasets import ClassLabel, Image

        features = table.features
        columns = ", ".join(table.column_names)
        images = [column for column, feature in features.items() if isinstance(feature, Image)]
        image = self.image_column or (images[0] if images else "")
        if image not in images:
            asked = f"no column of images {self.image_column!r}" if self.image_column else "no column of images"
            raise DataError(f"{self.name} has {asked}; set dataset.image_column (it has {columns})")
        labels = [column for column, feature in features.items() if isinstance(feature, ClassLabel)]
        label = self.label or (labels[0] if labels else "")
        if label and label not in features:
            raise DataError(f"{self.name} has no label {label!r}; set dataset.label (it has {columns})")
        if label in labels:
            classes = tuple(features[label].names)
            numbers = [int(number) if number is not None else -1 for number in table[label]]
        elif label:
            words = [str(value) for value in table[label]]
            classes = tuple(sorted(set(words)))
            number = {word: index for index, word in enumerate(classes)}
            numbers = [number[word] for word in words]
        else:
            classes, numbers = (), [-1] * len(table)
        raw = table.select_columns([image]).cast_column(image, Image(decode=False))
        return OpenedHubDataset(self, raw, image, classes, numbers)

    def _fetch(self) -> Any:
        if "datasets" not in sys.modules and _no_network():
            # The hub's client would try for half a minute; told that it is offline, it looks into its cache at once.
            os.environ["HF_HUB_OFFLINE"] = "1"
        from datasets import load_dataset
        from datasets.exceptions import DatasetsError

        try:
            return load_dataset(self.name, split=self.split)
        except (OSError, ValueError, RuntimeError, DatasetsError) as error:
            # Also what the hub's client raises: unknown, gated or unreachable, with a message of several lines.
            raise DataError(
                f"cannot get {self.name} ({self.split}) from the hub: {clean(_first_line(error), 160)}; check "
                "the name and the network, or fetch it once where there is one and copy its cache (HF_HOME) here"
            ) from error


@dataclass(frozen=True, slots=True, eq=False)
class OpenedHubDataset:
    """A table of encoded pictures (`datasets` hands out their bytes or paths; decoding them is ours)."""

    source: HubDataset
    table: Any
    image: str
    classes: tuple[str, ...]
    numbers: list[int]

    @property
    def count(self) -> int:
        return len(self.table)

    def pictures(self) -> Iterator[Picture | Rejected]:
        source = self.source
        for row, number in enumerate(self.numbers):
            cell = self.table[row][self.image] or {}
            name = clean(f"row {row} {cell.get('path') or ''}".rstrip())
            file = io.BytesIO(cell["bytes"]) if cell.get("bytes") else Path(cell.get("path") or "")
            try:
                pixels = decode(file, source.resolution, source.channels, source.center_crop)
            except UNREADABLE as error:
                yield Rejected(name, why(error))
            else:
                yield Picture(pixels, number if number >= 0 else None)


def _no_network() -> bool:
    """Whether the hub's name cannot be looked up, and no proxy would do that for us."""
    if urllib.request.getproxies():
        return False
    host = urllib.parse.urlsplit(os.environ.get("HF_ENDPOINT", "https://huggingface.co")).hostname
    try:
        socket.getaddrinfo(host, 443)
    except OSError:
        return True
    return False


def _first_line(error: BaseException) -> str:
    return next((line.rstrip(". ") for line in str(error).splitlines() if line.strip()), type(error).__name__)
