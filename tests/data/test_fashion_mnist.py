from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.data.files import idx
from tui_lab.data import fashion_mnist, load_images
from tui_lab.errors import DataError
from tui_lab.recipe import Dataset

FASHION = Dataset(name="fashion-mnist", resolution=28, channels=1)


def make(folder: Path, train: int = 30, test: int = 12) -> None:
    """The four files as Debian's package has them, with the article as every pixel's value."""
    folder.mkdir(parents=True)
    for prefix, count in (("train", train), ("t10k", test)):
        articles = np.arange(count) % 10
        pixels = np.broadcast_to(articles[:, None, None], (count, 28, 28))
        (folder / f"{prefix}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(pixels)))
        (folder / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(articles)))


@pytest.fixture(autouse=True)
def debian_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the Debian package would be: this machine may have the real one."""
    folder = tmp_path / "usr" / "fashion-mnist"
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDERS", (folder,))
    return folder


def test_the_sets_own_test_part_is_held_out(debian_folder: Path) -> None:
    make(debian_folder)
    images = load_images(FASHION)
    assert images.take(images.train_rows).shape == (30, 28, 28, 1)
    assert len(images.held_out_rows) == 12
    np.testing.assert_array_equal(images.take(images.train_rows)[:, 0, 0, 0], images.train_labels)
    assert images.classes[9] == "ankle boot"


def test_another_resolution_and_colour(debian_folder: Path) -> None:
    make(debian_folder)
    assert load_images(Dataset(name="fashion-mnist", resolution=32, channels=3)).shape == (32, 32, 3)


def test_ones_own_folder_comes_first_and_may_be_unzipped(debian_folder: Path) -> None:
    make(debian_folder)
    own = fashion_mnist.own_folder()
    make(own, train=7)
    for path in own.glob("*.gz"):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    assert len(load_images(FASHION).train_rows) == 7


def test_missing_files_name_the_package_and_the_folder(debian_folder: Path) -> None:
    make(debian_folder)
    (debian_folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError) as caught:
        load_images(FASHION)
    assert "apt-get install dataset-fashion-mnist" in caught.value.message
    assert str(fashion_mnist.own_folder()) in caught.value.message


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def cut_inside(path: Path) -> None:
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-10]))


def no_idx(path: Path) -> None:
    path.write_bytes(gzip.compress(b"something else"))


def fewer(path: Path) -> None:
    path.write_bytes(gzip.compress(idx(np.zeros((5, 28, 28)))))


@pytest.mark.parametrize(
    ("damage", "message"),
    [(cut, "cannot be read"), (cut_inside, "cut short"), (no_idx, "no IDX file"), (fewer, "5 pictures")],
)
def test_a_damaged_file_is_named(debian_folder: Path, damage: Callable[[Path], None], message: str) -> None:
    make(debian_folder)
    damage(debian_folder / "train-images-idx3-ubyte.gz")
    with pytest.raises(DataError, match=message) as caught:
        load_images(FASHION)
    assert "train-images-idx3-ubyte.gz" in caught.value.message


def test_the_same_files_by_their_path_have_numbers_for_classes(debian_folder: Path) -> None:
    make(debian_folder)
    load_images(FASHION)
    images = load_images(Dataset(path=str(debian_folder), resolution=28, channels=1))
    assert images.classes == tuple("0123456789")
    assert len(images.held_out_rows) == 12
