"""A turn at a run: its lock is held, what nobody was there to hear is answered, and its lifecycle tells how it went.

The supervisor takes one for its ranks; a rank 0 that was started by hand, as on a cluster, takes its own.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

import psutil

from tui_lab.errors import DiskFullError
from tui_lab.runs.environment import grace_seconds
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.journal import JournalReader
from tui_lab.runs.lifecycle import Lifecycle
from tui_lab.runs.lock import hold_lock
from tui_lab.runs.record import Record
from tui_lab.runs.roster import living_launchers, living_ranks
from tui_lab.runs.spool import Spool
from tui_lab.runs.tail import last_words

LAST_WORDS = ("finished", "stopped", "failed")
EXIT_HELD = 3
"""A process's exit code where another one has the run."""
EXIT_DISK_FULL = 4
"""A supervisor's exit code where the disk had no room to write down what it started."""


class Turn:
    """Held from `take` to `end`, or until this process ends."""

    def __init__(self, folder: RunFolder, lock: int) -> None:
        self.folder = folder
        self._lock = lock
        self._lifecycle = Lifecycle(folder)
        self._before = last_words(folder).state
        self._heard = _newest(folder)

    @classmethod
    def take(cls, folder: RunFolder) -> Turn | None:
        """None where another process has the run."""
        lock = hold_lock(folder)
        if lock is None:
            return None
        end_ranks(folder)
        # What was sent while nobody was there to hear it is not for this turn: an old "stop" would end it at once.
        answer_waiting(folder, "the run was not going when this was sent")
        return cls(folder, lock)

    def record(self, kind: str, **data: Any) -> None:
        """A line in the lifecycle. `started` tells the journal's last record before it; on a full disk it is the only
        one without which there is no going on: DiskFullError."""
        if kind == "started":
            self._lifecycle.append(kind, **data, after=self._heard)
            return
        with suppress(DiskFullError):  # the journal's last word then says how it ended
            self._lifecycle.append(kind, **data)
        self._heard = _newest(self.folder)

    def last_word(self) -> Record | None:
        """The last word of this turn's ranks, where they said one: finished, stopped or failed."""
        state = last_words(self.folder).state
        new = state is not None and (self._before is None or state.seq > self._before.seq)
        return state if state is not None and new and state.kind in LAST_WORDS else None

    def end(self, outcome: str, message: str) -> None:
        """Answer what still waits, say how it ended, and let the run go."""
        answer_waiting(self.folder, "the run ended before this was done")
        self.record("ended", outcome=outcome, message=message)
        self._lifecycle.close()
        os.close(self._lock)


def _newest(folder: RunFolder) -> int:
    """The number of the journal's last record."""
    words = last_words(folder)
    return max((record.seq for record in (words.state, words.last) if record is not None), default=0)


def answer_waiting(folder: RunFolder, why: str) -> None:
    """Answer each command that no rank will: no, unless it is journalled as applied."""

    def applied() -> dict[str, Record]:
        return {str(r.data.get("id")): r for r in JournalReader(folder).read_events() if r.kind == "applied"}

    Spool(folder).answer_waiting(why, applied)


def end_ranks(folder: RunFolder) -> None:
    """SIGTERM, the grace for a checkpoint, SIGKILL, for each rank by its own: orphans leave by themselves, but two
    writers of one journal must never be."""
    ranks, launchers = living_ranks(folder), living_launchers(folder)
    for rank in ranks:
        rank.terminate()
    _, deaf = psutil.wait_procs(ranks, timeout=grace_seconds())
    for rank in deaf:
        rank.kill()
    _, left = psutil.wait_procs([*deaf, *launchers], timeout=5)
    for process in left:
        process.kill()
    psutil.wait_procs(left, timeout=5)
