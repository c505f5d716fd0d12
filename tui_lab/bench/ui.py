"""Pictures, curves and keys: all benches of the screen, one after the other, in one table.

Its result is the time of first paint as a ratio to a bare Textual app's.
"""

from __future__ import annotations

import argparse

from tui_lab.bench import chart, first_paint, key_echo, key_to_first_step, rest, scrub, slow_line, ui_frames
from tui_lab.bench.report import Report, say, together


def measure(options: argparse.Namespace) -> Report:
    reports = []
    for bench in (first_paint, ui_frames, scrub, chart, slow_line, rest, key_echo, key_to_first_step):
        say(f"ui: {bench.__name__.rpartition('.')[2]}")
        reports.append(bench.measure(bench.options().parse_args([])))
    return together("pictures, curves and keys", reports)


def options() -> argparse.ArgumentParser:
    return argparse.ArgumentParser(prog="ui", description=__doc__)
