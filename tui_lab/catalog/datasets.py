"""The datasets that can be chosen by name: those that the lab knows, and those that the hub's cache here holds."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


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


@dataclass(frozen=True, slots=True)
class HubInfo:
    """A set of the hub that suits a beginner's model, at a size that shows something soon."""

    name: str
    help: str
    resolution: int
    channels: int


HUB_DATASETS: dict[str, HubInfo] = {
    info.name: info
    for info in (
        HubInfo("huggan/smithsonian_butterflies_subset", "1,000 butterflies, the course's", 32, 3),
        HubInfo("ylecun/mnist", "70,000 handwritten digits of 28×28 in grey", 28, 1),
        HubInfo("uoft-cs/cifar10", "60,000 photographs of 32×32 in ten classes", 32, 3),
        HubInfo("huggan/flowers-102-categories", "8,189 photographs of flowers", 64, 3),
        HubInfo("nielsr/CelebA-faces", "202,599 faces", 64, 3),
    )
}
"""What to begin with on the hub. Any other owner/name is as good."""


def cached_hub_datasets() -> tuple[str, ...]:
    """Names of the sets that the hub's caches on this machine hold, whole or in part: they may need no network."""
    from tui_lab.data.hub import HUB_NAME

    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    prepared = Path(os.environ.get("HF_DATASETS_CACHE") or home / "datasets")
    fetched = Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
    found = set()
    for folder, prefix, separator in ((prepared, "", "___"), (fetched, "datasets--", "--")):
        with contextlib.suppress(OSError):
            for entry in os.scandir(folder):
                name = entry.name.removeprefix(prefix).replace(separator, "/", 1)
                if entry.name.startswith(prefix) and HUB_NAME.fullmatch(name) and entry.is_dir():
                    found.add(name)
    return tuple(sorted(found))
