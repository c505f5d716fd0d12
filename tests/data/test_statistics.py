from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tui_lab.data import Images, load_images
from tui_lab.data.statistics import aspect, class_counts, statistics_of
from tui_lab.recipe import Dataset


def fill(folder: Path) -> Images:
    """Six pictures of two classes and three shapes."""
    random = np.random.default_rng(0)
    for number, (width, height) in enumerate([(40, 30), (40, 30), (30, 40), (20, 20), (20, 20), (20, 20)]):
        place = folder / ("cats" if number < 2 else "dogs")
        place.mkdir(exist_ok=True)
        pixels = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).convert("L" if number == 5 else "RGB").save(place / f"{number}.png")
    return load_images(Dataset(path=str(folder), resolution=16))


def test_mean_and_deviation_are_those_of_the_pixels(tmp_path: Path) -> None:
    images = fill(tmp_path)
    found = statistics_of(images)
    flat = np.asarray(images.pixels).reshape(-1, 3)
    np.testing.assert_allclose(found.mean, flat.mean(axis=0))
    np.testing.assert_allclose(found.std, flat.std(axis=0))
    assert found.histogram.sum() == flat.size and found.histogram[0, flat[0, 0]] > 0


def test_what_the_files_were_before_shaping(tmp_path: Path) -> None:
    found = statistics_of(fill(tmp_path))
    assert found.sizes == {"20×20": 3, "40×30": 2, "30×40": 1}
    assert found.modes == {"RGB": 5, "L": 1}
    assert found.aspects == {"square": 3, "4:3": 2, "3:4": 1}
    assert found.classes == {"cats": 2, "dogs": 4}


def test_it_is_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = fill(tmp_path)
    first = statistics_of(images)
    monkeypatch.setattr("tui_lab.data.statistics.chunks", None)
    np.testing.assert_array_equal(statistics_of(images).histogram, first.histogram)


def test_what_is_not_cached_has_numbers_too() -> None:
    found = statistics_of(load_images(Dataset()))
    assert found.images == 8192 and sum(found.classes.values()) == 8192 and not found.sizes


def test_it_can_be_stopped() -> None:
    class StoppedError(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise StoppedError

    with pytest.raises(StoppedError):
        statistics_of(load_images(Dataset()), stop)


def test_classes_are_counted_in_their_order_and_missing_labels_last() -> None:
    labels = np.array([1, 1, -1, 0])
    assert list(class_counts(labels, ("b", "a", "none")).items()) == [("b", 1), ("a", 2), ("none", 0), ("", 1)]
    assert class_counts(np.array([-1, -1]), ()) == {}


@pytest.mark.parametrize(
    ("width", "height", "name"),
    [
        (64, 64, "square"),
        (1000, 1001, "square"),
        (4000, 3000, "4:3"),
        (3, 4, "3:4"),
        (3, 2, "3:2"),
        (1920, 1080, "16:9"),
        (1080, 1920, "9:16"),
        (200, 100, "2:1"),
        (500, 100, "3:1 and wider"),
        (100, 500, "1:3 and taller"),
    ],
)
def test_shapes_have_their_usual_names(width: int, height: int, name: str) -> None:
    assert aspect(width, height) == name
