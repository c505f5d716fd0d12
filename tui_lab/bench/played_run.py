"""A run that only plays: its journal grows and its live frame is replaced at a set pace, so that what a screen costs
can be measured beside it without a model that takes the processor.

    python -m tui_lab.bench.played_run RUN [--records 20] [--frames 15] [--hurried 0] [--paused]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import numpy as np

from tui_lab.bench.waiting import wait_until
from tui_lab.catalog.recipes import find_recipe
from tui_lab.runs.creation import new_run
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.frame import FrameWriter
from tui_lab.runs.journal import Journal
from tui_lab.runs.lifecycle import Lifecycle, fingerprint
from tui_lab.runs.lock import hold_lock

STEPS = 20
"""Of one denoising."""
IMAGES, SIDE = 16, 32
HURRY_SECONDS = 60.0
STEPS_A_RECORD = 5


def play(folder: RunFolder, records: float, frames: float, hurried: int, paused: bool, seconds: float) -> None:
    """Write so many records and frames a second, the frames new noise that fades into smooth pictures; `hurried`
    records more come within the first minute."""
    lock = hold_lock(folder)
    if lock is None:
        raise SystemExit(f"{folder.id} is held by another process")
    here = fingerprint(os.getpid())
    Lifecycle(folder).append("started", rank=0, supervisor=here, **here)
    journal, writer = Journal(folder), FrameWriter(folder)
    journal.append("started", 0, device="cpu", threads=2, first_step=0)
    random = np.random.default_rng(0)
    smooth = np.linspace(40, 215, SIDE)[:, None, None] + np.zeros((IMAGES, SIDE, SIDE, 3))
    began, step, frame = time.monotonic(), 0, 0
    while (now := time.monotonic() - began) < seconds:
        while step < now * records + hurried * min(1.0, now / HURRY_SECONDS) and not (paused and step >= 100):
            step += 1
            loss = 0.1 + 1 / (1 + step / 100) + float(random.normal(0, 0.02))
            window = {"count": STEPS_A_RECORD, "mean": loss, "min": loss - 0.05, "max": loss + 0.05, "last": loss}
            rate = {"count": STEPS_A_RECORD, "mean": 1e-3, "min": 1e-3, "max": 1e-3, "last": 1e-3}
            journal.append("metrics", STEPS_A_RECORD * step, loss=window, learning_rate=rate, grad_norm=window)
        if paused and step >= 100:
            journal.append("paused", STEPS_A_RECORD * step)
            time.sleep(seconds)
            return
        if frame < now * frames:
            index = frame % STEPS
            share = 1 - index / (STEPS - 1)
            noise = random.integers(0, 256, (IMAGES, SIDE, SIDE, 3))
            noisy = (share * noise + (1 - share) * smooth).astype(np.uint8)
            header = {"kind": "preview", "step": STEPS_A_RECORD * step, "seed": 0, "index": index, "count": STEPS}
            writer.write({**header, "timestep": 999 * share}, np.stack([noisy, smooth.astype(np.uint8)]))
            frame = int(now * frames) + 1
        time.sleep(0.01)


@contextmanager
def played_run(
    records: float = 20, frames: float = 15, hurried: int = 0, paused: bool = False, seconds: float = 3600
) -> Iterator[tuple[str, dict[str, str], RunFolder]]:
    """Such a run in a process and a lab home of its own: its name, what a program needs to find it, and its folder."""
    with TemporaryDirectory(prefix="lab-bench-") as home, mock.patch.dict(os.environ, DIFFUSION_LAB_HOME=home):
        folder = new_run(
            find_recipe("pixel-faces-16").read_text(encoding="utf-8"), {"training.max_train_steps": 100_000_000}
        )
        command = [sys.executable, "-m", "tui_lab.bench.played_run", str(folder.path), "--records", str(records)]
        command += ["--frames", str(frames), "--hurried", str(hurried), "--seconds", str(seconds)]
        command += ["--paused"] if paused else []
        player = subprocess.Popen(command)
        try:
            wait_until(lambda: any(folder.journal_dir.glob("*.jsonl")), 30, "the played run")
            yield folder.id, {"DIFFUSION_LAB_HOME": home}, folder
        finally:
            player.kill()
            player.wait()


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--records", type=float, default=20.0, help="metrics records a second")
    parser.add_argument("--frames", type=float, default=15.0, help="live frames a second; 0: none")
    parser.add_argument("--hurried", type=int, default=0, help="records that come in the first minute beside those")
    parser.add_argument("--seconds", type=float, default=3600.0, help="how long it plays")
    parser.add_argument("--paused", action="store_true", help="pause after 100 records, and write nothing more")
    return parser


if __name__ == "__main__":
    given = options().parse_args()
    play(RunFolder.open(given.run), given.records, given.frames, given.hurried, given.paused, given.seconds)
