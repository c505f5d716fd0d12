"""A key's echo over lines of set speeds, while a model trains beside the lab and a denoising plays in it.

    python -m tui_lab.bench.slow_line [--keys 30] [--recipe pixel-faces-16] [--json]

The pseudo-terminal is drained at the speed of the line. The run on the screen only plays (`played_run`), so that it is
always in the middle of a denoising: twenty records and fifteen frames of new noise a second.
"""

from __future__ import annotations

import argparse
import itertools
import re
import time
from functools import partial

from tui_lab.bench import report
from tui_lab.bench.played_run import played_run
from tui_lab.bench.pty_terminal import PtyTerminal
from tui_lab.bench.report import Report, Sample
from tui_lab.bench.training_run import COMMAND, training_run

COLUMNS, ROWS = 150, 45
SPEEDS = ((1_000_000, 100), (256_000, 150), (64_000, 300))
"""Bytes a second, and the milliseconds that an echo may take there."""
_LETTERS = "@~#;&"
_SETTLED_SECONDS = 6.0


def measure(options: argparse.Namespace) -> Report:
    samples: list[Sample] = []
    with training_run(options.recipe), played_run() as (name, env, _):
        for speed, wanted in SPEEDS:
            times = tuple(_echoes(name, env, speed, options.keys))
            samples.append(Sample(f"key's echo at {speed // 1000} kB/s", "ms", times, wanted))
        opening = tuple(_first_echo(name, env, SPEEDS[-1][0]) for _ in range(3))
        samples.append(Sample(f"key pressed at the first picture, at {SPEEDS[-1][0] // 1000} kB/s", "ms", opening))
    worst = max(max(sample.values) / sample.wanted for sample in samples if sample.wanted)
    return Report(f"slow lines, {COLUMNS}×{ROWS}", tuple(samples), "the worst echo / wanted", worst, "lower")


def _lab(name: str, env: dict[str, str], speed: float) -> PtyTerminal:
    return PtyTerminal([COMMAND, name], columns=COLUMNS, rows=ROWS, env=env, drain_bytes_per_second=speed)


def _echoes(name: str, env: dict[str, str], speed: float, keys: int) -> list[float]:
    with _lab(name, env, speed) as terminal:
        terminal.wait_for("slow line: " if speed == SPEEDS[-1][0] else "predicted", timeout=60)
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


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=30)
    parser.add_argument("--recipe", default="pixel-faces-16", help="of the model that trains beside the lab")
    return parser


if __name__ == "__main__":
    raise SystemExit(report.run(measure, options()))
