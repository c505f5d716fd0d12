"""CPU time of the loss chart: a million points drawn anew after each new point, zoomed and panned, and twelve runs of
a million.

    python -m tui_lab.bench.chart [--points 1000000] [--rounds 15] [--json]

A refresh is all that a frame takes but the writing: decimation, curves, axes, legend, 100 marks and the reading line.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable

import numpy as np

from tui_lab.bench import report
from tui_lab.bench.report import Report, Sample
from tui_lab.tui import chart_frame
from tui_lab.tui.chart import Mark, Scaling, Series
from tui_lab.tui.pyramid import Pyramid

COLUMNS, ROWS = 200, 60
RUNS = 12


def measure(options: argparse.Namespace) -> Report:
    steps = np.arange(options.points, dtype=np.float64)
    noise = np.random.default_rng(0).normal(0, 0.05, options.points)
    loss = 0.2 + np.exp(-steps / options.points * 5) + noise
    marks = [Mark(float(step), f"lr {step}") for step in np.linspace(0, options.points, 100).astype(int)]
    pyramids = [Pyramid() for _ in range(RUNS)]
    lengths = iter(range(options.points - 10 * options.rounds, options.points))
    zooms = itertools.cycle(0.5**depth for depth in range(1, 8))
    places = itertools.cycle(np.linspace(0.0, 0.9, 16).tolist())

    def refresh(view: tuple[float, float] | None = None) -> None:
        count = next(lengths)
        curve = Series("train", steps[:count], loss[:count], band=(loss[:count], loss[:count]), smoothing=0.02)
        scaling = Scaling(view)
        drawn = chart_frame.draw(
            [curve], COLUMNS, ROWS, scaling, marks=marks, x_label="step", pyramids=pyramids[:1], gutter=5
        )
        drawn.lines(float(count // 2))

    def overlay() -> None:
        curves = [Series(f"run {number}", steps, loss, smoothing=0.02) for number in range(RUNS)]
        chart_frame.draw(curves, COLUMNS, ROWS, Scaling(), x_label="step", pyramids=pyramids, gutter=5).lines()

    def shown(start: float, share: float) -> None:
        refresh((options.points * start, options.points * (start + share)))

    samples = (
        Sample(f"{options.points} points, a refresh", "ms CPU", _cpu(options.rounds, refresh), 8),
        Sample(
            "zoomed, from a half to a hundredth", "ms CPU", _cpu(options.rounds, lambda: shown(0.4, next(zooms))), 30
        ),
        Sample("panned, a tenth of it in view", "ms CPU", _cpu(options.rounds, lambda: shown(next(places), 0.1)), 30),
        Sample(f"{RUNS} runs of {options.points}", "ms CPU", _cpu(options.rounds, overlay), 25),
    )
    return Report(f"loss chart, {COLUMNS}×{ROWS}", samples, "ms CPU a refresh", samples[0].median, "lower")


def _cpu(rounds: int, draw: Callable[[], None]) -> tuple[float, ...]:
    """Milliseconds; the first time, which gathers the points, is not counted."""
    draw()
    times = []
    for _ in range(rounds):
        started = time.process_time()
        draw()
        times.append((time.process_time() - started) * 1000)
    return tuple(times)


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=15)
    return parser


if __name__ == "__main__":
    raise SystemExit(report.run(measure, options()))
