"""What those who watch a run cost it: steps a second alone, beside a lab that is stopped, and beside three labs.

    python -m tui_lab.bench.clients [--rounds 3] [--seconds 15] [--recipe pixel-faces-16] [--json]

One run is measured throughout, in turns. The labs' own start is not counted. What three labs cost is their own
drawing, on the cores that the run has too; a stopped one draws nothing, and the run must not wait for it.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
from contextlib import ExitStack

from tui_lab.bench import report
from tui_lab.bench.pty_terminal import PtyTerminal
from tui_lab.bench.report import Report, Sample
from tui_lab.bench.training_run import COMMAND, TrainingRun, training_run

LABS = 3


def measure(options: argparse.Namespace) -> Report:
    with training_run(options.recipe) as run:

        def alone() -> float:
            return run.steps_per_second(options.seconds)

        def stopped() -> float:
            with ExitStack() as terminals:
                lab = _attached(terminals, run)
                run.steps_per_second(options.settle)
                os.kill(lab.pid, signal.SIGSTOP)
                try:
                    return run.steps_per_second(options.seconds)
                finally:
                    os.kill(lab.pid, signal.SIGCONT)

        def several() -> float:
            with ExitStack() as terminals:
                for _ in range(LABS):
                    _attached(terminals, run)
                run.steps_per_second(options.settle)
                return run.steps_per_second(options.seconds)

        without, beside_stopped, beside_several = report.alternating(options.rounds, alone, stopped, several)
    samples = (
        Sample("alone", "steps/s", without),
        Sample("beside a stopped lab", "steps/s", beside_stopped),
        Sample(f"beside {LABS} labs", "steps/s", beside_several),
    )
    ratio = statistics.median(beside_stopped) / statistics.median(without)
    return Report(f"{options.recipe} and those who watch it", samples, "beside a stopped lab / alone", ratio)


def _attached(terminals: ExitStack, run: TrainingRun) -> PtyTerminal:
    return terminals.enter_context(PtyTerminal([COMMAND, run.name], env=run.env, parse=False))


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=15.0, help="how long each turn is measured")
    parser.add_argument("--settle", type=float, default=8.0, help="how long the labs have to start")
    parser.add_argument("--recipe", default="pixel-faces-16")
    return parser


if __name__ == "__main__":
    raise SystemExit(report.run(measure, options()))
