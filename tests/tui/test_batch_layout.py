import numpy as np
import pytest

from tui_lab.tui.batch_layout import batch_canvas, batch_layout


@pytest.mark.parametrize(
    ("room", "stages_down", "shown", "side"),
    [
        ((67, 20), True, 7, 8),  # a small terminal: half their size, as columns of one picture each
        ((98, 36), False, 4, 16),  # as rows of one picture each, where that shows them larger
        ((178, 56), True, 8, 16),
        ((20, 20), True, 4, 4),
    ],
)
def test_pictures_are_as_large_as_lets_four_of_them_stand_with_their_stages(
    room: tuple[int, int], stages_down: bool, shown: int, side: int
) -> None:
    layout = batch_layout(8, 5, 16, 16, *room)
    assert (layout.stages_down, layout.shown) == (stages_down, shown)
    assert 16 // layout.by * layout.scale == side


def test_a_batch_of_one_is_shown_as_large_as_it_fits() -> None:
    layout = batch_layout(1, 5, 8, 8, 200, 50)
    assert layout.shown == 1 and layout.scale == 4 and not layout.stages_down


def test_without_room_nothing_is_shown() -> None:
    assert batch_layout(8, 5, 64, 64, 10, 3).shown == 0


def test_the_canvas_has_every_tile_at_the_top_of_its_cells() -> None:
    pictures = np.arange(5 * 3, dtype=np.uint8).reshape(5, 3, 1, 1, 1) * np.ones((1, 1, 4, 6, 3), np.uint8)
    layout = batch_layout(3, 5, 4, 6, 20, 14)
    canvas = batch_canvas(pictures, layout, (99, 99, 99))
    assert layout.stages_down and canvas.shape == (2 * 5 * layout.high, 3 * 6 + 2, 3)
    for stage in range(5):
        for picture in range(3):
            assert (canvas[2 * stage * layout.high, picture * layout.wide] == pictures[stage, picture, 0, 0]).all()
    assert (canvas[:, 6] == 99).all()
    down = batch_canvas(pictures, batch_layout(3, 5, 4, 6, 34, 9), (99, 99, 99))
    assert down.shape[1] == 5 * 6 + 4
