"""Steps a second of a run with the TUI attached against the same run alone, in turns.

    python -m tui_lab.bench.attached [--rounds 3] [--seconds 20] [--recipe pixel-faces-16] [--json]

One run is measured throughout, and the TUI comes and goes beside it: two runs would differ by more than what is looked
for. The TUI's own start is not counted.
"""

from __future__ import annotations

import argparse
import statistics

from tui_lab.bench import report
from tui_lab.bench.pty_terminal import PtyTerminal
from tui_lab.bench.report import Report, Sample
from tui_lab.bench.training_run import COMMAND, training_run


def measure(options: argparse.Namespace) -> Report:
    columns, rows = map(int, options.size.split("x"))
    with training_run(options.recipe) as run:

        def alone() -> float:
            return run.steps_per_second(options.seconds)

        def attached() -> float:
            argv = [COMMAND, run.name]
            with PtyTerminal(argv, columns=columns, rows=rows, env=run.env, parse=False) as terminal:
                run.steps_per_second(options.settle)
                if terminal.exit_code is not None:
                    raise SystemExit(f"the lab left with exit code {terminal.exit_code}")
                return run.steps_per_second(options.seconds)

        without, beside = report.alternating(options.rounds, alone, attached)
    samples = (Sample("headless", "steps/s", without), Sample("TUI attached", "steps/s", beside))
    ratio = statistics.median(beside) / statistics.median(without)
    return Report(f"{options.recipe} with the TUI attached", samples, "attached / headless (wanted: 0.93)", ratio)


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each turn is measured")
    parser.add_argument("--settle", type=float, default=5.0, help="how long the TUI has to start and warm up")
    parser.add_argument("--recipe", default="pixel-faces-16")
    parser.add_argument("--size", default="200x60", help="columns x rows")
    return parser


if __name__ == "__main__":
    raise SystemExit(report.run(measure, options()))
