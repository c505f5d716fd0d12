"""A run as this window sees it: its journal, live frame and status, read as they grow; and commands sent to it."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tui_lab.errors import LabError
from tui_lab.recipe import KNOBS, flat
from tui_lab.runs.curves import Curves
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.frame import Frame, FrameReader
from tui_lab.runs.journal import JournalReader, Record
from tui_lab.runs.provenance import Provenance
from tui_lab.runs.spool import Answer, read_answer, submit
from tui_lab.runs.status import Status, status_of
from tui_lab.tui.overlay import FollowedCurves

STATUS_SECONDS = 1.0
"""How often the lock is looked at when the journal is silent."""


@dataclass(frozen=True, slots=True)
class Update:
    """What is new since the last look; an answer comes with the kind of its command. `damage` are words on lines of
    the journal that could not be read, each said once."""

    records: list[Record] = field(default_factory=list)
    frame: Frame | None = None
    answers: list[tuple[str, Answer]] = field(default_factory=list)
    status_changed: bool = False
    damage: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.records or self.frame or self.answers or self.status_changed or self.damage)


class AttachedRun:
    """Reads one run folder. It writes nothing but commands (and columns of the journal that are missing), so any number
    of these may watch one run.

    `started` is what the rank said of itself when it began: device, threads, parameters. `waiting_for` is what it is
    busy with before its first step.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.curves = Curves()
        self.provenance = Provenance()
        self.parent_curves: FollowedCurves | None = None
        self.status: Status = status_of(folder)
        self.waiting_for = ""
        self.started: dict[str, Any] = {}
        self._journal = JournalReader(folder)
        self._read_past = False
        self._damage_told: set[str] = set()
        self._frames = FrameReader(folder)
        self._sent: dict[str, str] = {}
        self._looked = time.monotonic()

    @property
    def id(self) -> str:
        return self.folder.id

    @property
    def alive(self) -> bool:
        """Whether commands will be heard."""
        return self.status.alive

    def poll(self) -> Update:
        """Everything new. Cheap when nothing is: a `stat` or two.

        The first look takes in the whole past, by its columns where a file of the journal is full; those records are
        not among the update's.
        """
        if not self._read_past:
            for summary in self._journal.read_past():
                self.curves.feed_summary(summary)
                self._hear(summary.events)
            self._read_past = True
            self._read_parent()
        records = self._journal.read_new()
        if records:
            self.curves.feed(records)
            self._hear(records)
        answers = [
            (kind, answer)
            for sent, kind in self._sent.items()
            if (answer := read_answer(self.folder, sent)) is not None
        ]
        for _, answer in answers:
            del self._sent[answer.id]
        damage = [words for words in self._journal.damage.words() if words not in self._damage_told]
        self._damage_told.update(damage)
        return Update(records, self._frames.read_new(), answers, self._look_at_status(records), damage)

    def _read_parent(self) -> None:
        """A fork's curve goes on from its parent's, as that was when we came; a parent that is gone has none."""
        if self.status.parent is not None:
            with suppress(LabError, OSError):
                followed = FollowedCurves(RunFolder.open(self.status.parent))
                followed.read()
                self.parent_curves = followed

    def _hear(self, records: list[Record]) -> None:
        self.provenance.feed(records)
        for record in records:
            if record.kind == "starting":
                self.waiting_for = str(record.data.get("message", ""))
            elif record.kind == "started":
                self.started, self.waiting_for = record.data, str(record.data.get("waits_for", ""))

    def _look_at_status(self, records: list[Record]) -> bool:
        telling = any(record.kind != "metrics" for record in records)
        if not telling and time.monotonic() - self._looked < STATUS_SECONDS:
            return False
        before, self.status = self.status, status_of(self.folder)
        self._looked = time.monotonic()
        return (before.name, before.alive, before.message) != (self.status.name, self.status.alive, self.status.message)

    def live_knobs(self) -> dict[str, Any]:
        """Every live knob as the run goes on with it: its recipe's, or what was made of it since. RecipeError where
        the recipe cannot be read any more."""
        asked = flat(self.folder.recipe())
        return {**{key: asked[key] for key, knob in KNOBS.items() if knob.live}, **self.curves.live}

    def send(self, kind: str, **data: Any) -> None:
        """Drop a command into the spool; its answer comes with a later `poll`."""
        self._sent[submit(self.folder, kind, data)] = kind

    def latest_trajectory(self) -> tuple[np.ndarray, dict[str, Any]] | None:
        """(pixels, about) of the newest finished preview, memory-mapped; None where there is none that can be read."""
        for path in sorted(self.folder.previews.glob("step-*.npy"), key=_number, reverse=True):
            try:
                about = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
                pixels = np.load(path, mmap_mode="r", allow_pickle=False)
            except (OSError, ValueError):
                continue  # being written, or pruned under our hands
            if pixels.ndim == 6:
                return pixels, about
        return None


def _number(path: Path) -> int:
    tail = path.stem.rpartition("-")[2]
    return int(tail) if tail.isdigit() else 0
