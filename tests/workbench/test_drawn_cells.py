"""Cells as the real workbench draws them: the same bytes however they came to be drawn."""

from __future__ import annotations

import asyncio
import shutil

import numpy as np

from tests.tiny_run import tiny_run
from tui_lab.recipe.denoising import Denoising
from tui_lab.workbench.cell import Cell
from tui_lab.workbench.cells import BESIDE, PANES, Cells
from tui_lab.workbench.client import Workbench

WHOLE = 6 * len(PANES) * 3 * 8 * 8
"""Bytes of one: steps, panes, pictures, pixels."""


async def drawn(cells: Cells, asked: Denoising, first: bool = True) -> Cell:
    cell = cells.want(asked, first)
    while cell.state in ("waiting", "drawing"):
        await asyncio.sleep(0.01)
    return cell


async def alone(workbench: Workbench, asked: Denoising) -> np.ndarray:
    return np.stack([step.pixels async for step in workbench.denoise(asked, PANES)])


async def test_every_cell_is_what_another_workbench_draws_of_it_alone() -> None:
    run = tiny_run()
    wishes = [
        Denoising(source="tiny", checkpoint=step, knobs={"seed": seed}) for step in (20, 10) for seed in (1, 2, 3)
    ]
    async with Workbench() as mine, Workbench() as another:
        await asyncio.gather(mine.warm(), another.warm())
        cells = Cells(mine, BESIDE * WHOLE)
        for asked in wishes[1:]:  # all but one interrupted, or never begun
            cells.want(asked, first=False)
        cells.cancel(wishes[4])
        for asked in wishes:
            cell = await drawn(cells, asked)
            assert cell.done, cell.error
            assert np.array_equal(cell.pixels, await alone(another, asked)), asked
        assert cells.nbytes == BESIDE * WHOLE and cells.get(wishes[0]) is None
        again = await drawn(cells, wishes[0])
        assert np.array_equal(again.pixels, await alone(another, wishes[0]))

        same_noise = {cells.get(asked).pixels[0, 0].tobytes() for asked in (wishes[0], wishes[3]) if cells.get(asked)}
        assert len(same_noise) == 2  # one step of other weights: other pictures

        shutil.rmtree(run.checkpoint(10))
        gone = await drawn(cells, Denoising(source="tiny", checkpoint=10, knobs={"seed": 9}))
        assert gone.state == "failed" and "10" in gone.error
        await cells.close()
