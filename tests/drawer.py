"""A workbench in the test's own process, which draws real arrays at the test's own pace: no torch, no process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

import numpy as np

from tui_lab.errors import RunError
from tui_lab.recipe.denoising import Denoising
from tui_lab.workbench.answers import DenoisedStep, Origin
from tui_lab.workbench.cell import Pixels
from tui_lab.workbench.cells import PANES

STEPS, IMAGES, SIDE = 6, 4, 8

ORIGIN = Origin("ema", "0" * 64, "1" * 16, None, "cpu", "a processor", {})


def picture(asked: Denoising, index: int) -> Pixels:
    """What the drawer below draws: a function of the denoising and the step."""
    noise = np.random.default_rng([asked.knobs.get("seed", 0), asked.checkpoint or 0, index])
    return noise.integers(0, 256, (len(PANES), IMAGES, SIDE, SIDE, 3), dtype=np.uint8)


class Drawer:
    """A workbench that makes a step whenever it is let: `steps` in all, and afterwards any number."""

    def __init__(self, let: int = 10_000) -> None:
        self.let = asyncio.Semaphore(let)
        self.asked: list[int] = []
        self.closed: list[int] = []
        self.pruned: set[int] = set()
        self.ends_after: int | None = None
        self.by_knob = False
        """As many steps as are asked for, instead of always six."""

    async def denoise(self, asked: Denoising, panes: Sequence[str], device: str) -> AsyncGenerator[DenoisedStep, None]:
        step = asked.checkpoint or 0
        self.asked.append(step)
        try:
            if step in self.pruned:
                raise RunError(f"heron has no checkpoint of step {step}")
            count = int(asked.knobs["num_inference_steps"]) if self.by_knob else STEPS
            for index in range(self.ends_after or count):
                await self.let.acquire()
                resolved = asked.changed(knobs={"seed": 0, **asked.knobs})
                sigma = (count - index) / (count + 1)
                level = 1000 * sigma, 1 - sigma, sigma, ((1 - sigma) / sigma) ** 2
                yield DenoisedStep(resolved, ORIGIN, index, count, *level, PANES, picture(asked, index), IMAGES, "")
        finally:
            self.closed.append(step)

    async def close(self) -> None:
        """There is nothing to let go of."""
