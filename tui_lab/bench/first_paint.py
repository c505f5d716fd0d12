"""First paint of the lab against a bare Textual app with a header and a footer, in turns.

    python -m tui_lab.bench.first_paint [--rounds 7] [--json]

First paint is the time from the start of the process to the first screen that is not blank; "all panels" is until the
lab shows `--until`.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tui_lab.bench import report
from tui_lab.bench.pty_terminal import PtyTerminal
from tui_lab.bench.report import Report, Sample
from tui_lab.bench.training_run import COMMAND

_BARE = """
from textual.app import App
from textual.widgets import Footer, Header

class Bare(App):
    def compose(self):
        yield Header()
        yield Footer()

Bare().run()
"""


def measure(options: argparse.Namespace) -> Report:
    columns, rows = map(int, options.size.split("x"))
    panels: list[float] = []
    with TemporaryDirectory(prefix="lab-bench-") as folder:
        bare = Path(folder) / "bare.py"
        bare.write_text(_BARE)
        env = {"DIFFUSION_LAB_HOME": folder}

        def paint_bare() -> float:
            with PtyTerminal([sys.executable, str(bare)], columns=columns, rows=rows) as terminal:
                return terminal.first_paint()

        def paint_lab() -> float:
            with PtyTerminal([COMMAND], columns=columns, rows=rows, env=env) as terminal:
                first = terminal.first_paint()
                terminal.wait_for(options.until)
                panels.append(terminal.shown_after)
                return first

        paint_bare(), paint_lab()  # the first start of each reads files that the later ones find in memory
        panels.clear()
        bare_times, lab_times = report.alternating(options.rounds, paint_bare, paint_lab)
    samples = (
        Sample("bare Textual app", "s", bare_times),
        Sample("diffusion-lab", "s", lab_times),
        Sample("diffusion-lab, all panels", "s", tuple(panels)),
    )
    ratio = statistics.median(lab_times) / statistics.median(bare_times)
    return Report(
        f"first paint, {options.size}", samples, "first paint, lab / bare (wanted: at most 1.5)", ratio, "lower"
    )


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--size", default="160x48", help="columns x rows")
    parser.add_argument(
        "--until", default="Press t to train", help="a pattern that is on the screen when all panels are"
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(report.run(measure, options()))
