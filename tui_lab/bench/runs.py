"""What keeping a run costs: its training a step and a checkpoint, the labs that watch it, and whoever attaches late."""

from __future__ import annotations

import argparse

from tui_lab.bench import attach, clients, step_cost
from tui_lab.bench.report import Report, say, together


def measure(options: argparse.Namespace) -> Report:
    reports = []
    for bench in (step_cost, attach, clients):
        say(f"runs: {bench.__name__.rpartition('.')[2]}")
        reports.append(bench.measure(bench.options().parse_args([])))
    return together("what keeping a run costs", reports)


def options() -> argparse.ArgumentParser:
    return argparse.ArgumentParser(prog="runs", description=__doc__)
