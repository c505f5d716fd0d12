"""A key's echo while a run trains and a denoising plays, over lines of set speeds; and the lab at rest: its processor
time, bytes and memory.

    python -m tui_lab.bench.slow_line [--keys 30] [--seconds 10] [--json]

The pseudo-terminal is drained at the speed of the line. The run only plays (`played_run`): twenty records and fifteen
frames of new noise a second.
"""

from __future__ import annotations

import argparse
import itertools
import re
import time
from functools import partial

import psutil

from tui_lab.bench import report
from tui_lab.bench.played_run import played_run
from tui_lab.bench.pty_terminal import PtyTerminal
from tui_lab.bench.report import Report, Sample
from tui_lab.bench.training_run import COMMAND

COLUMNS, ROWS = 150, 45
SPEEDS = ((1_000_000, 100), (256_000, 150), (64_000, 300))
"""Bytes a second, and the milliseconds that an echo may take there."""
_LETTERS = "@~#;&"
_SETTLED_SECONDS = 6.0


def measure(options: argparse.Namespace) -> Report:
    samples: list[Sample] = []
    worst_share = 0.0
    with played_run() as (name, env, _):
        for speed, wanted in SPEEDS:
            times = tuple(_echoes(name, env, speed, options.keys))
            samples.append(Sample(f"key's echo at {speed // 1000} kB/s (wanted: {wanted})", "ms", times))
            worst_share = max(worst_share, samples[-1].median / wanted)
        opening = tuple(_first_echo(name, env, SPEEDS[-1][0]) for _ in range(3))
        samples.append(Sample(f"key pressed at the first picture, at {SPEEDS[-1][0] // 1000} kB/s", "ms", opening))
        samples.append(Sample("memory after that (wanted: 90)", "MB", (_memory(name, env, options.seconds),)))
    with played_run(paused=True) as (name, env, _):
        share, written = _at_rest(name, env, options.seconds)
    samples += [
        Sample("a paused run: processor (wanted: 1)", "% of one", (share,)),
        Sample("a paused run: written (wanted: 0)", "bytes/s", (written,)),
    ]
    return Report(
        f"slow lines and rest, {COLUMNS}×{ROWS}", tuple(samples), "echo / what is wanted", worst_share, "lower"
    )


def _lab(name: str, env: dict[str, str], speed: float | None = None, parse: bool = True) -> PtyTerminal:
    return PtyTerminal([COMMAND, name], columns=COLUMNS, rows=ROWS, env=env, drain_bytes_per_second=speed, parse=parse)


def _echoes(name: str, env: dict[str, str], speed: float, keys: int) -> list[float]:
    with _lab(name, env, speed) as terminal:
        terminal.wait_for("predicted", timeout=60)
        time.sleep(_SETTLED_SECONDS)
        terminal.send("/")
        terminal.wait_for("find a knob")
        found: list[float] = []
        lengths = range(1, len(_LETTERS) + 1)
        for typed, length in itertools.cycle([*((True, n) for n in lengths), *((False, n) for n in reversed(lengths))]):
            if len(found) == keys:
                return found
            part = _LETTERS[:length]
            shown = re.escape(part) if typed else partial(_is_without, part)
            found.append(1000 * terminal.echo(part[-1] if typed else "backspace", shown))
            time.sleep(0.13)
    return found


def _first_echo(name: str, env: dict[str, str], speed: float) -> float:
    """Milliseconds from a key pressed while the lab opens to what it brings: the lab's own start is most of it."""
    with _lab(name, env, speed) as terminal:
        terminal.wait_for("Schedule", timeout=60)
        return 1000 * terminal.echo("/", "find a knob", timeout=60)


def _is_without(gone: str, text: str) -> bool:
    return gone not in text


def _memory(name: str, env: dict[str, str], seconds: float) -> float:
    """Resident megabytes of the lab after some seconds of playing."""
    with _lab(name, env, parse=False) as terminal:
        time.sleep(_SETTLED_SECONDS + seconds)
        return float(psutil.Process(terminal.pid).memory_info().rss / 1e6)


def _at_rest(name: str, env: dict[str, str], seconds: float) -> tuple[float, float]:
    """(percent of a processor, bytes a second) once all is drawn and nothing moves."""
    with _lab(name, env, parse=False) as terminal:
        time.sleep(4 * _SETTLED_SECONDS)  # the workbench has warmed up, and notices have gone
        process = psutil.Process(terminal.pid)
        before, written = process.cpu_times(), terminal.bytes_written
        time.sleep(seconds)
        after = process.cpu_times()
        used = after.user + after.system - before.user - before.system
        return 100 * used / seconds, (terminal.bytes_written - written) / seconds


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=10.0, help="how long rest is watched")
    return parser


if __name__ == "__main__":
    raise SystemExit(report.run(measure, options()))
