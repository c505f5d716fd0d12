"""What the screens that draw pictures share: who draws, what is drawn already, and what was put aside to compare."""

from __future__ import annotations

from tui_lab.tui.pins import Pins
from tui_lab.workbench.cells import Cells
from tui_lab.workbench.client import Workbench


class Desk:
    """One for the whole program, so that the same denoising is one cell wherever it is shown."""

    def __init__(self, workbench: Workbench) -> None:
        self.workbench = workbench
        self.cells = Cells(workbench)
        self.pins = Pins()
        self.seed_is_locked = False
        """Whether the keys that take another seed rest, so that no slip of one changes the noise that is looked at."""

    async def close(self) -> None:
        await self.cells.close()
        await self.workbench.close()
