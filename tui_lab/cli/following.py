"""Waiting for a run from the shell: progress on stderr, and Ctrl-C that asks before it leaves."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

from tui_lab.cli.output import say
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.journal import JournalReader, Record
from tui_lab.runs.lock import is_locked
from tui_lab.runs.spool import submit
from tui_lab.runs.status import Status, status_of

POLL_SECONDS = 0.1
PLAIN_SECONDS = 15.0
LEFT_RUNNING = 130


class Progress(Protocol):
    def update(self, status: Status) -> None: ...


class PlainProgress:
    """Now and then a line, for logs and pipes."""

    def __init__(self) -> None:
        self._next = 0.0

    def update(self, status: Status) -> None:
        if status.name == "running" and status.loss is not None and time.monotonic() >= self._next:
            self._next = time.monotonic() + PLAIN_SECONDS
            say(_line(status))


class BarProgress:
    """A bar that stays on its line."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[words]}"),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task("", total=None, words="")

    def __enter__(self) -> BarProgress:
        self._bar.start()
        return self

    def __exit__(self, *reason: object) -> None:
        self._bar.stop()

    def update(self, status: Status) -> None:
        words = _line(status) if status.loss is not None else status.message
        self._bar.update(
            self._task,
            description=status.run,
            completed=status.step,
            total=status.max_train_steps or None,
            words=words if status.name == "running" else f"{status.name} {words}",
        )


def follow(folder: RunFolder, past: JournalReader) -> Status:
    """Wait for the run's end and return how it ended. `past` has read what was before this start.

    The first Ctrl-C asks the run to stop, the second leaves it running (SystemExit 130).
    """
    with _progress() as progress, _interrupts(folder):
        while True:
            alive = is_locked(folder)
            for record in past.read_new():
                _announce(record, folder.id)
            progress.update(status_of(folder))
            if not alive:
                return status_of(folder)
            time.sleep(POLL_SECONDS)


def ending(status: Status) -> str:
    """One line on how a run ended, and what to do next."""
    at = f"{status.run} {status.name} at step {status.step}"
    if status.name == "finished" or status.name == "stopped":
        then = f": see its pictures with: diffusion-lab sample {status.run}" if status.pipeline else ""
        return at + then
    why = f": {status.message}" if status.message else ""
    if status.refused:
        return at + why
    return f"{at}{why}. Its log: diffusion-lab log {status.run}. Go on with: diffusion-lab resume {status.run}"


@contextmanager
def _progress() -> Iterator[Progress]:
    if sys.stderr.isatty():
        with BarProgress() as bar:
            yield bar
    else:
        yield PlainProgress()


@contextmanager
def _interrupts(folder: RunFolder) -> Iterator[None]:
    asked = False

    def interrupt(signal_number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            say(f"{folder.id} goes on without this command. Come back with: diffusion-lab {folder.id}")
            raise SystemExit(LEFT_RUNNING)
        asked = True
        submit(folder, "stop")
        say(f"asked {folder.id} to stop with a checkpoint and a pipeline; Ctrl-C again leaves it to that")

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _announce(record: Record, run: str) -> None:
    """What a person waiting for a run wants to have read afterwards."""
    if record.kind == "warning":
        say(f"step {record.step}: {record.data.get('message', '')}")
    elif record.kind == "paused":
        say(f"step {record.step}: paused ({record.data.get('message', '')}): diffusion-lab resume {run} lets it go on")
    elif record.kind == "applied" and record.data.get("command") == "set":
        say(str(record.data.get("message", "")))
    elif record.kind == "rewound":
        step = record.data["to"]
        say(f"goes on from its checkpoint at step {step}" if step else "begins again: there was no checkpoint yet")


def _line(status: Status) -> str:
    goal = f" / {status.max_train_steps}" if status.max_train_steps else ""
    words = f"step {status.step}{goal}"
    if status.loss is not None:
        words += f"  loss {status.loss:.4f}"
    if status.steps_per_second:
        words += f"  {status.steps_per_second:.1f} it/s"
        left = status.max_train_steps - status.step
        if left > 0:
            minutes, seconds = divmod(round(left / status.steps_per_second), 60)
            words += f"  {minutes}:{seconds:02d} left"
    return words
