"""A live run as far as drawing for the theatre goes."""

from __future__ import annotations

import json

import numpy as np

from tests.drawer import STEPS, picture
from tui_lab.recipe.denoising import Denoising
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.frame import FrameWriter
from tui_lab.runs.spool import Command, Spool
from tui_lab.workbench.cells import PANES

ASKED = Denoising(source="heron", knobs={"seed": 5})
RESOLVED = ASKED.changed(checkpoint=140)


class Rank:
    """Rank 0 of a run, as far as drawing goes; it speaks through the run's folder alone."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._frames, self._spool = FrameWriter(folder), Spool(folder)

    def asked(self) -> Command:
        (command,) = self._spool.take()
        return command

    def shows(self, index: int) -> None:
        level = {"timestep": 900.0 - index, "alpha": 0.5, "sigma": 0.25, "snr": 4.0}
        header = {"kind": "preview", "step": 140, "seed": 5, "index": index, "count": STEPS, "panes": PANES, **level}
        self._frames.write(header, picture(RESOLVED, index))

    def records(self, command: Command) -> None:
        path = self._folder.previews / "step-00000140-0001.npy"
        path.parent.mkdir(exist_ok=True)
        np.save(path, np.stack([picture(RESOLVED, index) for index in range(STEPS)]))
        levels = [(900.0 - index, 0.5, 0.25, 4.0) for index in range(STEPS)]
        about = {"denoising": RESOLVED.to_json(), "panes": PANES, "levels": levels}
        path.with_suffix(".json").write_text(json.dumps(about))
        self._spool.answer(command, True, f"drawn from step 140: {path}", 140)

    def refuses(self, command: Command, why: str) -> None:
        self._spool.answer(command, False, why, 140)
