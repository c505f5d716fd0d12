"""What those who watch a run cost it: alone, beside a lab that is stopped, and beside three labs.

    python -m tui_lab.bench.clients [--rounds 3] [--seconds 15] [--recipe pixel-faces-16] [--json]

One run is measured throughout, in turns. The labs' own start is not counted. What three labs cost is their own
drawing, on the cores that the run has too; a stopped one draws nothing, and the run must not wait for it. Steps a
second say as much of whoever else is on the machine, so that the result is the processor time of a step.
"""

from __future__ import annotations

import argparse
import os
import signal
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import psutil

from tui_lab.bench import report
from tui_lab.bench.pty_terminal import PtyTerminal
from tui_lab.bench.report import Ratio, Report, Sample, in_pairs
from tui_lab.bench.training_run import COMMAND, TrainingRun, training_run
from tui_lab.runs.roster import living_ranks

LABS = 3


@dataclass
class _Costs:
    """Of the turns of one kind: processor milliseconds of a step, and percent of a core that each lab took."""

    step: list[float] = field(default_factory=list)
    lab: list[float] = field(default_factory=list)

    def turn(self, run: TrainingRun, seconds: float, labs: Sequence[PtyTerminal] = ()) -> float:
        """The run's steps a second."""
        (rank,) = living_ranks(run.folder)
        watching = [psutil.Process(lab.pid) for lab in labs]
        began, used, drawn = time.monotonic(), _processor(rank), sum(map(_processor, watching))
        rate = run.steps_per_second(seconds)
        wall = time.monotonic() - began
        self.step.append(1000 * (_processor(rank) - used) / (rate * wall))
        self.lab.append(100 * (sum(map(_processor, watching)) - drawn) / wall / max(1, len(watching)))
        return rate


def measure(options: argparse.Namespace) -> Report:
    costs = {name: _Costs() for name in ("alone", "stopped", "several")}
    with training_run(options.recipe) as run:

        def alone() -> float:
            return costs["alone"].turn(run, options.seconds)

        def stopped() -> float:
            with ExitStack() as terminals:
                lab = _attached(terminals, run)
                run.steps_per_second(options.settle)
                os.kill(lab.pid, signal.SIGSTOP)
                try:
                    return costs["stopped"].turn(run, options.seconds)
                finally:
                    os.kill(lab.pid, signal.SIGCONT)

        def several() -> float:
            with ExitStack() as terminals:
                labs = [_attached(terminals, run) for _ in range(LABS)]
                run.steps_per_second(options.settle)
                return costs["several"].turn(run, options.seconds, labs)

        without, beside_stopped, beside_several = report.alternating(options.rounds, alone, stopped, several)
    samples = (
        Sample("alone", "steps/s", without),
        Sample("beside a stopped lab", "steps/s", beside_stopped),
        Sample(f"beside {LABS} labs", "steps/s", beside_several),
        Sample("alone", "ms of processor a step", tuple(costs["alone"].step)),
        Sample("beside a stopped lab", "ms of processor a step", tuple(costs["stopped"].step)),
        Sample(f"beside {LABS} labs", "ms of processor a step", tuple(costs["several"].step)),
        Sample("a lab that watches", "% of a core", tuple(costs["several"].lab)),
    )
    return Report(
        f"{options.recipe} and those who watch it",
        samples,
        "processor time a step, beside a stopped lab / alone",
        in_pairs(costs["stopped"].step, costs["alone"].step),
        "lower",
        (
            Ratio(
                f"processor time a step, beside {LABS} labs / alone",
                in_pairs(costs["several"].step, costs["alone"].step),
                "lower",
            ),
            Ratio("steps a second, beside a stopped lab / alone", in_pairs(beside_stopped, without)),
            Ratio(f"steps a second, beside {LABS} labs / alone", in_pairs(beside_several, without)),
        ),
    )


def _processor(process: psutil.Process) -> float:
    """Seconds of it, so far."""
    times = process.cpu_times()
    return times.user + times.system


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
