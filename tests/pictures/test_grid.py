import numpy as np
import pytest

from tui_lab.pictures.grid import evenly, grid, side_by_side, strip


def flat(values: list[int], channels: int = 3) -> np.ndarray:
    """Pictures of 2×3 pixels (B, 2, 3, C), each of one value."""
    return np.array(values, np.uint8)[:, None, None, None].repeat(2, 1).repeat(3, 2).repeat(channels, 3)


def test_a_grid_goes_row_by_row_and_is_nearly_square() -> None:
    tiled = grid(flat([0, 1, 2, 3, 4]))
    assert tiled.shape == (4, 9, 3)
    assert tiled[::2, ::3, 0].tolist() == [[0, 1, 2], [3, 4, 0]]


def test_grey_becomes_rgb() -> None:
    assert grid(np.full((1, 2, 2, 1), 7, np.uint8)).tolist() == [[[7] * 3] * 2] * 2


def test_panes_stand_side_by_side() -> None:
    both = side_by_side(np.stack([flat([1, 2, 3, 4]), flat([5, 6, 7, 8])]))
    assert both[::2, ::3, 0].tolist() == [[1, 2, 5, 6], [3, 4, 7, 8]]


def test_a_strip_has_a_row_for_each_picture_and_a_column_for_each_chosen_step() -> None:
    steps = [flat([step, 100 + step], channels=1) for step in range(9)]
    assert strip(steps, 3)[::2, ::3, 0].tolist() == [[0, 4, 8], [100, 104, 108]]


@pytest.mark.parametrize(
    ("length", "count", "places"),
    [(10, 1, [9]), (10, 2, [0, 9]), (10, 4, [0, 3, 6, 9]), (3, 9, [0, 1, 2]), (1, 5, [0])],
)
def test_chosen_steps_are_evenly_spaced_and_end_with_the_picture(length: int, count: int, places: list[int]) -> None:
    assert evenly(length, count) == places
