"""From the key that trains to the first optimizer step: a warm lab with a spare, against one that starts its run cold.

    python -m tui_lab.bench.key_to_first_step [--rounds 4] [--recipe pixel-faces-16] [--json]

Each is the real program in a pseudo-terminal, opened on the recipe and left alone until nothing of it needs the
processor; then `t` is pressed. The first step is when the journal has it.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import signal
import statistics
import struct
import tempfile
import termios
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tui_lab.bench import report
from tui_lab.bench.report import Report, Sample
from tui_lab.bench.training_run import COMMAND
from tui_lab.bench.waiting import wait_for, wait_until
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.journal import JournalReader, Record
from tui_lab.runs.spare import READY
from tui_lab.runs.spool import submit
from tui_lab.runs.status import status_of

WANTED_SECONDS = 1.0
QUIET_SECONDS = 1.0
QUIET_SHARE = 0.05


def measure(options: argparse.Namespace) -> Report:
    warm, cold = report.alternating(
        options.rounds, lambda: _key_to_first_step(options.recipe, "1"), lambda: _key_to_first_step(options.recipe, "0")
    )
    return Report(
        f"key to first step, {options.recipe}",
        (Sample("a warm lab, with its spare", "s", warm, WANTED_SECONDS), Sample("a warm lab without one", "s", cold)),
        "without a spare / with one",
        statistics.median(cold) / statistics.median(warm),
    )


def _key_to_first_step(recipe: str, spare: str) -> float:
    with tempfile.TemporaryDirectory(prefix="lab-bench-") as home:
        env = {"DIFFUSION_LAB_HOME": home, "DIFFUSION_LAB_SPARE": spare}
        with _lab(recipe, env) as (process, keys):
            log = Path(home) / "logs" / "spare.log"
            if spare == "1":
                wait_until(lambda: log.exists() and READY in log.read_text(), 120, "the spare")
            else:
                wait_until((Path(home) / "logs" / "workbench.log").exists, 60, "the workbench")
            wait_until(lambda: _quiet(process), 120, "a lab that does nothing")
            pressed = time.time()
            os.write(keys, b"t")
            run = wait_for(lambda: next(map(RunFolder, (Path(home) / "runs").glob("[!.]*")), None), 60, "a run")
            first = wait_for(lambda: _first_step(run), 60, "the first step")
            submit(run, "stop")
            wait_until(lambda: not status_of(run).alive, 60, "the run's end")
            return first.time - pressed


def _first_step(run: RunFolder) -> Record | None:
    return next((record for record in JournalReader(run).read_new() if record.kind == "metrics"), None)


def _quiet(process: psutil.Process) -> bool:
    """Whether it and all that it started hardly needed the processor for a while."""
    family = [process, *process.children(recursive=True)]
    before = _cpu_seconds(family)
    time.sleep(QUIET_SECONDS)
    return _cpu_seconds(family) - before < QUIET_SHARE * QUIET_SECONDS


def _cpu_seconds(processes: list[psutil.Process]) -> float:
    total = 0.0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total


@contextmanager
def _lab(recipe: str, env: Mapping[str, str]) -> Iterator[tuple[psutil.Process, int]]:
    """The lab on a terminal of 120 × 40 that shows nobody what it writes; its process, and where keys go in."""
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        os.execve(COMMAND, [COMMAND, recipe], {**os.environ, "TERM": "xterm-256color", **env})
    reader = threading.Thread(target=_drain, args=(terminal,), daemon=True)
    reader.start()
    try:
        yield psutil.Process(pid), terminal
    finally:
        os.kill(pid, signal.SIGHUP)
        os.waitpid(pid, 0)
        reader.join()
        os.close(terminal)


def _drain(terminal: int) -> None:
    with suppress(OSError):  # how a pseudo-terminal says that its program is gone
        while os.read(terminal, 1 << 16):
            pass


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--recipe", default="pixel-faces-16")
    return parser


if __name__ == "__main__":
    raise SystemExit(report.run(measure, options()))
