from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from PIL import Image

from tui_lab.data.decode import decode
from tui_lab.data.shaping import Filter, Fit, Shaping, shape_arrays
from tui_lab.recipe import Dataset


def pictures(height: int, width: int, mode: str) -> np.ndarray:
    """Three soft pictures: where a filter overshoots by much, rounding between its two passes shows."""
    noise = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), dtype=np.uint8)
    soft = (Image.fromarray(each).convert(mode).resize((width, height), Image.Resampling.BILINEAR) for each in noise)
    return np.stack([np.asarray(image) for image in soft])


@pytest.mark.parametrize("resize_filter", get_args(Filter))
@pytest.mark.parametrize("fit", get_args(Fit))
@pytest.mark.parametrize(("height", "width", "mode"), [(28, 28, "L"), (20, 31, "L"), (40, 30, "RGB"), (64, 16, "RGB")])
def test_many_at_once_are_what_they_are_one_by_one(
    height: int, width: int, mode: str, fit: Fit, resize_filter: Filter
) -> None:
    before = pictures(height, width, mode)
    for channels in (1, 3, 4):
        for size in ((16, 16), (32, 32), (20, 28), (28, 28)):
            shaping = Shaping(*size, channels, fit, resize_filter, background=(10, 200, 30))
            together = shape_arrays(before, shaping)
            apart = np.stack([decode(picture, shaping) for picture in before])
            assert together.shape == (3, *shaping.shape) and together.dtype == np.uint8
            assert np.abs(together.astype(int) - apart).max() <= 2


def test_pictures_of_the_right_size_stay_as_they_are() -> None:
    before = np.random.default_rng(0).integers(0, 256, (5, 28, 28), dtype=np.uint8)
    np.testing.assert_array_equal(shape_arrays(before, Shaping(28, 28, 1))[..., 0], before)


def test_a_recipe_says_all_that_decoding_depends_on_and_nothing_else() -> None:
    plain = Shaping.of(Dataset(resolution=32, width=48, background="#0a0b0c"))
    assert (plain.shape, plain.margin, plain.background) == ((32, 48, 3), (0, 0), (10, 11, 12))
    later = {"random_flip": True, "random_rotation": 9.0, "classes": ("a",), "balance": True, "limit": 9}
    assert Shaping.of(Dataset(resolution=32, width=48, background="#0a0b0c", val_fraction=0.3, **later)) == plain
    assert Shaping.of(Dataset(resolution=32, width=48, fit="pad", background="#0a0b0c")) != plain
