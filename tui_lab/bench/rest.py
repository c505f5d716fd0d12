"""What the lab holds after an hour's run, and what it takes while nothing moves: memory, processor time, bytes.

    python -m tui_lab.bench.rest [--seconds 20] [--json]

The runs only play (`played_run`): the hour's records come in a minute, while the lab follows them, and then twenty a
second with fifteen frames, as they would at its end.
"""

from __future__ import annotations

import argparse
import time
from functools import partial

import psutil

from tui_lab.bench import report
from tui_lab.bench.played_run import HURRY_SECONDS, STEPS_A_RECORD, played_run
from tui_lab.bench.pty_terminal import PtyTerminal
from tui_lab.bench.report import Ratio, Report, Sample
from tui_lab.bench.training_run import COMMAND
from tui_lab.bench.waiting import wait_until
from tui_lab.runs.journal import JournalReader

COLUMNS, ROWS = 150, 45
RECORDS = 20 * 3600
LOOKS = 10
_OPENED_SECONDS = 24.0
"""Until the workbench has warmed up, and notices have gone."""


def measure(options: argparse.Namespace) -> Report:
    with played_run(hurried=RECORDS) as (name, env, folder), _lab(name, env) as terminal:
        wait_until(partial(_has_played, JournalReader(folder)), 10 * HURRY_SECONDS, "an hour's records")
        time.sleep(_OPENED_SECONDS)
        memory = []
        for _ in range(LOOKS):
            time.sleep(1.0)
            memory.append(psutil.Process(terminal.pid).memory_info().rss / 1e6)
    with played_run(paused=True) as (name, env, _), _lab(name, env) as terminal:
        time.sleep(_OPENED_SECONDS)
        process = psutil.Process(terminal.pid)
        before, written = process.cpu_times(), terminal.bytes_written
        time.sleep(options.seconds)
        after = process.cpu_times()
        share = 100 * (after.user + after.system - before.user - before.system) / options.seconds
        bytes_a_second = (terminal.bytes_written - written) / options.seconds
    samples = (
        Sample("memory after an hour's run", "MB", tuple(memory), 90),
        Sample("a paused run: processor", "% of one", (share,), 1),
        Sample("a paused run: written", "bytes/s", (bytes_a_second,)),
    )
    written_ratio = Ratio("a paused run: bytes a second", bytes_a_second, "lower")
    return Report(f"rest, {COLUMNS}×{ROWS}", samples, written_ratio.name, written_ratio.value, "lower")


def _has_played(journal: JournalReader) -> bool:
    return any(record.step >= STEPS_A_RECORD * RECORDS for record in journal.read_new())


def _lab(name: str, env: dict[str, str]) -> PtyTerminal:
    return PtyTerminal([COMMAND, name], columns=COLUMNS, rows=ROWS, env=env, parse=False)


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long a paused run is watched")
    return parser


if __name__ == "__main__":
    raise SystemExit(report.run(measure, options()))
