"""How far pictures are apart, on the scale of [0, 1]."""

from __future__ import annotations

import numpy as np
import pytest

from tui_lab.tui.pictures_apart import difference, rmse


def grey(level: int, count: int = 2, side: int = 4) -> np.ndarray:
    return np.full((count, side, side, 3), level, np.uint8)


def test_black_and_white_are_one_apart_and_alike_pictures_nothing() -> None:
    assert rmse(grey(0), grey(255)) == pytest.approx(1.0)
    assert rmse(grey(77), grey(77)) == 0.0


def test_as_many_as_both_have_are_compared_and_other_shapes_are_not() -> None:
    longer = np.concatenate([grey(0), grey(255)])
    assert rmse(grey(0), longer) == 0.0
    assert rmse(grey(0), grey(0, side=8)) is None and difference(grey(0), grey(0, side=8)) is None


def test_the_difference_is_grey_where_there_is_none_and_stays_in_range() -> None:
    same, up, down = (difference(grey(100), grey(level)) for level in (100, 110, 0))
    assert same is not None and (same == 128).all()
    assert up is not None and (up == 138).all()
    assert down is not None and (down == 28).all()
    far = difference(grey(0), grey(255))
    assert far is not None and (far == 255).all()
