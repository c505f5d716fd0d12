"""Pictures, curves and keys: all benches of the screen, one after the other, in one table.

Its result is the time of first paint as a ratio to a bare Textual app's.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

from tui_lab.bench.report import Ratio, Report, say
from tui_lab.errors import LabError


def measure(options: argparse.Namespace) -> Report:
    try:
        from tui_lab.bench import chart, first_paint, key_echo, slow_line, ui_frames
    except ModuleNotFoundError as error:
        raise LabError(f"the ui bench needs {error.name}: pip install 'diffusion-lab[test]'") from error
    reports = []
    for bench in (first_paint, ui_frames, chart, slow_line, key_echo):
        say(f"ui: {bench.__name__.rpartition('.')[2]}")
        reports.append(bench.measure(bench.options().parse_args([])))
    samples = tuple(replace(sample, name=f"{each.bench}: {sample.name}") for each in reports for sample in each.samples)
    first = reports[0]
    further = tuple(Ratio(f"{each.bench}: {each.result}", each.value, each.better) for each in reports[1:])
    return Report("pictures, curves and keys", samples, first.result, first.value, "lower", further)


def options() -> argparse.ArgumentParser:
    return argparse.ArgumentParser(prog="ui", description=__doc__)
