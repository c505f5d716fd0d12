"""How long the Schedule panel takes to follow a knob, in a lab that has just been opened: median and worst.

    python -m tui_lab.bench.schedule_moves [--keys 30] [--size 200x60] [--json]

The brush stands at the last timestep, and the beta schedule is nudged; each time is from the key press to the bytes
that show other values at the brush, which are drawn with the curves. The workbench is not warm yet, or warming up.
"""

from __future__ import annotations

import argparse
import re
import tempfile

from tui_lab.bench import report
from tui_lab.bench.pty_terminal import PtyTerminal
from tui_lab.bench.report import Report, Sample
from tui_lab.bench.training_run import COMMAND

_AT_THE_BRUSH = re.compile(r"t 999  √ᾱ \S+")


def measure(options: argparse.Namespace) -> Report:
    columns, rows = map(int, options.size.split("x"))
    with tempfile.TemporaryDirectory(prefix="lab-bench-") as home:
        env = {"DIFFUSION_LAB_HOME": home}
        with PtyTerminal([COMMAND, options.recipe], columns=columns, rows=rows, env=env) as terminal:
            terminal.wait_for("ends in pure noise")
            terminal.send("2", "right")
            terminal.wait_for(_says_values)
            terminal.send("4", "/")
            terminal.wait_for("find a knob")
            terminal.type("beta_schedule")
            terminal.wait_for("beta_schedule  ")
            terminal.send("enter")
            terminal.wait_until_quiet()
            times = tuple(_moved(terminal) * 1000 for _ in range(options.keys))
    samples = (Sample("curves move", "ms", times, 100), Sample("worst", "ms", (max(times),)))
    return Report(f"a knob of the schedule, {options.size}", samples, "worst, ms", max(times), "lower")


def _moved(terminal: PtyTerminal) -> float:
    before = _values(terminal.text)
    seconds = terminal.echo("right", lambda text: _values(text) not in ("", before))
    terminal.wait_until_quiet(0.1)
    return seconds


def _values(text: str) -> str:
    """What is read at the brush, "" where it is not on the screen."""
    found = _AT_THE_BRUSH.search(text)
    return found[0] if found else ""


def _says_values(text: str) -> bool:
    return _values(text) != ""


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=30)
    parser.add_argument("--recipe", default="pixel-faces-16")
    parser.add_argument("--size", default="200x60", help="columns x rows")
    return parser


if __name__ == "__main__":
    raise SystemExit(report.run(measure, options()))
