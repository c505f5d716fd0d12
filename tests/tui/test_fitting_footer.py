"""The footer names as many keys as there is room for, and never drops help."""

from __future__ import annotations

from textual.widgets._footer import FooterKey

from tests.tui.conftest import Opened, until
from tui_lab.tui.screens.lab import LabScreen
from tui_lab.tui.widgets.fitting_footer import FittingFooter, overflow


def in_sight(lab: LabScreen) -> list[str]:
    footer = lab.query_one(FittingFooter)
    keys = [key for key in footer.query(FooterKey) if key.region.area]
    assert all(key.region.right <= footer.region.right for key in keys)
    return [key.action for key in keys]


def test_the_last_keys_give_way_but_not_help() -> None:
    keys = [("train", 10), ("runs", 10), ("help", 10), ("log", 10)]
    assert overflow(keys, 39) == []
    assert overflow(keys, 29) == [3]
    assert overflow(keys, 19) == [3, 1]


async def test_a_small_terminal_with_a_run_keeps_help_and_leave_in_sight(open_lab: Opened) -> None:
    async with open_lab((80, 24)) as (lab, pilot):
        await pilot.press("2", "t")
        await until(pilot, lambda: lab.alive and "pause" in in_sight(lab))
        assert {"train", "stop", "help", "leave"} <= set(in_sight(lab))
        await pilot.press("x")
        await until(pilot, lambda: not lab.alive)


async def test_keys_that_do_nothing_now_give_way_to_those_that_do(open_lab: Opened) -> None:
    async with open_lab((120, 40)) as (lab, pilot):
        await pilot.press("2")
        await until(pilot, lambda: {"curves(1)", "zoom", "runs"} <= set(in_sight(lab)))
        assert "undo" not in in_sight(lab)


async def test_a_wider_terminal_names_more_keys(open_lab: Opened) -> None:
    async with open_lab((80, 24)) as (lab, pilot):
        await until(pilot, lambda: "help" in in_sight(lab))
        await pilot.resize_terminal(200, 60)
        await until(pilot, lambda: {"zoom", "runs", "model", "fork", "help"} <= set(in_sight(lab)))
        await pilot.resize_terminal(72, 20)
        await until(pilot, lambda: "zoom" not in in_sight(lab) and "leave" in in_sight(lab))
