"""The rank's side of a run folder: what the engine and the stand-in of the tests share."""

from __future__ import annotations

import json
import math
import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tui_lab.errors import DiskFullError, LabError, RecipeError, RunError
from tui_lab.recipe import KNOBS, Recipe, replaced
from tui_lab.runs.command_checks import checked
from tui_lab.runs.environment import DIED, SUPERVISOR, place
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.frame import FrameWriter
from tui_lab.runs.interventions import Changes, Interventions
from tui_lab.runs.journal import Journal, JournalReader
from tui_lab.runs.lifecycle import living
from tui_lab.runs.record import Record
from tui_lab.runs.roster import sign_in
from tui_lab.runs.spool import Command, Spool
from tui_lab.runs.tail import last_words
from tui_lab.runs.undoing import Undo, drop_future, undo_of, unfinished
from tui_lab.runs.weights import weights_of

METRICS_SECONDS = 0.05
LOOK_SECONDS = 0.2
"""How often a rank looks whether its supervisor is still there."""
BLAMED_STEPS = 200
"""A change this long ago, or less, is held to have caused what goes wrong."""
_AGAIN = ("set", "pause", "stop", "checkpoint")
"""Commands that take effect with their record in the journal, or are the same done twice."""


class RankSession:
    """One process's turn at a run, from opening the folder to its last word.

    `recipe` is the recipe as it stands now: as asked, with the changes applied up to here. `past_last_step` is the
    last step that an earlier process journalled; a checkpoint below it means that this one rewinds. `waits` says why
    the process before this one was paused when it was killed: so this one begins.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self._asked = folder.recipe()
        self.recipe: Recipe = self._asked
        self._terminated = False
        self._supervisor: dict[str, Any] | None = json.loads(os.environ.get(SUPERVISOR, "null"))
        self._looked_at = -math.inf
        if self._supervisor is not None:
            self._join(self._supervisor)
        journal = JournalReader(folder)
        past = list(journal.read_events())
        self._died = os.environ.pop(DIED, "")
        self._interventions = Interventions()
        self._interventions.feed(past)
        self.waits = _pause_before(past) if self._died else ""
        self._replays = next((record.data for record in past if record.kind == "replays"), None)
        self.past_last_step = _last_step(past, last_words(folder).metrics)
        self._journal = Journal(folder)
        self._spool = Spool(folder, warn=self._warn, ready=lambda: not self._journal.full)
        self._step = self.past_last_step
        self._metrics = _Window()
        self._frames = FrameWriter(folder)
        self._overtaken: set[str] = set()
        if (undone := unfinished(past)) is not None:
            drop_future(folder, undone)
        for words in journal.damage.words():
            self._warn(f"the journal is damaged, and what stood there is not known any more: {words}")
        self._settle_overtaken(past)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._on_sigterm)

    def _join(self, supervisor: dict[str, Any]) -> None:
        """Sign in, then look whether the supervisor is still there. One that died before it wrote this process down
        leaves nobody who knows of it: the next supervisor finds it in the roster, or it finds out here that it is not
        wanted. Two writers of one journal must never be."""
        with suppress(DiskFullError):
            sign_in(self.folder, place().rank)
        if living(supervisor) is None:
            raise RunError(f"the supervisor that started this rank of {self.folder.id} is gone")

    def _on_sigterm(self, signal_number: int, frame: FrameType | None) -> None:
        self._terminated = True

    def _warn(self, message: str) -> None:
        self.record("warning", self._step, message=message)

    @property
    def orphaned(self) -> bool:
        """The supervisor is gone, or SIGTERM came: write a checkpoint and leave."""
        if not self._terminated and self._supervisor and time.monotonic() - self._looked_at > LOOK_SECONDS:
            self._looked_at = time.monotonic()
            self._terminated = living(self._supervisor) is None
        return self._terminated

    @property
    def disk_full(self) -> str:
        """Why the journal cannot be written, which is tried anew each time; empty where it can."""
        return "" if self._journal.retry() else self._journal.full

    @property
    def last_step(self) -> int:
        """Where the run is to end: the recipe's last step, or that of the run it replays; 0: never by itself."""
        return int(self._replays["until"]) if self._replays else self.recipe.training.max_train_steps

    @property
    def replaying(self) -> bool:
        return self._replays is not None

    @property
    def origin(self) -> frozenset[int]:
        """The step of the checkpoint that a fork began with: the way back to its beginning, which is never pruned."""
        parent = self.folder.parent()
        return frozenset({int(parent["step"])}) if parent else frozenset()

    @property
    def kept(self) -> frozenset[int]:
        """Steps of the checkpoints that no limit takes: the origin, and the one to which an undo of the last change
        goes back."""
        changed = max((one.step for one in self._interventions.applied), default=-1)
        before = [step for step in self.folder.checkpoint_steps() if step <= changed]
        return self.origin | frozenset(before[-1:])

    # Commands

    def poll(self, step: int) -> list[Command]:
        """New commands that make sense, journalled as taken. What makes none is rejected here. Costs one listdir."""
        self._step = step
        self._journal.retry()
        self._spool.file_answers()
        sound = []
        recipe = self.recipe
        for command in self._spool.take():
            if command.id not in self._overtaken:
                self._decided(
                    "command", step, id=command.id, command=command.kind, data=command.data, client=command.client
                )
            try:
                sensible = checked(command, recipe, self.folder)
            except RecipeError as error:
                self.rejected(command, step, error.message)
                continue
            recipe = replaced(recipe, sensible.data.get("changes", {}))
            sound.append(sensible)
        return sound

    def _settle_overtaken(self, past: list[Record]) -> None:
        """What an earlier process took, and was killed before it answered. What it had journalled is answered so; of
        the rest, what may be done again is taken once more by `poll`, and the others are rejected."""
        decided = {str(r.data.get("id")): r for r in past if r.kind in ("applied", "rejected")}
        taken = {str(r.data.get("id")): r.seq for r in past if r.kind == "command"}
        for command in self._spool.waiting():
            if command.id not in taken:
                continue
            record = decided.get(command.id)
            if record is not None:
                self._spool.answer(command, record.kind == "applied", str(record.data.get("message", "")), record.step)
            elif command.kind in _AGAIN:
                self._overtaken.add(command.id)
            elif command.kind == "undo" and (back := _undone(past, taken[command.id])) is not None:
                self.applied(command, back)
            else:
                self.rejected(command, self._step, "the run's process was killed before this was done: ask again")
        self._spool.forget(taken.keys() - self._overtaken)

    def applied(self, command: Command, step: int, **data: Any) -> None:
        """Journal and answer. For a `set`, `changes={key: [old, new]}`; `recipe` stands changed afterwards."""
        message = str(data.pop("message", "")) or _told(command, step, data)
        if command.kind == "set":
            self.adopt({key: pair[1] for key, pair in data["changes"].items()})
        self._decided("applied", step, id=command.id, command=command.kind, message=message, **data)
        self._spool.answer(command, True, message, step)

    def rejected(self, command: Command, step: int, why: str) -> None:
        self.record("rejected", step, id=command.id, command=command.kind, message=why)
        self._spool.answer(command, False, why, step)

    def _decided(self, kind: str, step: int, **data: Any) -> None:
        """Journal what a resume, a replay or an undo has to know of."""
        self.record(kind, step, **data)
        self._interventions.feed([Record(0, 0.0, step, kind, data)])

    # Taking changes back

    def last_change_at(self, step: int) -> int | None:
        """The step of the last change that stands at `step`."""
        return max((one.step for one in self._interventions.applied if one.step <= step), default=None)

    def taken_back(self, identity: str, step: int, key: str, old: Any, new: Any, message: str) -> None:
        """Journal that a part of a change failed, under its command's id: a replay leaves it out too."""
        self._decided("applied", step, id=identity, command="set", message=message, changes={key: [old, new]})

    def undo_at(self, step: int, to: int | None) -> Undo:
        """What an undo at `step` goes back to. Raises RunError."""
        return undo_of(self._interventions, step, to)

    def rewind(self, step: int, to: int, why: str, undo: Undo) -> None:
        """Journal that the run goes back from `step` to the checkpoint of `to`, or its beginning, and remove the
        checkpoints of the future that is dropped by that. `replay_after(to)` tells how it goes on."""
        dropped = list(undo.dropped)
        self._decided("rewound", to, **{"from": step, "to": to, "why": why, "dropped": dropped, "undo": True})
        drop_future(self.folder, to)

    # Changes from before this process

    def adopt(self, changes: Changes) -> None:
        """Let `recipe` stand with these changes; journals nothing."""
        if changes:
            self.recipe = replaced(self.recipe, changes)

    def go_on_from(self, step: int) -> list[tuple[int, Changes]]:
        """`replay_after`, for a process that begins at `step`: journalled where that is a rewind, and without a batch
        size that the process before this one died of."""
        if self.past_last_step > step:
            why = "the process before this one ran out of memory" if self._died == "memory" else ""
            self.record("rewound", step, **{"from": self.past_last_step, "to": step, "why": why, "dropped": []})
        if self._died == "memory":
            self._take_batch_back(step)
        return self.replay_after(step)

    def _take_batch_back(self, step: int) -> None:
        key = "training.train_batch_size"
        change = next((one for one in reversed(self._interventions.applied) if key in one.changes), None)
        if change is None or (change.step < step and change.step < self.past_last_step - BLAMED_STEPS):
            return
        old, new = change.changes[key]
        if new < old:
            return
        message = f"train_batch_size {new} filled the machine's memory: it is {old} again"
        self.taken_back(change.id, max(change.step, step), key, new, old, message)
        self.record("warning", step, message=message)

    def replay_after(self, step: int) -> list[tuple[int, Changes]]:
        """Set `recipe` as it stood at the checkpoint of `step`; return the later changes, to be applied at theirs.

        For each, when its step comes: `adopt(changes)`. They are in the journal already and need no new line.
        """
        self.recipe = self._asked
        self.adopt(self._interventions.until(step))
        return self._interventions.after(step)

    def compare_with_replayed(self, step: int) -> None:
        """At the end of a replay: say in the journal whether its weights are those of the run that it replays."""
        if self._replays is None:
            return
        weights, expected = weights_of(self.folder.checkpoint(step)), self._replays["weights"]
        equal = bool(weights) and weights == expected
        self.record("replayed", step, run=self._replays["run"], equal=equal, weights=weights, expected=expected)

    # The journal

    def record(self, kind: str, step: int, **data: Any) -> None:
        """Any journal line. Metrics gathered so far go first, so that lines stand in the order of their steps."""
        self.flush_metrics()
        self._journal.append(kind, step, **data)

    def metrics(self, step: int, **values: float) -> None:
        """One step's values; at most 20 records a second are written, each with mean, min, max and last."""
        self._metrics.add(step, values)
        if self._metrics.age() >= METRICS_SECONDS:
            self.flush_metrics()

    def flush_metrics(self) -> None:
        """Close the window: at checkpoints, pauses and the end (`record` does it by itself)."""
        if not self._metrics.count:
            return
        window, self._metrics = self._metrics, _Window()
        self._journal.append("metrics", window.last_step, **window.summary())

    # Pictures

    def frame(self, header: dict[str, Any], pixels: NDArray[np.uint8]) -> None:
        """Replace the live frame. A full disk costs the picture, never the run: the journal's own write reports it."""
        with suppress(LabError):
            self._frames.write(header, pixels)

    def next_preview_path(self, step: int) -> Path:
        """`previews/step-00000100-0001.npy`; the last number goes on counting through the whole run."""
        numbers = [int(path.stem.rpartition("-")[2]) for path in self.folder.previews.glob("step-*-*.npy")]
        return self.folder.previews / f"step-{step:08d}-{max(numbers, default=0) + 1:04d}.npy"

    def close(self) -> None:
        """Write what is gathered. Commands that still wait are answered by the supervisor."""
        try:
            self.flush_metrics()
            self._journal.sync()
        finally:
            self._journal.close()
            self._frames.close()


