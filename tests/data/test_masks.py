"""Masks as runs and as arrays."""

from __future__ import annotations

import numpy as np
import pytest

from tui_lab.data.masks import mask_array, mask_of
from tui_lab.recipe.denoising import Mask


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_an_array_comes_back_from_its_runs(share: float) -> None:
    kept = np.random.default_rng(0).random((7, 12)) < share
    mask = mask_of(kept)
    assert (mask_array(mask) == kept).all()
    assert mask.kept == kept.sum()


def test_runs_begin_with_what_is_drawn_anew() -> None:
    assert mask_of(np.array([[True, True], [False, True]])) == Mask(height=2, width=2, runs=(0, 2, 1, 1))
    assert mask_of(np.array([[False, True], [True, True]])) == Mask(height=2, width=2, runs=(1, 3))
