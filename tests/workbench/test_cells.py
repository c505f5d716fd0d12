"""The store of computed denoisings, over a workbench that streams real arrays at the test's own pace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np
import pytest

from tests.drawer import IMAGES, SIDE, STEPS, Drawer, picture
from tests.waiting import PATIENCE_SECONDS
from tui_lab.recipe.denoising import Denoising
from tui_lab.workbench.cell import Cell
from tui_lab.workbench.cells import BESIDE, PANES, Cells

STEP_BYTES = len(PANES) * IMAGES * SIDE * SIDE * 3
WHOLE = STEPS * STEP_BYTES


def asked(checkpoint: int, **knobs: int) -> Denoising:
    return Denoising(source="heron", checkpoint=checkpoint, knobs=knobs)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0)


async def drawn(cells: Cells, wish: Denoising, first: bool = True) -> Cell:
    cell = cells.want(wish, first)
    await until(lambda: cell.state in ("done", "failed"))
    return cell


async def test_a_cell_fills_step_by_step_and_tells_of_each() -> None:
    drawer = Drawer(let=2)
    cells, told = Cells(drawer), []
    stop = cells.listen(lambda cell: told.append((cell.state, cell.drawn)))
    cell = cells.want(asked(1))
    assert (cell.state, cell.progress, len(cell.pixels)) == ("waiting", 0.0, 0)
    await until(lambda: cell.drawn == 2)
    assert cell.pixels.shape == (2, len(PANES), IMAGES, SIDE, SIDE, 3)
    assert cell.progress == 2 / STEPS and not cell.done and cell.images == IMAGES
    drawer.let.release()
    await until(lambda: cell.drawn == 3)
    stop()
    for _ in range(STEPS):
        drawer.let.release()
    await until(lambda: cell.done)
    assert told == [("drawing", 0), ("drawing", 1), ("drawing", 2), ("drawing", 3)]
    assert np.array_equal(cell.pixels, np.stack([picture(asked(1), index) for index in range(STEPS)]))
    assert np.array_equal(cell.pane("eps", 4), picture(asked(1), 4)[2])
    assert [level.index for level in cell.levels] == list(range(STEPS)) and cell.levels[3].sigma == 3 / 7
    assert cell.resolved is not None and cell.resolved.knobs["seed"] == 0
    await cells.close()


async def test_the_same_wish_is_one_cell_drawn_once() -> None:
    drawer = Drawer()
    cells = Cells(drawer)
    one = await drawn(cells, asked(1, seed=3))
    again = cells.want(asked(1, seed=3).changed(place=1))  # which picture is meant makes no other drawing
    assert again is one is cells.get(asked(1, seed=3)) and drawer.asked == [1]
    assert cells.get(asked(1, seed=4)) is None
    await cells.close()


async def test_the_latest_first_wish_comes_first_and_prefetches_in_their_order() -> None:
    drawer = Drawer(let=0)
    cells = Cells(drawer)
    for step, first in ((1, True), (2, False), (3, False), (4, True)):
        cells.want(asked(step), first)
    await until(lambda: bool(drawer.asked))
    for _ in range(4 * STEPS):
        drawer.let.release()
    await until(lambda: len(drawer.closed) == 4)
    assert drawer.asked == [4, 1, 2, 3]
    await cells.close()


async def test_a_first_wish_interrupts_what_is_drawn_and_that_begins_anew_later() -> None:
    drawer = Drawer(let=2)
    cells = Cells(drawer)
    behind = cells.want(asked(1), first=False)
    await until(lambda: behind.drawn == 2)
    now = cells.want(asked(2))
    await until(lambda: drawer.asked == [1, 2])
    assert drawer.closed == [1] and behind.state == "waiting" and behind.drawn == 0 and cells.nbytes == 0
    for _ in range(2 * STEPS):
        drawer.let.release()
    await until(lambda: behind.done)
    assert now.done and drawer.asked == [1, 2, 1]
    assert np.array_equal(behind.pixels, np.stack([picture(asked(1), index) for index in range(STEPS)]))
    await cells.close()


async def test_cancelling_frees_the_drawer_and_keeps_the_steps_so_far() -> None:
    drawer = Drawer(let=3)
    cells = Cells(drawer)
    cell, waiting = cells.want(asked(1)), cells.want(asked(2), first=False)
    await until(lambda: cell.drawn == 3)
    cells.cancel(asked(2))
    cells.cancel(asked(1))
    await until(lambda: drawer.closed == [1])
    assert (cell.state, cell.drawn, len(cell.pixels), waiting.state) == ("stopped", 3, 3, "stopped")
    for _ in range(STEPS):
        drawer.let.release()
    assert await drawn(cells, asked(1)) is cell and len(cell.pixels) == STEPS
    assert drawer.asked == [1, 1]
    await cells.close()


async def test_what_is_kept_never_passes_the_limit_and_the_longest_unused_goes() -> None:
    drawer = Drawer()
    limit = BESIDE * WHOLE
    cells, seen = Cells(drawer, limit), []
    cells.listen(lambda cell: seen.append(cells.nbytes))
    for step in range(1, 5):
        await drawn(cells, asked(step))
    cells.get(asked(1))
    await drawn(cells, asked(5))
    assert max(seen) == limit
    assert drawer.asked == [1, 2, 3, 4, 5] and cells.get(asked(2)) is None
    assert all(cells.get(asked(step)) is not None for step in (1, 3, 4, 5))
    again = await drawn(cells, asked(2))
    assert np.array_equal(again.pixels, np.stack([picture(asked(2), index) for index in range(STEPS)]))
    await cells.close()


@pytest.mark.parametrize(("room", "kept"), [(6, [0, 1, 2, 3, 4, 5]), (5, [1, 3, 5]), (3, [1, 3, 5]), (1, [5])])
async def test_a_large_cell_keeps_every_nth_step_and_the_last(room: int, kept: list[int]) -> None:
    cells = Cells(Drawer(), BESIDE * room * STEP_BYTES)
    cell = await drawn(cells, asked(1))
    assert [level.index for level in cell.levels] == kept
    assert np.array_equal(cell.pixels, np.stack([picture(asked(1), index) for index in kept]))
    assert cell.nbytes <= room * STEP_BYTES and cell.drawn == cell.count == STEPS
    await cells.close()


async def test_a_step_too_large_for_any_room_says_so() -> None:
    cells = Cells(Drawer(), BESIDE * STEP_BYTES - BESIDE)
    cell = await drawn(cells, asked(1))
    assert cell.state == "failed" and "fewer images" in cell.error and cells.nbytes == 0
    await cells.close()


async def test_a_checkpoint_that_is_pruned_says_so_in_its_cell_and_the_others_go_on() -> None:
    drawer = Drawer()
    drawer.pruned = {1}
    cells = Cells(drawer)
    gone, there = cells.want(asked(1), first=False), cells.want(asked(2), first=False)
    await until(lambda: there.done)
    assert (gone.state, gone.error) == ("failed", "heron has no checkpoint of step 1")
    drawer.pruned = set()
    assert (await drawn(cells, asked(1))).done and gone.error == ""
    await cells.close()


async def test_a_stream_that_ends_too_early_is_no_whole_cell() -> None:
    drawer = Drawer()
    drawer.ends_after = 4
    cells = Cells(drawer)
    cell = await drawn(cells, asked(1))
    assert (cell.state, len(cell.pixels)) == ("failed", 4) and "4 of 6 steps" in cell.error
    await cells.close()


async def test_what_is_wished_for_after_the_end_is_not_drawn() -> None:
    """As by a screen that still stands while the program leaves."""
    drawer = Drawer(let=2)
    cells = Cells(drawer)
    cell = cells.want(asked(1))
    await until(lambda: cell.drawn == 2)
    await cells.close()
    assert drawer.closed == [1]
    again = cells.want(asked(1))
    await asyncio.sleep(0)
    assert again.state == "waiting" and drawer.asked == [1]
