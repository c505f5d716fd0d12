from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.data.files import grey_dataset
from tui_lab.data import load_images
from tui_lab.data.array_files import ArrayFile
from tui_lab.errors import DataError

VALUES = np.arange(6, dtype=np.uint8)
GREY = np.broadcast_to(VALUES[:, None, None] * 40, (6, 8, 8)).copy()


def saved(path: Path, **arrays: np.ndarray) -> Path:
    if path.suffix == ".npz":
        np.savez_compressed(path, **arrays)  # type: ignore[arg-type]
    else:
        np.save(path, next(iter(arrays.values())))
    return path


@pytest.mark.parametrize(
    ("array", "shape"),
    [
        (GREY, (6, 8, 8, 1)),
        (GREY[..., None], (6, 8, 8, 1)),
        (np.stack([GREY] * 3, axis=-1), (6, 8, 8, 1)),
        (np.stack([GREY] * 3, axis=1), (6, 8, 8, 1)),
        (GREY[0], (1, 8, 8, 1)),
        (np.stack([GREY[0]] * 3, axis=-1), (1, 8, 8, 1)),
        (GREY[0][..., None], (1, 8, 8, 1)),
    ],
    ids=["N×H×W", "N×H×W×1", "N×H×W×3", "N×3×H×W", "H×W", "H×W×3", "H×W×1"],
)
def test_channels_come_last_or_first_or_not_at_all(tmp_path: Path, array: np.ndarray, shape: tuple[int, ...]) -> None:
    images = load_images(grey_dataset(saved(tmp_path / "a.npy", a=array)))
    assert images.pixels.shape == shape
    assert images.pixels[:, 0, 0, 0].tolist() == [40 * index for index in range(shape[0])]


def test_a_npy_file_is_mapped_and_never_copied_whole(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npy", a=GREY)
    opened = ArrayFile.of(grey_dataset(path), path).open()
    assert isinstance(opened.array(), np.memmap)


def test_labels_lie_beside_a_npy_file(tmp_path: Path) -> None:
    saved(tmp_path / "train_labels.npy", y=VALUES % 2)
    images = load_images(grey_dataset(saved(tmp_path / "train_images.npy", x=GREY)))
    assert images.labels.tolist() == [0, 1, 0, 1, 0, 1]


def test_labels_that_changed_are_read_anew(tmp_path: Path) -> None:
    path, beside = tmp_path / "images.NPY", tmp_path / "labels.NPY"
    for path_of, array in ((path, GREY), (beside, VALUES % 2)):
        with path_of.open("wb") as file:  # or np.save would add a suffix of its own
            np.save(file, array)
    before = ArrayFile.of(grey_dataset(path), path).manifest()
    with beside.open("wb") as file:
        np.save(file, VALUES)
    assert ArrayFile.of(grey_dataset(path), path).manifest() != before


def test_an_npz_brings_labels_and_its_own_test_part_by_their_usual_names(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "mnist.npz", x_test=GREY[:2], x_train=GREY, y_train=VALUES, y_test=VALUES[:2], ids=np.zeros(3)
    )
    images = load_images(grey_dataset(path))
    assert (len(images.train_rows), len(images.held_out_rows)) == (6, 2)
    np.testing.assert_array_equal(images.pixels[:, 0, 0, 0], images.labels * 40)


def test_medmnists_names_and_columns_of_labels(tmp_path: Path) -> None:
    arrays = {f"{part}_images": GREY for part in ("train", "val", "test")}
    arrays |= {f"{part}_labels": VALUES[:, None] for part in ("train", "val", "test")}
    images = load_images(grey_dataset(saved(tmp_path / "med.npz", **arrays)))
    assert (len(images.train_rows), len(images.held_out_rows)) == (6, 12)
    assert images.labels.tolist() == [*range(6)] * 3


def test_arrays_are_chosen_by_name(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npz", first=GREY, second=GREY + 1, mood=np.array(list("ababab")), size=VALUES)
    images = load_images(grey_dataset(path, image_column="second", label="mood"))
    assert images.pixels[0, 0, 0, 0] == 1
    assert images.classes == ("a", "b")
    assert load_images(grey_dataset(path)).classes == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_column": "third"}, r"no array 'third'; set dataset\.image_column \(it has images 6×8×8, y 6\)"),
        ({"label": "age"}, r"no label 'age'; set dataset\.label \(its arrays: images 6×8×8, y 6\)"),
    ],
)
def test_an_array_that_is_not_there_is_one_line(tmp_path: Path, changes: dict[str, str], message: str) -> None:
    path = saved(tmp_path / "a.npz", images=GREY, y=VALUES)
    with pytest.raises(DataError, match=message):
        load_images(grey_dataset(path, **changes))


def test_labels_of_another_number_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npz", images=GREY, labels=VALUES[:4])
    with pytest.raises(DataError, match="6 pictures in images and 4 labels"):
        load_images(grey_dataset(path))
