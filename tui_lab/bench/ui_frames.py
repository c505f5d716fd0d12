"""Frames a second of 200×60 cells of new noise, through Textual, in a real pseudo-terminal.

python -m tui_lab.bench.ui_frames [--seconds 5] [--rounds 3] [--json]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from textual.app import App, ComposeResult

from tui_lab.bench import report
from tui_lab.bench.pty_terminal import PtyTerminal
from tui_lab.bench.report import Report, Sample
from tui_lab.tui.widgets.pixel_view import PixelView

COLUMNS, ROWS = 200, 60


class Noise(App[None]):
    """A picture of new noise as often as the last one has been displayed."""

    def __init__(self, seconds: float, result: Path) -> None:
        super().__init__()
        self._seconds = seconds
        self._result = result
        self._frames = np.random.default_rng(0).integers(0, 256, (16, 2 * ROWS, COLUMNS, 3), dtype=np.uint8)
        self._shown = 0
        self._first_cpu = 0.0
        self._first_time = 0.0

    def compose(self) -> ComposeResult:
        yield PixelView()

    def on_ready(self) -> None:
        self._first_cpu, self._first_time = time.process_time(), time.monotonic()
        self._next()

    def _next(self) -> None:
        seconds = time.monotonic() - self._first_time
        if seconds >= self._seconds:
            cpu = (time.process_time() - self._first_cpu) / self._shown
            self._result.write_text(json.dumps({"frames_per_second": self._shown / seconds, "cpu_ms": cpu * 1000}))
            self.exit()
            return
        self.query_one(PixelView).show(self._frames[self._shown % len(self._frames)])
        self._shown += 1
        self.call_after_refresh(self._next)


def measure(options: argparse.Namespace) -> Report:
    rates, cpu, volume = [], [], []
    for _ in range(options.rounds):
        with TemporaryDirectory() as folder:
            result = Path(folder) / "result.json"
            command = [sys.executable, "-m", "tui_lab.bench.ui_frames", "--child", str(result)]
            command += ["--seconds", str(options.seconds)]
            with PtyTerminal(command, columns=COLUMNS, rows=ROWS, parse=False) as terminal:
                terminal.wait_for_exit(timeout=options.seconds + 30)
                found = json.loads(result.read_text())
                rates.append(found["frames_per_second"])
                cpu.append(found["cpu_ms"])
                volume.append(terminal.bytes_written / options.seconds / 1e6)
    samples = (
        Sample("frames", "1/s", tuple(rates)),
        Sample("CPU a frame", "ms", tuple(cpu)),
        Sample("written", "MB/s", tuple(volume)),
    )
    return Report("200x60 cells of new noise", samples, "frames a second (wanted: 40)", samples[0].median)


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long a round lasts")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    child = options().parse_known_args()[0]
    if child.child is not None:
        Noise(child.seconds, child.child).run()
        raise SystemExit(0)
    raise SystemExit(report.run(measure, options()))
