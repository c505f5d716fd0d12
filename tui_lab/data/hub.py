"""A dataset of the Hugging Face hub, or one that its cache on this machine already holds."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tui_lab.data.images import Progress
from tui_lab.data.tables import ArrowTable, OpenedTable, open_table
from tui_lab.errors import DataError
from tui_lab.sanitize import clean

if TYPE_CHECKING:
    from tui_lab.recipe import Dataset

HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


@dataclass(frozen=True, slots=True)
class HubDataset:
    """A name, not yet fetched. What was decoded once is used again without asking the hub whether it has changed:
    a run must not depend on the network."""

    name: str
    config: str
    split: str
    revision: str
    image_column: str
    label: str

    @classmethod
    def of(cls, dataset: Dataset) -> HubDataset:
        if not HUB_NAME.fullmatch(dataset.name):
            raise DataError(f"{clean(dataset.name, 80)!r} is no hub name: set dataset.name to owner/name")
        return cls(dataset.name, dataset.config, dataset.split, dataset.revision, dataset.image_column, dataset.label)

    @property
    def origin(self) -> str:
        return f"the hub, huggingface.co/datasets/{self.name}; see there for its licence"

    def manifest(self, progress: Progress | None = None) -> str:
        return "\n".join(["hub", self.name, self.config, self.split, self.revision, self.image_column, self.label])

    def open(self, progress: Progress | None = None) -> OpenedTable:
        fetched = self.fetch(streaming=False).flatten_indices()
        features = fetched.features.to_dict()
        return open_table(ArrowTable(fetched.data.table), features, self.image_column, self.label, self.name)

    def fetch(self, streaming: bool) -> Any:
        """A `datasets.Dataset`, or its iterable kind. Raises DataError with one line."""
        from datasets import load_dataset
        from datasets.exceptions import DatasetsError

        try:
            with _offline_where_there_is_no_network():
                return load_dataset(
                    self.name,
                    self.config or None,
                    split=self.split,
                    revision=self.revision or None,
                    streaming=streaming,
                )
        except (OSError, ValueError, RuntimeError, DatasetsError) as error:
            # Also what the hub's client raises: unknown, gated or unreachable, with a message of several lines.
            raise DataError(self.unreachable(error)) from error

    def unreachable(self, error: BaseException) -> str:
        """One line about what the hub's client raised, and the ways to do without it."""
        asked = ", ".join(filter(None, (self.config, self.split, self.revision)))
        return (
            f"cannot get {self.name} ({clean(asked, 80)}) from the hub: {clean(_reason(error), 200)}; check the "
            f"name and the network, or fetch it where there is one and copy its cache ({_hub_cache()}, HF_HOME) here, "
            "or set dataset.path to a copy from save_to_disk or to its parquet files"
        )


def _hub_cache() -> str:
    """Where the hub's client keeps what it has fetched, for a message."""
    return clean(os.environ.get("HF_HOME") or "~/.cache/huggingface", 120)


@contextlib.contextmanager
def _offline_where_there_is_no_network() -> Iterator[None]:
    """The hub's client would try for half a minute; told that it is offline, it looks into its cache at once."""
    from datasets import config
    from huggingface_hub import constants

    before = config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE
    if _no_network():
        config.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:  # a network may be there when it is asked next
        config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE = before


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


def _reason(error: BaseException) -> str:
    """The first two lines of a message that has many: what is wrong, and what there is to choose from."""
    lines = [line.strip().rstrip(".") for line in str(error).splitlines() if line.strip()]
    return ": ".join(lines[:2]) or type(error).__name__
