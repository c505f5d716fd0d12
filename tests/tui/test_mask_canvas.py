"""Painting masks, without a screen."""

from __future__ import annotations

import numpy as np
import pytest

from tui_lab.tui.mask_canvas import Box, MaskCanvas, Pixel


def canvas(height: int = 6, width: int = 8) -> MaskCanvas:
    return MaskCanvas(np.ones((height, width), bool))


def stroke(canvas: MaskCanvas, box: Box, keep: bool = False) -> None:
    canvas.begin()
    canvas.paint(box, keep)
    canvas.end()


@pytest.mark.parametrize(("size", "rows"), [(1, [2]), (2, [1, 2]), (3, [1, 2, 3])])
def test_a_brush_has_its_pixel_in_the_middle(size: int, rows: list[int]) -> None:
    painted = canvas()
    painted.paint(Box.around(Pixel(2, 2), size), keep=False)
    assert np.flatnonzero(~painted.kept.all(axis=1)).tolist() == rows
    assert (~painted.kept).sum() == size * size


def test_what_is_beyond_the_picture_is_left_out() -> None:
    painted = canvas()
    painted.paint(Box.around(Pixel(0, 7), 5), keep=False)
    assert (~painted.kept).sum() == 3 * 3
    painted.paint(Box(-9, -9, -2, -2), keep=False)
    assert (~painted.kept).sum() == 3 * 3


def test_a_line_has_no_gaps() -> None:
    painted = canvas(20, 20)
    painted.line(Pixel(0, 0), Pixel(5, 19), 1, keep=False)
    assert (~painted.kept).any(axis=0).all()
    assert (~painted.kept).sum() == 20


def test_a_rectangle_has_both_corners_whichever_comes_first() -> None:
    assert Box.between(Pixel(4, 1), Pixel(2, 3)) == Box(2, 1, 5, 4) == Box.between(Pixel(2, 3), Pixel(4, 1))


def test_filling_stops_at_what_is_different() -> None:
    painted = canvas()
    painted.paint(Box(0, 3, 6, 4), keep=False)  # a wall
    painted.fill(Pixel(2, 0), keep=False)
    assert (~painted.kept).sum() == 6 * 4 and painted.kept[:, 4:].all()
    painted.fill(Pixel(2, 0), keep=False)
    assert (~painted.kept).sum() == 6 * 4


def test_a_stroke_is_taken_back_at_once_and_again() -> None:
    painted = canvas()
    painted.begin()
    for column in range(4):
        painted.paint(Box.around(Pixel(0, column), 1), keep=False)
    painted.end()
    stroke(painted, Box(3, 0, 4, 8))
    painted.undo()
    assert (~painted.kept).sum() == 4
    painted.undo()
    assert painted.kept.all() and not painted.can_undo
    painted.redo()
    painted.redo()
    assert (~painted.kept).sum() == 12 and not painted.can_redo


def test_a_new_stroke_ends_the_way_forth_and_one_that_changes_nothing_is_none() -> None:
    painted = canvas()
    stroke(painted, Box(0, 0, 2, 2))
    painted.undo()
    stroke(painted, Box(0, 0, 2, 2), keep=True)
    assert painted.can_redo and not painted.can_undo
    stroke(painted, Box(0, 0, 1, 1))
    assert not painted.can_redo


def test_turned_over_and_all_at_once() -> None:
    painted = canvas()
    painted.paint(Box(0, 0, 1, 3), keep=False)
    painted.invert()
    assert painted.kept.sum() == 3
    painted.paint_all(keep=True)
    assert painted.kept.all()
    with pytest.raises(ValueError, match="read-only"):
        painted.kept[0, 0] = False
