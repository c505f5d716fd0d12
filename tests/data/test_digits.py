from __future__ import annotations

import sys

import numpy as np
import pytest

from tui_lab.data import load_images
from tui_lab.errors import DataError
from tui_lab.recipe import Dataset


def test_digits_are_white_on_black_with_their_numbers() -> None:
    pytest.importorskip("sklearn")
    images = load_images(Dataset(name="digits", resolution=8, channels=1, val_fraction=0.1))
    assert images.take(images.train_rows).shape == (1617, 8, 8, 1)
    assert len(images.held_out_rows) == 180
    assert (images.pixels.min(), images.pixels.max()) == (0, 255)
    assert images.classes == tuple("0123456789")
    assert set(images.train_labels.tolist()) == set(range(10))
    assert np.median(images.pixels[:, 0, 0]) == 0


def test_digits_grow_and_take_colour() -> None:
    pytest.importorskip("sklearn")
    images = load_images(Dataset(name="digits", resolution=16, channels=3, val_fraction=0.0))
    assert images.pixels.shape == (1797, 16, 16, 3)
    np.testing.assert_array_equal(images.pixels[..., 0], images.pixels[..., 2])


def test_without_scikit_learn_the_way_out_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(DataError) as caught:
        load_images(Dataset(name="digits", resolution=8, channels=1))
    assert "pip install 'diffusion-lab[digits]'" in caught.value.message
