"""The map of a run: one picture, checkpoints down, denoising steps across."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from tests.drawer import STEPS, Drawer, picture
from tests.tui.conftest import until
from tests.tui.pictures import pixels_shown
from tests.tui.theatre import OpenedTheatre, finished, shown
from tui_lab.recipe.denoising import Denoising
from tui_lab.tui.map_layout import lay_out
from tui_lab.tui.pixels import upscale
from tui_lab.tui.screens.checkpoint_map import CheckpointMapScreen
from tui_lab.tui.screens.theatre import TheatreScreen
from tui_lab.tui.widgets.checkpoint_map import CheckpointMap


async def opened_map(theatre: TheatreScreen, pilot: Pilot[Any]) -> CheckpointMap:
    await finished(theatre, pilot)
    await pilot.press("m")
    await until(pilot, lambda: isinstance(theatre.app.screen, CheckpointMapScreen))
    return theatre.app.screen.query_one(CheckpointMap)


def words(map_: CheckpointMap) -> str:
    return str(map_.screen.query_one("#map-words", Static).content)


async def test_every_cell_of_the_map_is_that_checkpoint_at_that_step(
    open_theatre: OpenedTheatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLORTERM", "truecolor")
    async with open_theatre() as (theatre, pilot):
        map_ = await opened_map(theatre, pilot)
        await until(pilot, lambda: all(map_._tile(row, place) is not None for row in range(3) for place in map_.places))
        assert map_.places == list(range(STEPS))
        await pilot.pause()
        layout, pixels = map_.layout_now, pixels_shown(map_)
        for row, checkpoint in enumerate((100, 200, 300)):
            for place in range(STEPS):
                tile = picture(Denoising(source="heron", checkpoint=checkpoint), place)[1, 0]
                left, top = layout.corner(row, place)
                on_screen = pixels[top : top + layout.height, left : left + layout.width]
                assert np.array_equal(on_screen, upscale(tile, layout.enlarge)), (checkpoint, place)


async def test_the_cursor_goes_both_ways_and_enter_opens_the_cell(open_theatre: OpenedTheatre) -> None:
    async with open_theatre() as (theatre, pilot):
        map_ = await opened_map(theatre, pilot)
        await until(pilot, lambda: "step 6/6" in words(map_))
        await pilot.press("up", "left", "left")
        assert "checkpoint 100" in words(map_)
        await until(pilot, lambda: "step 4/6" in words(map_))
        await pilot.press("enter")
        await until(pilot, lambda: theatre.app.screen is theatre and shown(theatre, 100, 3))


async def test_another_picture_of_the_batch_and_its_state(open_theatre: OpenedTheatre) -> None:
    async with open_theatre() as (theatre, pilot):
        map_ = await opened_map(theatre, pilot)
        await until(pilot, lambda: map_._tile(0, 0) is not None)
        await pilot.press("shift+right", "v")
        drawn = picture(Denoising(source="heron", checkpoint=100), 0)
        await until(pilot, lambda: map_._tile(0, 0) is not None)
        assert np.array_equal(map_._tile(0, 0), drawn[0, 1])


async def test_a_row_that_was_pruned_says_so(open_theatre: OpenedTheatre, drawer: Drawer) -> None:
    drawer.pruned = {100}
    async with open_theatre() as (theatre, pilot):
        map_ = await opened_map(theatre, pilot)
        await pilot.press("up")
        await until(pilot, lambda: "heron has no checkpoint of step 100" in words(map_))
        assert "✗" in str(map_.screen.query_one("#map-labels", Static).content)


@pytest.mark.parametrize("size", [(72, 20), (80, 24), (120, 40), (200, 60)])
@pytest.mark.parametrize("side", [8, 16, 32, 128])
def test_a_map_shows_some_of_both_axes_whatever_the_sizes(size: tuple[int, int], side: int) -> None:
    layout = lay_out(side, side, 40, 50, size[0] - 10, size[1] - 4)
    assert layout.rows >= 1 and layout.columns >= 4
    right, bottom = layout.corner(layout.rows - 1, layout.columns - 1)
    assert right + layout.width <= size[0] - 10 and bottom + layout.height <= 2 * (size[1] - 4)
    assert layout.at(0, 0) == (0, 0) and layout.at(10_000, 0) is None


def test_few_checkpoints_get_large_pictures() -> None:
    assert lay_out(16, 16, 2, 20, 190, 50).enlarge == 2
