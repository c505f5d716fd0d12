from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from tests.data.files import grey_dataset, idx
from tui_lab.data import load_images
from tui_lab.data.idx import parts_of, read_idx
from tui_lab.errors import DataError

DIGITS = np.arange(6) % 3
PICTURES = np.broadcast_to(DIGITS[:, None, None] * 10, (6, 8, 8))


def make(folder: Path, *names: str) -> None:
    for name in names:
        content = idx(PICTURES if "idx3" in name else DIGITS)
        (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)


def test_a_folder_with_mnists_names_keeps_its_own_split(tmp_path: Path) -> None:
    make(tmp_path, "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte")
    make(tmp_path, "t10k-labels-idx1-ubyte.gz")
    images = load_images(grey_dataset(tmp_path))
    assert (len(images.train_rows), len(images.held_out_rows)) == (6, 6)
    assert images.classes == ("0", "1", "2")
    np.testing.assert_array_equal(images.pixels[:, 0, 0, 0], images.labels * 10)


def test_one_file_brings_its_labels(tmp_path: Path) -> None:
    make(tmp_path, "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte")
    images = load_images(grey_dataset(tmp_path / "train-images-idx3-ubyte.gz"))
    assert len(images.pixels) == 6
    assert images.classes == ("0", "1", "2")


def test_pictures_without_labels_are_a_set_too(tmp_path: Path) -> None:
    make(tmp_path, "train-images-idx3-ubyte")
    images = load_images(grey_dataset(tmp_path))
    assert images.classes == ()
    assert set(images.labels.tolist()) == {-1}


def test_a_folder_of_several_sets_asks_which(tmp_path: Path) -> None:
    make(tmp_path, "emnist-letters-train-images-idx3-ubyte", "emnist-digits-train-images-idx3-ubyte")
    with pytest.raises(DataError, match=r"several sets: set dataset\.path to one of its files: emnist-digits"):
        load_images(grey_dataset(tmp_path))
    assert len(parts_of(tmp_path / "emnist-letters-train-images-idx3-ubyte")) == 1


@pytest.mark.parametrize(
    ("code", "dtype"), [(0x08, ">u1"), (0x09, ">i1"), (0x0B, ">i2"), (0x0C, ">i4"), (0x0D, ">f4"), (0x0E, ">f8")]
)
def test_every_type_of_number_is_read(tmp_path: Path, code: int, dtype: str) -> None:
    values = np.array([[0, 1], [2, 100]], dtype=dtype)
    path = tmp_path / "values"
    path.write_bytes(bytes([0, 0, code, 2]) + np.array([2, 2], dtype=">u4").tobytes() + values.tobytes())
    np.testing.assert_array_equal(read_idx(path), values)


def test_floats_are_scaled_over_the_whole_set(tmp_path: Path) -> None:
    values = np.array([0.0, 0.5, 1.0], dtype=">f4")[:, None, None] * np.ones((3, 8, 8), dtype=">f4")
    (tmp_path / "a-idx3-ubyte").write_bytes(
        bytes([0, 0, 0x0D, 3]) + np.array([3, 8, 8], dtype=">u4").tobytes() + values.astype(">f4").tobytes()
    )
    assert load_images(grey_dataset(tmp_path)).pixels[:, 0, 0, 0].tolist() == [0, 128, 255]


def test_a_gzip_bomb_is_unpacked_no_further_than_its_header_says(tmp_path: Path) -> None:
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(idx(PICTURES) + bytes(50 << 20)))
    with pytest.raises(DataError, match=r"holds more than it says.* 385 are there"):
        read_idx(path)
