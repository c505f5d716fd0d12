"""One spare for the next run, as long as the lab is open: started, told what may come, and replaced after its use."""

from __future__ import annotations

import os
import time

from tui_lab.errors import LabError
from tui_lab.recipe import Recipe, dump_recipe
from tui_lab.runs.spare import Spare, room_for_spare

SPARE_VARIABLE = "DIFFUSION_LAB_SPARE"
"""Set to 0, no spare is kept: every run starts cold, and half a gigabyte of memory stays free."""

AFTER_USE_SECONDS = 20.0
"""The run that a spare became has the machine to itself for so long."""
AFTER_DEATH_SECONDS = 300.0
"""One that died by itself will die again: whatever ails it will be said by a run."""


class SpareKeeper:
    """Owns at most one spare. None of its methods waits for it."""

    def __init__(self) -> None:
        self._wanted = os.environ.get(SPARE_VARIABLE) != "0"
        self._spare: Spare | None = None
        self._hinted: object = None
        self._not_before = 0.0

    @property
    def ready(self) -> bool:
        """Whether there is one; it may still be warming up."""
        return self._spare is not None and self._spare.alive

    def keep(self, recipe: Recipe) -> None:
        """See that there is one where there is room for it, and that it gets ready for a recipe of this kind."""
        if self._spare is not None and not self._spare.alive:
            self.close()
            self._not_before = time.monotonic() + AFTER_DEATH_SECONDS
        if not room_for_spare(held=self.ready):
            self.close()
        elif self._spare is None and self._wanted and time.monotonic() >= self._not_before:
            self._begin()
        kind = (recipe.dataset, recipe.model, recipe.training)
        if self._spare is not None and kind != self._hinted:
            self._hinted = kind
            self._spare.hint(dump_recipe(recipe))

    def take(self) -> Spare | None:
        """The one for a run that starts now."""
        spare, self._spare = self._spare, None
        self._not_before = time.monotonic() + AFTER_USE_SECONDS
        return spare

    def close(self) -> None:
        """Let it go."""
        spare = self.take()
        if spare is not None:
            spare.close()

    def _begin(self) -> None:
        self._hinted = None
        try:
            self._spare = Spare()
        except (LabError, OSError):  # a full disk, no more processes: a run starts cold, and says why it cannot
            self._not_before = time.monotonic() + AFTER_DEATH_SECONDS
