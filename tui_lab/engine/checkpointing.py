"""When a run's checkpoints are taken, written and told of: training waits for a copy, a thread does the rest."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from tui_lab.engine import checkpoints
from tui_lab.engine.checkpoints import Written
from tui_lab.engine.guards import Guards
from tui_lab.engine.learner import Learner
from tui_lab.engine.meter import Meter
from tui_lab.engine.staging import Staging
from tui_lab.errors import DiskFullError, LabError
from tui_lab.recipe import diff, recipe_hash
from tui_lab.runs.rank import RankSession

_NICENESS = 10


@dataclass(frozen=True, slots=True)
class _Writing:
    """A checkpoint on its way to the disk. `stall`: the seconds that training waited for its copy."""

    step: int
    stall: float
    written: Future[Written]


class Checkpointing:
    """At most one checkpoint on its way to the disk. It is journalled once it is complete, at a step's boundary."""

    def __init__(
        self, session: RankSession, learner: Learner, meter: Meter, guards: Guards, versions: Mapping[str, str]
    ) -> None:
        self._session = session
        self._learner = learner
        self._meter = meter
        self._guards = guards
        self._versions = versions
        self._staging = Staging()
        self._writer = ThreadPoolExecutor(1, "checkpoints", initializer=_be_nice)
        self._writing: _Writing | None = None
        self._last: Written | None = None

    def begin(self) -> None:
        """Copy the state as it stands, and let it be written. Raises LabError: what became of the one before it, or
        that this one must not be written."""
        self.wait()
        began = time.perf_counter()
        learner, session = self._learner, self._session
        self._meter.flush()  # now, or a kill after the checkpoint would leave a gap in the curves
        if full := session.disk_full:  # nor may it hold what is not journalled yet: changes and steps would be lost
            raise DiskFullError(full)
        if not learner.finite():
            raise LabError("the weights are not finite: no checkpoint of them is written; the last good one is kept")
        asked = session.folder.recipe()
        state = {
            "recipe_hash": recipe_hash(asked),
            "changes": {key: new for key, _, new in diff(asked, learner.recipe)},
            "versions": dict(self._versions),
            "guards": self._guards.state(),
        }
        checkpoint = learner.checkpoint(state)
        copy = self._staging.copy(checkpoint.step, checkpoint.tensors, checkpoint.state)
        keep = learner.recipe.training.checkpoints_total_limit
        written = self._writer.submit(checkpoints.write, copy, session.folder.checkpoints, keep, session.kept)
        self._writing = _Writing(copy.step, time.perf_counter() - began, written)

    def settle(self) -> None:
        """Journal the one on its way if it has arrived. Raises LabError if it could not be written."""
        if self._writing is not None and self._writing.written.done():
            self._arrived(self._writing)

    def wait(self) -> None:
        """Until nothing is on its way. Raises LabError as `settle` does."""
        if self._writing is not None:
            self._arrived(self._writing)

    def now(self) -> str:
        """Write one of this step and wait for it, unless there is one; its path. Raises LabError."""
        if self._writing is None or self._writing.step != self._learner.step:
            if self._last is not None and self._last.step == self._learner.step:
                self.wait()
                return str(self._last.path)
            self.begin()
        self.wait()
        assert self._last is not None
        return str(self._last.path)

    def give_up(self) -> None:
        """Let the one on its way arrive or fail, and say nothing: what it is of will be undone."""
        writing, self._writing = self._writing, None
        if writing is not None:
            with suppress(LabError):
                writing.written.result()
        self._last = None

    def settle_or_ask(self) -> None:
        """As `settle`; a disk without room asks the guards for a pause, anything else is a warning."""
        self._or_ask(self.settle)

    def begin_or_ask(self) -> None:
        """As `begin`, for one by cadence."""
        self._or_ask(self.begin)

    def _or_ask(self, act: Callable[[], None]) -> None:
        try:
            act()
        except LabError as error:
            self._session.record("warning", self._learner.step, message=error.message)
            if isinstance(error, DiskFullError):
                self._guards.ask_pause(f"{error.message}; then resume")

    def _arrived(self, writing: _Writing) -> None:
        self._writing = None
        written = self._last = writing.written.result()
        self._session.record(
            "checkpoint",
            self._learner.step,
            of=written.step,
            path=str(written.path),
            stall_seconds=round(writing.stall, 4),
            seconds=round(written.seconds, 3),
            bytes=written.bytes,
        )


def _be_nice() -> None:
    """Training comes first. On Linux a thread has a priority of its own."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
