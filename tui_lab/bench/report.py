"""What the benches share: medians with their spread and the ratios made of them, taken in turns, told as they come."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

Better = Literal["higher", "lower"]


@dataclass(frozen=True)
class Sample:
    """Repeated measurements of one thing. `wanted` is what its median should keep to, where that is known."""

    name: str
    unit: str
    values: tuple[float, ...]
    wanted: float | None = None
    better: Better = "lower"

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def spread(self) -> tuple[float, float]:
        """The lowest and the highest: with a handful of repetitions that says more than a deviation."""
        return min(self.values), max(self.values)

    @property
    def ratios(self) -> tuple[Ratio, ...]:
        """To what is wanted."""
        return (Ratio(f"{self.name} / wanted", self.median / self.wanted, self.better),) if self.wanted else ()

    def line(self, width: int) -> str:
        """`width`: of the longest name."""
        low, high = self.spread
        wanted = f"; wanted: at {'most' if self.better == 'lower' else 'least'} {self.wanted:g}" if self.wanted else ""
        spread = f"({low:.3f} to {high:.3f}, n={len(self.values)}{wanted})"
        return f"  {self.name:<{width}}  {self.median:10.3f} {self.unit:<9} {spread}"


@dataclass(frozen=True)
class Ratio:
    """A number that holds from one machine to the next better than the times that it is made of."""

    name: str
    value: float
    better: Better = "higher"


@dataclass(frozen=True)
class Report:
    """A bench's samples and its result; `settings` are what it was measured with, `further` what else it found."""

    bench: str
    samples: tuple[Sample, ...]
    result: str
    value: float
    better: Better = "higher"
    further: tuple[Ratio, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def ratios(self) -> tuple[Ratio, ...]:
        """The result first, those of single samples last."""
        return (*self.own_ratios, *(ratio for sample in self.samples for ratio in sample.ratios))

    @property
    def own_ratios(self) -> tuple[Ratio, ...]:
        return (Ratio(self.result, self.value, self.better), *self.further)

    def table(self) -> str:
        width = max(len(sample.name) for sample in self.samples)
        lines = [self.bench, *(f"  {name}: {value}" for name, value in self.settings.items())]
        lines += [sample.line(width) for sample in self.samples]
        return "\n".join([*lines, *(f"  {ratio.name}: {ratio.value:.3f}" for ratio in self.ratios)])

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "bench": self.bench,
            "settings": dict(self.settings),
            "samples": [{**asdict(sample), "median": sample.median} for sample in self.samples],
            "ratios": [asdict(ratio) for ratio in self.ratios],
        }


def in_pairs(these: Sequence[float], those: Sequence[float]) -> float:
    """The median of each turn's own ratio: what slowed a turn slowed both of its halves."""
    return statistics.median(this / that for this, that in zip(these, those, strict=True))


def together(bench: str, reports: Sequence[Report]) -> Report:
    """One table of several benches; its result is the first one's."""
    samples = tuple(replace(sample, name=f"{each.bench}: {sample.name}") for each in reports for sample in each.samples)
    first, *others = (
        Ratio(f"{each.bench}: {ratio.name}", ratio.value, ratio.better) for each in reports for ratio in each.own_ratios
    )
    settings = {f"{each.bench}: {name}": value for each in reports for name, value in each.settings.items()}
    return Report(bench, samples, first.name, first.value, first.better, tuple(others), settings)


def run(measure: Callable[[argparse.Namespace], Report], parser: argparse.ArgumentParser) -> int:
    """One bench as a script: its table on stdout, or with --json one object."""
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    options = parser.parse_args()
    found = measure(options)
    sys.stdout.write((json.dumps(found.document()) if options.json else found.table()) + "\n")
    return 0


def say(text: str) -> None:
    """How far a bench is, on stderr: stdout is for the table."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def alternating(rounds: int, *actions: Callable[[], float]) -> Sequence[tuple[float, ...]]:
    """Values of each action, taken in turns, so that what the machine does besides hits all of them alike."""
    values: list[list[float]] = [[] for _ in actions]
    for turn in range(rounds):
        say(f"round {turn + 1} of {rounds}")
        order = list(enumerate(actions))
        for number, action in order if turn % 2 == 0 else reversed(order):
            values[number].append(action())
        say("  " + ", ".join(f"{each[-1]:.3f}" for each in values))
    return [tuple(each) for each in values]
