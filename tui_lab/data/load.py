"""From a recipe's `[dataset]` to its pictures, whatever their source."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tui_lab.data.images import Images, Progress
from tui_lab.errors import DataError

if TYPE_CHECKING:
    from tui_lab.data.source import Source
    from tui_lab.recipe import Dataset

EMBEDDED = "pixel-faces"
NAMES = (EMBEDDED, "digits", "fashion-mnist")


def load_images(dataset: Dataset, progress: Progress | None = None) -> Images:
    """The dataset's pictures; of a streamed one the first. The embedded set takes milliseconds; any other is decoded
    into the lab's cache once, and memory-mapped from there afterwards. Raises DataError with one line for people."""
    if is_embedded(dataset):
        from tui_lab.data.embedded import load

        return load(dataset)
    from tui_lab.data import cache

    source = source_of(dataset)
    stored = cache.read(source, dataset, progress) or cache.write(source, dataset, progress)
    return stored.images(dataset)


def load_cached(dataset: Dataset, progress: Progress | None = None) -> Images | None:
    """The pictures if they are at hand without decoding anything and without importing scikit-learn or `datasets`;
    None if `load_images` would have work to do. For a screen that must not wait: listing a large folder takes a second
    for each 100,000 files, and what `progress` raises stops it."""
    if is_embedded(dataset):
        return load_images(dataset)
    from tui_lab.data import cache

    stored = cache.read(source_of(dataset), dataset, progress)
    return None if stored is None else stored.images(dataset)


def needs_workbench(dataset: Dataset) -> bool:
    """Whether loading imports what the TUI's process must not (`datasets`, pyarrow): the workbench fetches it then."""
    if not dataset.path:
        return "/" in dataset.name
    from tui_lab.data.kinds import Kind, kind_at

    return kind_at(_path(dataset)) in (Kind.SAVED, Kind.TABLE)


def source_of(dataset: Dataset) -> Source:
    """Where the pictures come from, found but not read. Raises DataError for what is not there, or is no pictures."""
    if dataset.path:
        from tui_lab.data.kinds import open_path

        return open_path(dataset, _path(dataset))
    if dataset.name == "digits":
        from tui_lab.data.digits import Digits

        return Digits.of(dataset)
    if dataset.name == "fashion-mnist":
        from tui_lab.data.fashion_mnist import fashion_mnist

        return fashion_mnist(dataset)
    if dataset.streaming:
        from tui_lab.data.stream import StreamStart

        return StreamStart.of(dataset)
    if "/" in dataset.name:
        from tui_lab.data.hub import HubDataset

        return HubDataset.of(dataset)
    raise DataError(
        f"there is no dataset {dataset.name!r}; choose {', '.join(NAMES)}, a hub name such as owner/name, "
        "or set dataset.path to pictures of your own"
    )


def is_embedded(dataset: Dataset) -> bool:
    return dataset.name == EMBEDDED and not dataset.path


def _path(dataset: Dataset) -> Path:
    return Path(dataset.path).expanduser().absolute()
