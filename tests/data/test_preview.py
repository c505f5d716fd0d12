from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tui_lab.data import Rejected, load_images
from tui_lab.data.preview import Picture, preview_pictures
from tui_lab.recipe import Dataset


def fill(folder: Path, count: int = 30) -> None:
    """Red tells the picture, and so where it stands in the folder; of ten one is broken."""
    for number in range(count):
        place = folder / ("even" if number % 2 == 0 else "odd")
        place.mkdir(exist_ok=True)
        Image.new("RGB", (24, 16), (number, 0, 0)).save(place / f"{number:02}.png")
        if number % 10 == 9:
            (place / f"{number:02}.png").write_bytes(b"broken")


def dataset(folder: Path, **knobs: object) -> Dataset:
    return Dataset(**{"path": str(folder), "resolution": 8, "val_fraction": 0.2, **knobs})


def test_before_it_was_ever_decoded_the_sources_order_shows(tmp_path: Path) -> None:
    fill(tmp_path)
    shown = preview_pictures(dataset(tmp_path), 13, 8)
    assert [item.name for item in shown if isinstance(item, Picture)][:3] == [
        "even/26.png",
        "even/28.png",
        "odd/01.png",
    ]
    (broken,) = (item for item in shown if isinstance(item, Rejected))
    assert broken.path == "odd/09.png" and broken.reason


@pytest.mark.parametrize("knobs", [{}, {"classes": ("odd",)}, {"limit": 9}, {"balance": True}])
def test_once_it_is_known_the_pictures_are_those_of_training(tmp_path: Path, knobs: dict[str, object]) -> None:
    fill(tmp_path)
    load_images(dataset(tmp_path))
    images = load_images(dataset(tmp_path, **knobs))
    shown = preview_pictures(dataset(tmp_path, resolution=12, fit="squeeze", **knobs), 2, 5)
    assert all(isinstance(item, Picture) and item.pixels.shape == (12, 12, 3) for item in shown)
    expected = images.take(images.train_rows[2:7])[:, 0, 0, 0]
    assert [item.pixels[0, 0, 0] for item in shown if isinstance(item, Picture)] == expected.tolist()
    assert [item.label for item in shown if isinstance(item, Picture)] == images.train_labels[2:7].tolist()


def test_the_end_is_the_end(tmp_path: Path) -> None:
    fill(tmp_path)
    assert len(preview_pictures(dataset(tmp_path), 28, 10)) == 2
    assert preview_pictures(dataset(tmp_path), 99, 10) == []


def test_a_random_crop_shows_its_middle(tmp_path: Path) -> None:
    Image.fromarray(np.arange(144, dtype=np.uint8).reshape(12, 12)).save(tmp_path / "0.png")
    (shown,) = preview_pictures(dataset(tmp_path, fit="random_crop", resolution=8), 0, 1)
    images = load_images(dataset(tmp_path, fit="random_crop", resolution=8))
    assert isinstance(shown, Picture)
    np.testing.assert_array_equal(shown.pixels, images.take(images.train_rows)[0])


def test_the_embedded_set_makes_only_the_faces_asked_for() -> None:
    shown = preview_pictures(Dataset(resolution=512), 7160, 20)  # all of them would take 6 GB
    assert len(shown) == 8
    small = load_images(Dataset())
    assert isinstance(shown[0], Picture)
    np.testing.assert_array_equal(shown[0].pixels[::32, ::32], small.take(small.train_rows[[7160]])[0])
