"""How long a key takes to bring the next step of a computed denoising on the screen: 64 pictures, 50 steps, 150×45.

    python -m tui_lab.bench.scrub [--steps 50] [--images 64] [--side 16] [--rounds 2] [--json]

The real lab in a real pseudo-terminal, its theatre opened on a run; only the denoising is not a model's, but noise that
fades, so that every pixel changes with every step. A step's time is from the key press to the last
byte of what it changed on the screen, with four panes and with one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from unittest import mock

import numpy as np
import psutil

from tui_lab.bench import report
from tui_lab.bench.pty_terminal import PtyTerminal
from tui_lab.bench.report import Report, Sample
from tui_lab.pictures.origin import Origin
from tui_lab.recipe import Recipe, dump_recipe
from tui_lab.recipe.denoising import Denoising
from tui_lab.runs.folder import RunFolder
from tui_lab.tui.spare_keeper import SPARE_VARIABLE
from tui_lab.workbench.answers import DenoisedStep
from tui_lab.workbench.cell import Cell
from tui_lab.workbench.cells import BESIDE, LIMIT, PANES
from tui_lab.workbench.client import Workbench

COLUMNS, ROWS = 150, 45
WANTED = 40
RUN = "scrubbed"
_OPENED_SECONDS = 2.5
LEAST_BYTES = 10_000
"""A step whose pictures came takes more than these."""


def measure(options: argparse.Namespace) -> Report:
    with TemporaryDirectory(prefix="lab-bench-") as home:
        env = {"DIFFUSION_LAB_HOME": home, SPARE_VARIABLE: "0"}
        with mock.patch.dict("os.environ", env):
            run = RunFolder.create(dump_recipe(Recipe()), name=RUN)
        run.checkpoint(100).mkdir(parents=True)
        sizes = [f"--{name}={getattr(options, name)}" for name in ("steps", "images", "side")]
        command = [sys.executable, "-m", "tui_lab.bench.scrub", "--child", *sizes]
        # Not parsed: pyte would read so slowly that the lab would believe the line to be slow.
        with PtyTerminal(command, columns=COLUMNS, rows=ROWS, env=env, parse=False) as terminal:
            terminal.wait_until_quiet(_OPENED_SECONDS, timeout=60)
            terminal.send("n")
            terminal.wait_until_quiet(_OPENED_SECONDS, timeout=60)
            four = _scrub(terminal, options)
            terminal.send("v", "v")
            one = _scrub(terminal, options)
    samples = (
        Sample("key to picture, four panes", "ms", four.times, WANTED),
        Sample("key to picture, one pane", "ms", one.times, WANTED),
        Sample("a step of four panes", "kB", four.kilobytes),
        Sample("a step of four panes", "ms CPU", (four.cpu,)),
        Sample("a step of one pane", "ms CPU", (one.cpu,)),
    )
    title = f"scrubbing {options.images} pictures of {options.side}×{options.side}, {COLUMNS}×{ROWS}"
    return Report(title, samples, "ms a step, four panes", samples[0].median, "lower")


@dataclass(frozen=True)
class _Scrubbed:
    """Milliseconds and kilobytes of each step, milliseconds of CPU of one on average."""

    times: tuple[float, ...]
    kilobytes: tuple[float, ...]
    cpu: float


def _scrub(terminal: PtyTerminal, options: argparse.Namespace) -> _Scrubbed:
    """Back to the noise and on to the pictures again."""
    terminal.wait_until_quiet(0.5)
    lab = psutil.Process(terminal.pid)
    times, volume, began = [], [], sum(lab.cpu_times()[:2])
    for _ in range(options.rounds):
        for key in ["left"] * (kept(options) - 1) + ["right"] * (kept(options) - 1):
            before = terminal.bytes_written
            times.append(1000 * terminal.settled(key))
            volume.append((terminal.bytes_written - before) / 1000)
    assert min(volume) * 1000 > LEAST_BYTES, f"a step brought {min(volume):.1f} kB: no pictures"
    return _Scrubbed(tuple(times), tuple(volume), 1000 * (sum(lab.cpu_times()[:2]) - began) / len(times))


def kept(options: argparse.Namespace) -> int:
    """Steps that the lab finds room for."""
    cell = Cell(Denoising(source=RUN))
    picture = np.empty((len(PANES), options.images, options.side, options.side, 3), np.uint8)
    cell.begin(options.steps, PANES, picture, LIMIT // BESIDE)
    return cell.keeps


def fading(asked: Denoising, steps: int, images: int, side: int, panes: int) -> list[np.ndarray]:
    """uint8 (panes, B, H, W, 3) of each step: noise that fades, though never quite, into smooth pictures."""
    random = np.random.default_rng(asked.knobs.get("seed", 0))
    noise = random.integers(0, 256, (panes, images, side, side, 3))
    smooth = np.linspace(0, 255, side)[:, None, None] + np.zeros((panes, images, side, side, 3))
    shares = np.linspace(1, 0.2, steps)
    return [(share * noise + (1 - share) * smooth).astype(np.uint8) for share in shares]


def _child(options: argparse.Namespace) -> None:
    """The lab, with a workbench that has every denoising ready."""

    async def denoise(
        _: Workbench, asked: Denoising, panes: Sequence[str], device: str
    ) -> AsyncGenerator[DenoisedStep, None]:
        origin = Origin("ema", "", "", None, "cpu", "", {})
        for index, pixels in enumerate(fading(asked, options.steps, options.images, options.side, len(panes))):
            sigma = (options.steps - index) / (options.steps + 1)
            level = 1000 * sigma, 1 - sigma, sigma, ((1 - sigma) / sigma) ** 2
            count = options.steps, *level, tuple(panes), pixels, options.images
            yield DenoisedStep(asked, origin, index, *count, "")

    from tui_lab.tui.app import run_tui

    with mock.patch.object(Workbench, "denoise", denoise):
        run_tui(RUN)


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--side", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    asked_options = options().parse_known_args()[0]
    if asked_options.child:
        _child(asked_options)
        raise SystemExit(0)
    raise SystemExit(report.run(measure, options()))
