"""Frames a second of 200×60 cells of new noise, through Textual, in a real pseudo-terminal: in all colours, in 256, in
16; and of a picture of 64×64 pixels.

    python -m tui_lab.bench.ui_frames [--seconds 3] [--rounds 3] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from textual.app import App, ComposeResult

from tui_lab.bench import report
from tui_lab.bench.pty_terminal import PtyTerminal
from tui_lab.bench.report import Ratio, Report, Sample, in_pairs
from tui_lab.tui.picture_mode import Pictures
from tui_lab.tui.terminal import ColourDepth
from tui_lab.tui.widgets.pixel_view import PixelView

COLUMNS, ROWS = 200, 60
WHOLE, SMALL = "200×60 cells", "64×64 pixels"
FEWER = ("200×60 cells in 256 colours", "200×60 cells in 16")
KINDS = {
    WHOLE: ((2 * ROWS, COLUMNS), ColourDepth.TRUECOLOR),
    FEWER[0]: ((2 * ROWS, COLUMNS), ColourDepth.PALETTE),
    FEWER[1]: ((2 * ROWS, COLUMNS), ColourDepth.SIXTEEN),
    SMALL: ((64, 64), ColourDepth.TRUECOLOR),
}
"""Rows and columns of pixels, and the colours that they are drawn in."""


class Noise(App[None]):
    """A picture of new noise as often as the last one has been displayed."""

    def __init__(self, size: tuple[int, int], depth: ColourDepth, seconds: float, result: Path) -> None:
        """`size`: rows and columns of pixels."""
        super().__init__()
        self.pictures = Pictures(os.environ)  # as the lab has them
        self._depth = depth
        self._seconds = seconds
        self._result = result
        self._frames = np.random.default_rng(0).integers(0, 256, (16, *size, 3), dtype=np.uint8)
        self._shown = 0
        self._first_cpu = 0.0
        self._first_time = 0.0

    def compose(self) -> ComposeResult:
        yield PixelView(depth=self._depth)

    def on_ready(self) -> None:
        self._first_cpu, self._first_time = time.process_time(), time.monotonic()
        self._next()

    def _next(self) -> None:
        seconds = time.monotonic() - self._first_time
        if seconds >= self._seconds:
            cpu = time.process_time() - self._first_cpu
            self._result.write_text(json.dumps({"shown": self._shown, "seconds": seconds, "cpu_seconds": cpu}))
            self.exit()
            return
        self.query_one(PixelView).show(self._frames[self._shown % len(self._frames)])
        self._shown += 1
        self.call_after_refresh(self._next)


def measure(options: argparse.Namespace) -> Report:
    found: dict[str, list[_Frames]] = {name: [] for name in KINDS}

    def frames(name: str) -> float:
        found[name].append(_frames(name, options.seconds))
        return found[name][-1].per_second

    report.alternating(options.rounds, *(partial(frames, name) for name in KINDS))
    cpu = {name: tuple(each.cpu_ms for each in rounds) for name, rounds in found.items()}
    samples = [
        Sample(WHOLE, "1/s", tuple(each.per_second for each in found[WHOLE]), 40, "higher"),
        *(Sample(f"{name}: a frame", "ms CPU", cpu[name], 3 if name == SMALL else 12) for name in KINDS),
        *(Sample(f"{name}: a frame", "kB", tuple(each.kilobytes for each in found[name])) for name in KINDS),
    ]
    in_256, in_16 = (Ratio(f"{name} / {WHOLE}, CPU", in_pairs(cpu[name], cpu[WHOLE]), "lower") for name in FEWER)
    return Report("frames of new noise", tuple(samples), in_256.name, in_256.value, "lower", (in_16,))


@dataclass(frozen=True)
class _Frames:
    """What a round of a kind gave."""

    per_second: float
    cpu_ms: float
    kilobytes: float


def _frames(name: str, seconds: float) -> _Frames:
    with TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = [sys.executable, "-m", "tui_lab.bench.ui_frames", "--child", str(result)]
        command += ["--kind", name, "--seconds", str(seconds)]
        with PtyTerminal(command, columns=COLUMNS, rows=ROWS, parse=False) as terminal:
            terminal.wait_for_exit(timeout=seconds + 30)
            told = json.loads(result.read_text())
            written = terminal.bytes_written / 1000
    return _Frames(told["shown"] / told["seconds"], 1000 * told["cpu_seconds"] / told["shown"], written / told["shown"])


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0, help="how long a round of each kind lasts")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--kind", choices=KINDS, default=WHOLE, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    child = options().parse_known_args()[0]
    if child.child is not None:
        Noise(*KINDS[child.kind], child.seconds, child.child).run()
        raise SystemExit(0)
    raise SystemExit(report.run(measure, options()))
