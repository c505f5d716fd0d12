"""What the benches share: medians with their spread, printed as a small table or as JSON."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Sample:
    """Repeated measurements of one thing."""

    name: str
    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def spread(self) -> tuple[float, float]:
        """The lowest and the highest: with a handful of repetitions that says more than a deviation."""
        return min(self.values), max(self.values)


@dataclass(frozen=True)
class Report:
    """A bench's samples, and the number that the issue asks for."""

    bench: str
    samples: tuple[Sample, ...]
    result: str
    value: float

    def table(self) -> str:
        width = max(len(sample.name) for sample in self.samples)
        lines = [f"{self.bench}"]
        for sample in self.samples:
            low, high = sample.spread
            lines.append(
                f"  {sample.name:<{width}}  {sample.median:10.3f} {sample.unit:<9} "
                f"({low:.3f} to {high:.3f}, n={len(sample.values)})"
            )
        return "\n".join([*lines, f"  {self.result}: {self.value:.3f}"])


def run(measure: Callable[[argparse.Namespace], Report], parser: argparse.ArgumentParser) -> int:
    """A bench as a script: its table on stdout, or with --json one object."""
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    options = parser.parse_args()
    show(measure(options), options.json)
    return 0


def show(report: Report, as_json: bool = False) -> None:
    """Print it."""
    sys.stdout.write((json.dumps(asdict(report)) if as_json else report.table()) + "\n")


def alternating(rounds: int, *actions: Callable[[], float]) -> Sequence[tuple[float, ...]]:
    """Values of each action, taken in turns, so that what the machine does besides hits all of them alike."""
    values: list[list[float]] = [[] for _ in actions]
    for turn in range(rounds):
        order = list(enumerate(actions))
        for number, action in order if turn % 2 == 0 else reversed(order):
            values[number].append(action())
    return [tuple(each) for each in values]
