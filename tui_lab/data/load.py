"""From a recipe's `[dataset]` to its pictures, whatever their source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_lab.data.images import Images, Progress
from tui_lab.errors import DataError

if TYPE_CHECKING:
    from tui_lab.data.source import Source
    from tui_lab.recipe import Dataset

EMBEDDED = "pixel-faces"
NAMES = (EMBEDDED, "digits", "fashion-mnist")


def load_images(dataset: Dataset, progress: Progress | None = None) -> Images:
    """The dataset's pictures. The embedded set takes milliseconds; any other is decoded once into the lab's cache,
    and memory-mapped from there afterwards. Raises DataError with one line for the person."""
    if _is_embedded(dataset):
        from tui_lab.data.embedded import load

        return load(dataset)
    from tui_lab.data import cache

    source = _source(dataset)
    stored = cache.read(source) or cache.write(source, progress)
    return stored.images(dataset)


def load_cached(dataset: Dataset) -> Images | None:
    """The pictures if they are at hand without decoding anything and without importing scikit-learn or `datasets`;
    None if `load_images` would have work to do. For a screen that must not wait."""
    if _is_embedded(dataset):
        return load_images(dataset)
    from tui_lab.data import cache

    stored = cache.read(_source(dataset))
    return None if stored is None else stored.images(dataset)


def _is_embedded(dataset: Dataset) -> bool:
    return dataset.name == EMBEDDED and not dataset.path


def _source(dataset: Dataset) -> Source:
    if dataset.path:
        from tui_lab.data.folder import Folder

        return Folder.of(dataset)
    if dataset.name == "digits":
        from tui_lab.data.digits import Digits

        return Digits.of(dataset)
    if dataset.name == "fashion-mnist":
        from tui_lab.data.fashion_mnist import FashionMnist

        return FashionMnist.of(dataset)
    if "/" in dataset.name:
        from tui_lab.data.hub import HubDataset

        return HubDataset.of(dataset)
    raise DataError(
        f"there is no dataset {dataset.name!r}; choose {', '.join(NAMES)}, a hub name such as owner/name, "
        "or set dataset.path to a folder of images"
    )
