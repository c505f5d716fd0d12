"""A denoising that the rank of a live run draws for this window, by its newest EMA weights, between training steps."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import numpy as np

from tui_lab.errors import LabError
from tui_lab.recipe.denoising import Denoising, parse_denoising
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.frame import Frame, FrameReader
from tui_lab.runs.previews import REQUEST_SHARE, recorded
from tui_lab.runs.spool import DENOISING, OF, read_answer, submit
from tui_lab.workbench.cell import Cell, Level
from tui_lab.workbench.cells import BESIDE, LIMIT, PANES

MOST = LIMIT // BESIDE


class LiveDenoising:
    """`cell` fills as the live frame changes, which may skip steps, and is whole once the run has recorded it."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._frames = FrameReader(folder)
        self._command = ""
        self.cell = Cell(Denoising(source=folder.id))

    def ask(self, asked: Denoising) -> None:
        """Let it be drawn, in place of what was asked before. Raises LabError: the command cannot be written down."""
        self.cell = Cell(asked)
        self.cell.word = f"between its training steps, in up to {REQUEST_SHARE:.0%} of the time"
        self._frames.read_new()  # of whatever was drawn before
        try:
            self._command = submit(self._folder, "sample", {DENOISING: asked.changed(checkpoint=None).to_json()})
        except OSError as error:
            raise LabError(f"{self._folder.id} cannot be asked to draw: {error.strerror or error}") from error

    def forget(self) -> None:
        """The rank draws it no further, and what still comes of it is not looked at."""
        command, self._command = self._command, ""
        if command:
            self.cell.rest("stopped")
            with suppress(LabError, OSError):  # its folder is gone: then nobody draws
                submit(self._folder, "cancel", {OF: command})

    def poll(self) -> bool:
        """Whether there is more of it to see."""
        if not self._command:
            return False
        frame = self._frames.read_new()
        if frame is not None and frame.header.get("panes", [])[: len(PANES)] == list(PANES):
            self._see(frame)
        answer = read_answer(self._folder, self._command)
        if answer is not None:
            self._command = ""
            if not answer.ok or not self._take(answer.step):
                self.cell.rest("failed", answer.message)
        return frame is not None or answer is not None

    def _see(self, frame: Frame) -> None:
        told = frame.header
        if told["index"] < self.cell.drawn:
            self.cell.rest("waiting")  # those were of another one, in whose place ours begins
        if not self.cell.drawn:
            self.cell.state = "drawing"
            self.cell.begin(told["count"], tuple(told["panes"]), frame.pixels, MOST)
        self.cell.at_once = int(told.get("at_once", 0))
        self.cell.add(_level(told["index"], told["timestep"], told["alpha"], told["sigma"], told["snr"]), frame.pixels)

    def _take(self, step: int) -> bool:
        """The newest that was recorded of that step, as a whole cell; False where it was removed already."""
        for one in reversed([one for one in recorded(self._folder.previews) if one.step == step]):
            try:
                about: dict[str, Any] = json.loads(one.path.with_suffix(".json").read_text(encoding="utf-8"))
                pixels = np.load(one.path, mmap_mode="r", allow_pickle=False)
                whole = Cell(self.cell.asked)
                whole.resolved, whole.at_once = parse_denoising(about["denoising"]), self.cell.at_once
                whole.begin(len(pixels), tuple(about["panes"]), pixels[0], MOST)
                for index, (picture, level) in enumerate(zip(pixels, about["levels"], strict=True)):
                    whole.add(_level(index, *level), picture)
            except (OSError, ValueError, KeyError, LabError):
                continue  # not ours, or thinned out just now
            whole.rest("done")
            self.cell = whole
            return True
        return False


def _level(index: int, timestep: float, alpha: float, sigma: float, snr: float) -> Level:
    return Level(index, float(timestep), float(alpha), float(sigma), float(snr))
