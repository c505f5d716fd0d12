"""The datasets that the lab knows by name, and whether they are on this machine."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """One dataset at its native size. `needs` says how to get it, "" where it is always there."""

    name: str
    title: str
    help: str
    resolution: int
    channels: int
    labels: tuple[str, ...]
    needs: str
    is_there: Callable[[], bool]

    @property
    def available(self) -> bool:
        """Whether `load_images` will find it now. Looks at the machine, so not for every frame."""
        return self.is_there()


def _has_scikit_learn() -> bool:
    return importlib.util.find_spec("sklearn") is not None


def _has_fashion_mnist() -> bool:
    from tui_lab.data.fashion_mnist import find_folder

    return find_folder() is not None


_LIST = (
    DatasetInfo(
        name="pixel-faces",
        title="Pixel faces",
        help="8,192 faces of 16×16 in colour with hats, glasses and moods; made for this lab, inside the package",
        resolution=16,
        channels=3,
        labels=("look", "mood", "hair_length"),
        needs="",
        is_there=lambda: True,
    ),
    DatasetInfo(
        name="digits",
        title="Digits",
        help="1,797 handwritten digits of 8×8 in grey, from scikit-learn: the quickest set to learn",
        resolution=8,
        channels=1,
        labels=("digit",),
        needs="pip install 'diffusion-lab[digits]'",
        is_there=_has_scikit_learn,
    ),
    DatasetInfo(
        name="fashion-mnist",
        title="Fashion-MNIST",
        help="70,000 articles of clothing of 28×28 in grey, 10,000 of them held out",
        resolution=28,
        channels=1,
        labels=("article",),
        needs="apt-get install dataset-fashion-mnist",
        is_there=_has_fashion_mnist,
    ),
)

DATASETS: dict[str, DatasetInfo] = {info.name: info for info in _LIST}
