import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui_lab.tui import pixels


@settings(max_examples=200)
@given(
    st.integers(1, 60), st.integers(1, 40), st.integers(1, 40), st.integers(1, 200), st.integers(2, 60), st.booleans()
)
def test_best_grid_stays_within_its_cells(
    count: int, height: int, width: int, cells_w: int, cells_h: int, labels: bool
) -> None:
    fit = pixels.best_grid(count, height, width, cells_w, cells_h, label_rows=int(labels))
    assert 1 <= fit.shown <= count
    tile_h, tile_w = (max(1, side // fit.shrink) * fit.scale for side in (height, width))
    columns = min(fit.columns, fit.shown)
    rows = -(-fit.shown // fit.columns)
    assert columns * (tile_w + 1) - 1 <= cells_w
    if labels:
        assert rows * (-(-tile_h // 2) + 1) <= cells_h
    else:
        assert rows * (tile_h + 1) - 1 <= 2 * cells_h


@pytest.mark.parametrize(
    ("count", "side", "cells", "expected"),
    [
        (16, 16, (67, 34), (4, 1, 16, 1)),  # 4 × 4 exactly
        (4, 16, (67, 34), (2, 2, 4, 1)),  # room to be twice as large
        (8, 16, (135, 8), (8, 1, 8, 1)),  # one row
        (8192, 16, (50, 17), (3, 1, 6, 1)),  # as many as there is room for
        (1, 64, (32, 40), (1, 1, 1, 2)),  # not even one: at half its size
        (0, 16, (50, 17), (1, 1, 0, 1)),
    ],
)
def test_best_grid(count: int, side: int, cells: tuple[int, int], expected: tuple[int, int, int, int]) -> None:
    assert tuple(pixels.best_grid(count, side, side, *cells)) == expected


def test_best_grid_prefers_whole_rows() -> None:
    assert pixels.best_grid(12, 16, 16, 120, 26).columns == 6


def test_grid_puts_pictures_row_by_row() -> None:
    images = np.stack([np.full((2, 3, 1), value, np.uint8) for value in (10, 20, 30)])
    sheet = pixels.grid(images, 2, 1, (1, 2, 3))
    assert sheet.shape == (5, 7, 3)
    assert (sheet[:2, :3] == 10).all() and (sheet[:2, 4:] == 20).all() and (sheet[3:, :3] == 30).all()
    assert (sheet[2] == (1, 2, 3)).all() and (sheet[:, 3] == (1, 2, 3)).all() and (sheet[3:, 4:] == (1, 2, 3)).all()


def test_upscale_and_shrink_undo_each_other() -> None:
    images = np.random.default_rng(3).integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)
    assert pixels.upscale(images, 3).shape == (2, 12, 15, 3)
    assert np.array_equal(pixels.shrink(pixels.upscale(images, 3), 3), images)


@pytest.mark.parametrize("size", [(8, 6), (9, 7), (5, 5), (3, 9)])
def test_resized_by_any_factor_keeps_the_mean(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(3).integers(0, 256, (10, 11, 1), dtype=np.uint8)
    assert abs(pixels.resized(picture, *size).mean() - picture.mean()) < 0.5


def test_resized_by_a_whole_factor_is_shrink() -> None:
    images = np.random.default_rng(3).integers(0, 256, (2, 8, 12, 3), dtype=np.uint8)
    assert np.array_equal(pixels.resized(images, 4, 6), pixels.shrink(images, 2))
