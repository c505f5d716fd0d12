from __future__ import annotations

import zipfile
from pathlib import Path

import datasets
import numpy as np
import pytest

from tests.data.test_fashion_mnist import make
from tui_lab.data.kinds import Kind, kind_at
from tui_lab.data.survey import survey
from tui_lab.errors import DataError


def test_a_zip_counts_its_images_and_what_is_left_out(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        for name in ("1.png", "2.png", "../3.png", "notes.txt"):
            file.writestr(name, b"x")
    assert survey(tmp_path / "a.zip") == "a zip of 2 images, 1 left out"


def test_arrays_and_idx_files_say_their_shapes(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x_train=np.zeros((5, 8, 8)), y_train=np.zeros(5))
    np.save(tmp_path / "b.npy", np.zeros((7, 4, 4)))
    make(tmp_path / "idx", train=30, test=12)
    assert survey(tmp_path / "a.npz") == "arrays: x_train 5×8×8, y_train 5"
    assert survey(tmp_path / "b.npy") == "arrays: b 7×4×4"
    assert survey(tmp_path / "idx") == "IDX files of 30×28×28 and 12×28×28 pixels"


def test_a_saved_set_says_its_columns_and_splits(tmp_path: Path) -> None:
    part = datasets.Dataset.from_dict({"age": [1, 2], "[b]\x1b": ["x", "y"]})
    datasets.DatasetDict({"train": part, "test": part}).save_to_disk(tmp_path / "set")
    assert survey(tmp_path / "set") == "a saved dataset with the columns age, [b]�, split into train, test"


def test_what_cannot_be_chosen_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"hello")
    with pytest.raises(DataError, match="cannot be read as a zip"):
        survey(tmp_path / "a.zip")
    with pytest.raises(DataError, match="does not exist"):
        survey(tmp_path / "gone")


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a", b"PK\x03\x04", Kind.ZIP),
        ("a.tgz", b"", Kind.TAR),
        ("a.tar.xz", b"", Kind.TAR),
        ("a.PARQUET", b"", Kind.TABLE),
        ("a.npz", b"PK\x03\x04", Kind.ARRAY),
        ("digits", bytes([0, 0, 8, 3]), Kind.IDX),
        ("t10k-images-idx3-ubyte.gz", b"", Kind.IDX),
        ("old", bytes(257) + b"ustar\x0000", Kind.TAR),
    ],
)
def test_a_file_is_known_by_its_name_or_its_first_bytes(tmp_path: Path, name: str, content: bytes, kind: Kind) -> None:
    (tmp_path / name).write_bytes(content)
    assert kind_at(tmp_path / name) is kind


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["a.png", "a.parquet", "train-images-idx3-ubyte"], Kind.FOLDER),
        (["notes.txt"], Kind.FOLDER),
        (["train-images-idx3-ubyte.gz"], Kind.IDX),
        (["README.md", "data/train-00000-of-00001.parquet"], Kind.TABLE),
        (["state.json", "data-00000-of-00001.arrow"], Kind.SAVED),
        (["dataset_dict.json"], Kind.SAVED),
        (["cats/1.png", "dogs/1.png"], Kind.FOLDER),
    ],
)
def test_a_folder_is_known_by_what_lies_in_it(tmp_path: Path, names: list[str], kind: Kind) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert kind_at(tmp_path) is kind
