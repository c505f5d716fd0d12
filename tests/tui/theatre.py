"""What the tests of the theatre, and of what it opens, look at."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import numpy as np
from textual.pilot import Pilot
from textual.widgets import Static

from tests.drawer import STEPS, picture
from tests.tui.conftest import until
from tui_lab.recipe.denoising import Denoising
from tui_lab.tui.screens.theatre import TheatreScreen
from tui_lab.tui.widgets.denoising_panes import DenoisingPanes

OpenedTheatre = Callable[..., AbstractAsyncContextManager[tuple[TheatreScreen, Pilot[Any]]]]


def shown(theatre: TheatreScreen, checkpoint: int, index: int, seed: int = 0) -> bool:
    """Whether the panes show that step, of all that is drawn."""
    drawn = picture(Denoising(source="heron", checkpoint=checkpoint, knobs={"seed": seed}), index)
    panes = theatre.query_one(DenoisingPanes).pictures
    names = ("x_t", "x0", "eps", "change")
    return bool(panes) and all(np.array_equal(panes[name], drawn[names.index(name)]) for name in panes)


def said(theatre: TheatreScreen) -> str:
    """The title and the readings."""
    widgets = [theatre.query_one(f"#{name}", Static) for name in ("theatre-title", "stage-readings", "stage-words")]
    return "\n".join(str(widget.content) for widget in widgets if not widget.has_class("-hidden"))


async def finished(theatre: TheatreScreen, pilot: Pilot[Any], checkpoint: int = 200, seed: int = 0) -> None:
    await until(pilot, lambda: shown(theatre, checkpoint, STEPS - 1, seed))
