"""How many small grids of pictures find room beside each other."""

from __future__ import annotations

import pytest
from textual.geometry import Size

from tui_lab.tui.sheet_layout import layouts, usual

SIZES = [Size(64, 19), Size(104, 35), Size(184, 55)]
"""What titles leave of terminals of 80×24, 120×40 and 200×60."""


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("side", [8, 16, 28, 32, 64])
def test_a_sheet_begins_with_all_columns_and_enough_rows_in_view(size: Size, side: int) -> None:
    found = layouts((side, side), 4, (15, 5), size)
    plan = found[usual(found, (15, 5))]
    assert plan.across == 5 and plan.down >= 3
    assert plan.across * plan.pitch_x <= size.width and plan.down * plan.pitch_y <= 2 * size.height


@pytest.mark.parametrize("size", SIZES)
def test_larger_pictures_come_with_fewer_places_in_view(size: Size) -> None:
    found = layouts((16, 16), 4, (15, 5), size)
    assert [plan.height for plan in found] == sorted(plan.height for plan in found)
    assert found[-1].across * found[-1].down <= found[0].across * found[0].down
    assert all(plan.shown <= 4 for plan in found)


def test_each_place_shows_as_many_pictures_as_leave_the_sheet_in_view() -> None:
    wide = layouts((16, 16), 4, (15, 5), Size(184, 55))
    assert wide[usual(wide, (15, 5))].shown == 4
    small = layouts((16, 16), 4, (15, 5), Size(64, 19))
    assert small[usual(small, (15, 5))].shown == 1


def test_a_click_finds_its_place() -> None:
    found = layouts((16, 16), 1, (3, 3), Size(100, 40))
    plan = found[usual(found, (3, 3))]
    for row in range(plan.down):
        for column in range(plan.across):
            top, left = plan.corner(row, column)
            assert plan.place_at(left + 1, top // 2 + 1) == (row, column)
    assert plan.place_at(plan.across * plan.pitch_x, 0) is None


def test_a_terminal_too_small_for_one_picture_still_has_a_layout() -> None:
    (plan,) = layouts((64, 64), 4, (2, 2), Size(5, 2))
    assert (plan.across, plan.down, plan.shown) == (1, 1, 1)
