from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tui_lab.data import load_cached, load_images
from tui_lab.data.embedded import FOLDER
from tui_lab.errors import DataError
from tui_lab.recipe import Dataset

FACES = Dataset(name="pixel-faces")


def face(dataset: Dataset, index: int) -> np.ndarray:
    """One to train on."""
    images = load_images(dataset)
    return images.take(images.train_rows[[index]])[0]


def table() -> list[dict[str, str]]:
    with (FOLDER / "pixel_faces.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_faces_come_with_their_own_split() -> None:
    images = load_images(FACES)
    assert images.take(images.train_rows).shape == (7168, 16, 16, 3)
    assert images.take(images.held_out_rows).shape == (1024, 16, 16, 3)
    assert images.pixels.dtype == np.uint8
    assert images.rejected == ()
    assert "CC0" in images.origin


@pytest.mark.parametrize(("index", "channels", "mode"), [(0, 3, "RGB"), (300, 3, "RGB"), (7167, 1, "L")])
def test_a_face_is_its_cell_of_the_sheet(index: int, channels: int, mode: str) -> None:
    left, top = index % 128 * 16, index // 128 * 16
    cell = Image.open(FOLDER / "pixel_faces.png").convert(mode).crop((left, top, left + 16, top + 16))
    shown = face(Dataset(name="pixel-faces", channels=channels), index)
    np.testing.assert_array_equal(shown, np.asarray(cell).reshape(16, 16, channels))


@pytest.mark.parametrize(("asked", "column"), [("", "look"), ("mood", "mood"), ("hair_length", "hair_length")])
def test_labels_follow_the_column_that_is_asked_for(asked: str, column: str) -> None:
    images = load_images(Dataset(name="pixel-faces", label=asked))
    rows = table()
    named = [images.classes[label] for label in [*images.train_labels, *images.held_out_labels]]
    assert named == [row[column] for row in rows]


def test_an_unknown_label_is_told_the_known_ones() -> None:
    with pytest.raises(DataError, match="look, mood, hair_length"):
        load_images(Dataset(name="pixel-faces", label="age"))


def test_growing_by_a_whole_factor_keeps_hard_edges() -> None:
    small, large = face(FACES, 5), face(Dataset(name="pixel-faces", resolution=32), 5)
    np.testing.assert_array_equal(large[::2, ::2], small)
    np.testing.assert_array_equal(large[1::2, 1::2], small)


def test_other_sizes_are_resampled_face_by_face() -> None:
    images = load_images(Dataset(name="pixel-faces", resolution=8))
    assert images.shape == (8, 8, 3)
    difference = images.pixels[0].mean(axis=(0, 1)) - load_images(FACES).pixels[0].mean(axis=(0, 1))
    assert np.abs(difference).max() < 3


def test_the_hash_changes_with_what_is_in_the_arrays() -> None:
    hashes = {
        load_images(Dataset(name="pixel-faces", **changes)).content_hash
        for changes in ({}, {"resolution": 32}, {"channels": 1}, {"label": "mood"})
    }
    assert len(hashes) == 4
    assert load_images(FACES).content_hash == load_images(Dataset(name="pixel-faces", label="look")).content_hash


def test_the_embedded_set_is_always_at_hand() -> None:
    images = load_cached(FACES)
    assert images is not None
    assert len(images.train_rows) == 7168


def test_it_is_mapped_where_there_is_a_place_for_it_and_leaves_no_file(lab_home: Path) -> None:
    assert isinstance(load_images(FACES).pixels, np.memmap)
    assert list((lab_home / "cache").iterdir()) == []


def test_it_is_there_where_nothing_can_be_written(lab_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mapped = load_images(FACES).pixels
    (lab_home / "file").touch()
    monkeypatch.setenv("DIFFUSION_LAB_HOME", str(lab_home / "file"))
    pixels = load_images(FACES).pixels
    assert not isinstance(pixels, np.memmap)
    np.testing.assert_array_equal(pixels, mapped)


def test_what_would_fill_the_memory_is_refused() -> None:
    with pytest.raises(DataError, match=r"lower dataset\.resolution"):
        load_images(Dataset(name="pixel-faces", resolution=1024))


def test_a_random_crop_has_room_to_move() -> None:
    images = load_images(Dataset(name="pixel-faces", fit="random_crop"))
    assert images.pixels.shape == (8192, 18, 18, 3) and images.shape == (16, 16, 3)


def test_four_channels_and_shapes_that_are_not_square() -> None:
    images = load_images(Dataset(name="pixel-faces", width=24, channels=4, fit="pad"))
    assert images.shape == (16, 24, 4)
    assert images.pixels[:, :, :4, 3].max() == 0 and images.pixels[:, :, 4:20, 3].min() == 255
    np.testing.assert_array_equal(images.pixels[:, :, 4:20, :3], load_images(FACES).pixels)