class _Window:
    """Values of some consecutive steps."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._values: dict[str, list[float]] = {}
        self.count = 0
        self.first_step = 0
        self.last_step = 0

    def age(self) -> float:
        return time.monotonic() - self._began

    def add(self, step: int, values: dict[str, float]) -> None:
        if not self.count:
            self.first_step = step
        self.count += 1
        self.last_step = step
        for name, value in values.items():
            self._values.setdefault(name, []).append(float(value))

    def summary(self) -> dict[str, Any]:
        """min and max are over the finite values; the mean is not finite where one value is not."""
        summary: dict[str, Any] = {"count": self.count, "first_step": self.first_step}
        for name, values in self._values.items():
            if self.count == 1:  # the commonest, as most steps take longer than a window
                summary[name] = dict.fromkeys(("mean", "min", "max", "last"), values[0])
                continue
            finite = [value for value in values if math.isfinite(value)] or [math.nan]
            summary[name] = {
                "mean": math.fsum(values) / len(values) if len(finite) == len(values) else math.nan,
                "min": min(finite),
                "max": max(finite),
                "last": values[-1],
            }
        return summary


def _last_step(events: list[Record], metrics: Record | None) -> int:
    """The furthest that an earlier process came, since it last went back. Some records are of a step before the one
    at which they are written."""
    last = 0
    rewound = 0
    for record in events:
        if record.kind == "rewound":
            last, rewound = record.step, record.seq
        elif record.kind != "starting":
            last = max(last, record.step)
    return max(last, metrics.step) if metrics is not None and metrics.seq > rewound else last


def _pause_before(records: list[Record]) -> str:
    """Why the process that wrote last was paused at its end; empty where it was not."""
    last = next((r for r in reversed(records) if r.kind in ("started", "paused", "resumed")), None)
    return str(last.data.get("message", "")) if last is not None and last.kind == "paused" else ""


def _undone(records: list[Record], asked: int) -> int | None:
    """The step to which an undo went back that was asked for in the record of number `asked`."""
    backs = (r.step for r in records if r.kind == "rewound" and r.data.get("undo") and r.seq > asked)
    return next(backs, None)


def _told(command: Command, step: int, data: dict[str, Any]) -> str:
    """One line for the person: `learning_rate 0.01 applied at step 1241 (was 0.001)`."""
    if command.kind == "set":
        parts = []
        for key, (old, new) in data["changes"].items():
            knob = KNOBS[key]
            parts.append(f"{knob.name} {knob.format(new)} applied at step {step} (was {knob.format(old)})")
        return ", ".join(parts)
    words = {
        "undo": "undone",
        "pause": "paused",
        "resume": "goes on",
        "stop": "stopped",
        "checkpoint": "checkpoint written",
    }
    return f"{words.get(command.kind, command.kind)} at step {step}"
