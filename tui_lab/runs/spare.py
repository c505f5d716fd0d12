"""A spare: a supervisor and its rank, started before there is a run for them, so that training begins at once.

    launcher ── a JSON object a line ──▶ supervisor ── the same lines ──▶ rank
    {"hint": recipe, as TOML}  what the run will perhaps be: the rank gets ready for it
    {"run": path}              the run that they are for; from then on all is as after a cold start
    the end of the pipe        nobody needs them, or whoever did is gone: both leave

The supervisor is in a session of its own from the beginning, so that the run it becomes outlives its launcher. Until
then it holds no lock and is in no run's folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

from tui_lab.runs.files import FILE_MODE
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.home import open_log

SPARE = "--spare"
"""The argument that stands in the place of a run's path."""

ROOM = 3 << 30
"""Bytes of memory that must be free before one is started: it holds about 0.6 GB, and more on a GPU's machine."""
ROOM_TO_STAY = 1 << 30

READY = "ready for a run"
"""What a rank says in the spare's log whenever it has done all that it can do in advance."""

_LOOK_SECONDS = 1.0
"""How often a waiting supervisor looks whether its rank is still there."""

_DONE = object()

WarmUp = Callable[[str], Iterator[None]]
"""What a rank does while it waits, for a hint or "": it yields wherever it may be interrupted."""


class Spare:
    """The launcher's end. It leaves when it is closed, and when this process ends, however that may be."""

    def __init__(self) -> None:
        """Start one. Raises LabError where its log cannot be written, OSError where no process can be had."""
        with open_log("spare.log") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "tui_lab.runs.supervisor", SPARE],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def hint(self, recipe_toml: str) -> None:
        """Let it get ready for this recipe; a spare that is gone is not told, and `alive` says so."""
        with contextlib.suppress(BrokenPipeError):
            self._tell({"hint": recipe_toml})

    def give(self, run: RunFolder) -> subprocess.Popen[bytes] | None:
        """Make it the supervisor of this run. None where it is gone; afterwards it is a spare no more."""
        try:
            self._tell({"run": str(run.path)})
            self._close_pipe()
        except BrokenPipeError:
            self.close()
            return None
        return self._process

    def close(self) -> None:
        """Let it go; nobody waits for it."""
        self._close_pipe()
        threading.Thread(target=self._process.wait, name="reap-spare", daemon=True).start()

    def _tell(self, order: dict[str, str]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()

    def _close_pipe(self) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()


class SpareRank:
    """The supervisor's end of its rank, a child that waits for a run with a pipe as its stdin."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def await_run(self) -> RunFolder | None:
        """Pass hints on until a run is named. None: nobody needs this process, or the rank is gone."""
        orders = _Orders()
        with contextlib.suppress(EOFError, BrokenPipeError):
            while self.process.poll() is None:
                order = orders.take(_LOOK_SECONDS)
                if order is not None and "run" in order:
                    run = RunFolder(Path(order["run"]))
                    take_output(run.logs / "supervisor.log")
                    return run
                if order is not None:
                    self._tell(order)
        self.process.kill()
        self.process.wait()
        return None

    def begin(self, run: RunFolder) -> bool:
        """Make it the rank of this run, whose lock is held. False where it is gone."""
        try:
            self._tell({"run": str(run.path)})
        except BrokenPipeError:
            return False
        return self.process.poll() is None

    def _tell(self, order: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        self.process.stdin.flush()


def await_run(warm_up: WarmUp) -> Path | None:
    """A spare rank's wait for its run: it warms up meanwhile. None: nobody needs it."""
    orders = _Orders()
    work: Iterator[None] | None = warm_up("")
    try:
        while True:
            order = orders.take(None if work is None else 0.0)
            if order is None:
                if work is not None and next(work, _DONE) is _DONE:
                    work = None
                    sys.stderr.write(f"{READY}\n")
            elif "run" in order:
                run = RunFolder(Path(order["run"]))
                take_output(run.logs / "rank-0.log")
                return run.path
            else:
                work = warm_up(order["hint"])
    except EOFError:
        return None


def room_for_spare(held: bool) -> bool:
    """Whether this machine, or this process's container, has memory for one more, or for the one that is `held`."""
    return min(psutil.virtual_memory().available, _container_leaves()) >= (ROOM_TO_STAY if held else ROOM)


def waiting_spares() -> list[psutil.Process]:
    """This user's spares that are no run's supervisor yet; `info["ppid"]` is the lab that keeps it."""
    return [process for process in psutil.process_iter(["uids", "ppid"]) if _is_waiting(process)]


class _Orders:
    """The lines on stdin, as they come."""

    def __init__(self) -> None:
        self._buffer = b""

    def take(self, timeout: float | None) -> dict[str, Any] | None:
        """The next order; None where none comes in that time (None: however long it takes). EOFError at the end."""
        while b"\n" not in self._buffer:
            if not select.select([0], [], [], timeout)[0]:
                return None
            data = os.read(0, 1 << 16)
            if not data:
                raise EOFError
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        order: dict[str, Any] = json.loads(line)
        return order


def take_output(log: Path) -> None:
    """From here on this process reads nothing, and writes into the run's log."""
    null = os.open(os.devnull, os.O_RDONLY)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, FILE_MODE)
    for source, target in ((null, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.close(null)
    os.close(output)


def _is_waiting(process: psutil.Process) -> bool:
    """One that became a run's supervisor has let its pipe go."""
    try:
        mine = process.info["uids"] is not None and process.info["uids"].real == os.getuid()
        if not mine or process.cmdline()[-2:] != ["tui_lab.runs.supervisor", SPARE]:
            return False
        return str(Path(f"/proc/{process.pid}/fd/0").readlink()).startswith("pipe:")
    except (psutil.Error, OSError):  # it left as we looked
        return False


def _container_leaves() -> int:
    """What cgroup v2 leaves this process's container, file pages that can be dropped among it; else a large number."""
    try:
        limit, used = (int(Path(f"/sys/fs/cgroup/memory.{name}").read_text()) for name in ("max", "current"))
        stat = Path("/sys/fs/cgroup/memory.stat").read_text().split()
        return limit - used + int(stat[stat.index("inactive_file") + 1])
    except (OSError, ValueError):  # no cgroup v2, or "max"
        return 1 << 62
