"""Fashion-MNIST from the IDX files of Debian's package `dataset-fashion-mnist`, or from the lab's own folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tui_lab.data.idx import IdxFiles, Part
from tui_lab.errors import DataError
from tui_lab.runs.home import lab_home

if TYPE_CHECKING:
    from tui_lab.recipe import Dataset

DEBIAN_FOLDERS = (Path("/usr/share/datasets/fashion-mnist"), Path("/usr/share/dataset-fashion-mnist"))
LABEL = "article"
CLASSES = ("T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")


def own_folder() -> Path:
    """Where a person without the Debian package may put the four files."""
    return lab_home() / "datasets" / "fashion-mnist"


def find_folder() -> Path | None:
    """The first folder that holds all four files, gzipped or not."""
    return next((folder for folder in (own_folder(), *DEBIAN_FOLDERS) if _parts(folder)), None)


def _parts(folder: Path) -> tuple[Part, ...]:
    """The 60,000, then the 10,000; () unless images and labels of both are there."""
    parts = []
    for prefix in ("train", "t10k"):
        images, labels = (_file(folder, f"{prefix}-{part}-ubyte") for part in ("images-idx3", "labels-idx1"))
        if images is None or labels is None:
            return ()
        parts.append(Part(images, labels, prefix == "t10k"))
    return tuple(parts)


def _file(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / f"{name}.gz", folder / name) if path.is_file()), None)


def fashion_mnist(dataset: Dataset) -> IdxFiles:
    """The files, found but not read."""
    if dataset.label not in ("", LABEL):
        raise DataError(f"fashion-mnist has no label {dataset.label!r}; its only one is {LABEL}")
    folder = find_folder()
    if folder is None:
        raise DataError(
            "fashion-mnist is not on this machine: apt-get install dataset-fashion-mnist, "
            f"or put its four *-ubyte.gz files into {own_folder()}"
        )
    return IdxFiles(
        name="fashion-mnist",
        origin=f"70,000 articles of Zalando's at 28×28 (MIT licence), from {folder}",
        parts=_parts(folder),
        classes=CLASSES,
        way_out="install it again",
    )
