"""What keeping a run costs its training: journal, commands and frames a step, the copy of a checkpoint, and previews.

The first is an upper bound: a record of metrics is written at each step, as in a run of at most 20 steps a second.
Previews are those of a run as a person starts it, at its recipe's cadence.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from tui_lab.bench.report import Ratio, Report, Sample, say
from tui_lab.bench.training_run import training_run
from tui_lab.bench.waiting import wait_until
from tui_lab.catalog.recipes import find_recipe
from tui_lab.data import load_images
from tui_lab.runs.creation import new_run
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.journal import JournalReader
from tui_lab.runs.rank import RankSession

STEPS_A_FRAME = 25
VALUES = (
    "loss",
    "grad_norm",
    "memory",
    "learning_rate",
    "ema_decay",
    "data_share",
    "preview_share",
    "steps_per_second",
)


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tui_lab.bench step_cost", description=__doc__)
    parser.add_argument("--recipe", default="pixel-faces-16")
    parser.add_argument("--steps", type=int, default=2000, help="of each repetition, without training")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--checkpoints", type=int, default=5)
    parser.add_argument("--previews", type=int, default=4, help="how many of them a run is watched for")
    return parser


def measure(options: argparse.Namespace) -> Report:
    """The result is microseconds a step; further the seconds that training waits for a checkpoint."""
    with tempfile.TemporaryDirectory() as home:
        before = os.environ.get("DIFFUSION_LAB_HOME")
        os.environ["DIFFUSION_LAB_HOME"] = home
        try:
            costs = tuple(_step_cost(options.recipe, options.steps) for _ in range(options.repetitions))
            say("training, with checkpoints …")
            stalls, written = _stalls(options.recipe, options.checkpoints)
        finally:
            if before is None:
                del os.environ["DIFFUSION_LAB_HOME"]
            else:
                os.environ["DIFFUSION_LAB_HOME"] = before
    say("training, with previews …")
    previews = 100 * _previews_share(options.recipe, options.previews)
    cost, stall = (
        Sample("journal, commands, frames", "µs a step", costs),
        Sample("checkpoint: training waits", "ms", stalls),
    )
    return Report(
        "step_cost",
        (
            cost,
            stall,
            Sample("checkpoint: written beside training", "ms", written),
            Sample("previews at the recipe's cadence", "% of time", (previews,), 3),
        ),
        "µs a step",
        cost.median,
        better="lower",
        further=(Ratio("ms a checkpoint", stall.median, "lower"),),
        settings={"recipe": options.recipe},
    )


def _step_cost(recipe: str, steps: int) -> float:
    session = RankSession(_run(recipe, {}))
    pixels = np.zeros((2, 16, 16, 16, 3), np.uint8)
    values = dict.fromkeys(VALUES, 0.5)
    began = time.perf_counter()
    for step in range(steps):
        if not session.orphaned and not session.disk_full:
            session.poll(step)
        session.metrics(step, **values)
        session.flush_metrics()
        if step % STEPS_A_FRAME == 0:
            session.frame({"kind": "preview", "step": step}, pixels)
    seconds = time.perf_counter() - began
    session.close()
    return 1e6 * seconds / steps


def _stalls(recipe: str, checkpoints: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Milliseconds that training waited for each copy, and that each then took to the disk."""
    from tui_lab.engine.startup import prepare

    every = 10
    changes: dict[str, object] = {
        "training.max_train_steps": every * checkpoints,
        "training.checkpointing_steps": every,
        "sampling.every_steps": 0,
        "evaluation.every_steps": 0,
    }
    folder = _run(recipe, changes)
    session = RankSession(folder)
    try:
        prepare(session, load_images(session.recipe.dataset)).run()
    finally:
        session.close()
    found = [record.data for record in JournalReader(folder).read_new() if record.kind == "checkpoint"]
    stalls = tuple(1e3 * float(data["stall_seconds"]) for data in found)
    return stalls, tuple(1e3 * float(data["seconds"]) for data in found)


def _previews_share(recipe: str, count: int) -> float:
    """What so many previews took of the time from a run's start to the end of the last of them."""
    with training_run(recipe) as run:
        wait_until(lambda: len(run.records("preview")) >= count, 1800, f"{count} previews")
        drawn, (started, *_) = run.records("preview"), run.records("started")
    return sum(record.data["seconds"] for record in drawn) / (drawn[-1].time - started.time)


def _run(recipe: str, changes: dict[str, object]) -> RunFolder:
    path: Path = find_recipe(recipe)
    return new_run(path.read_text(encoding="utf-8"), changes)
