"""Our engine against diffusers' training script, in turns: steps a second, and what both have learnt.

    python -m tui_lab.bench train [--rounds 5] [--steps 300] [--turn 20] [--recipe pixel-faces-16] [--seed 0]

Ours is a run as a person starts it, paused while it is not its turn; the script is `plain_loop`, at its default
precision and under its own bf16, each in a process of its own. All three begin with the same weights and make the same
number of updates. At the end the held-out loss of each is taken by one evaluation, at the same noise.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tui_lab.bench import report
from tui_lab.bench.report import Ratio, Report, Sample, say
from tui_lab.bench.training_run import TrainingRun, training_run
from tui_lab.catalog.recipes import find_recipe
from tui_lab.recipe import Recipe, dump_recipe, load_recipe, replaced

WARM_UP = 10
CURVE_END = 100
"""Losses of so many last updates are meaned: they are of random timesteps."""


def measure(options: argparse.Namespace) -> Report:
    """Raises LabError where the recipe asks for what the script cannot do."""
    recipe = replaced(
        load_recipe(find_recipe(options.recipe)),
        {
            "training.max_train_steps": options.steps,
            "training.device": options.device,
            "training.seed": options.seed,
            "training.checkpointing_steps": 0,
            "sampling.every_steps": 0,
            "evaluation.every_steps": 0,
        },
    )
    say("starting the run and both loops")
    with (
        tempfile.TemporaryDirectory(prefix="lab-bench-") as folder,
        _paused_run(recipe, Path(folder)) as run,
        plain_process(recipe, "no") as default,
        plain_process(recipe, "bf16") as half,
    ):
        default.steps(WARM_UP)
        half.steps(WARM_UP)
        ours, theirs, theirs_half = report.alternating(
            options.rounds,
            lambda: run.turn(options.turn),
            lambda: default.rate(options.turn),
            lambda: half.rate(options.turn),
        )
        say(f"to step {options.steps}")
        run.finish()
        for plain in (default, half):
            plain.steps(options.steps - plain.step)
        held_out = float(run.records("validation")[-1].data["loss"]), default.held_out_loss(), half.held_out_loss()
        flops, peak, peak_from = default.utilisation()
        started = run.records("started")[-1].data
        losses = _losses(run), default.losses, half.losses
    names = "diffusion-lab", "diffusers' script, fp32 (its default)", "diffusers' script, bf16"
    rates = ours, theirs, theirs_half
    ends = [statistics.fmean(each[-CURVE_END:]) for each in losses]
    samples = [
        *(Sample(name, "steps/s", values) for name, values in zip(names, rates, strict=True)),
        *(Sample(f"loss of the last {CURVE_END}, {name}", "", (end,)) for name, end in zip(names, ends, strict=True)),
        *(Sample(f"held-out loss, {name}", "", (loss,)) for name, loss in zip(names, held_out, strict=True)),
    ]
    speeds = [statistics.median(values) for values in rates]
    return Report(
        f"training {options.recipe}, batch of {recipe.training.train_batch_size}, {options.steps} updates",
        tuple(samples),
        "steps a second, ours / the script as it stands (fp32)",
        speeds[0] / speeds[1],
        further=(
            Ratio("steps a second, ours / the script under bf16", speeds[0] / speeds[2]),
            Ratio("model FLOPs utilisation, ours", flops * speeds[0] / peak),
            Ratio(f"loss of the last {CURVE_END}, ours / the script's", ends[0] / ends[1], "lower"),
            Ratio("held-out loss, ours / the script's", held_out[0] / held_out[1], "lower"),
        ),
        settings={
            "device": str(started["device_name"]),
            "threads": str(started["threads"]),
            "ours": ", ".join(started["speed"]),
            "an update": f"{flops / 1e9:.1f} GFLOP, of {peak / 1e9:.0f} GFLOP/s that the device can do ({peak_from})",
            "turns": f"{options.rounds} of {options.turn} steps each, seed {options.seed}",
        },
    )


@contextmanager
def _paused_run(recipe: Recipe, folder: Path) -> Iterator[TrainingRun]:
    file = folder / "bench.toml"
    file.write_text(dump_recipe(recipe), encoding="utf-8")
    with training_run(str(file), warm_up_steps=WARM_UP, changes=()) as run:
        run.pause()
        yield run


def _losses(run: TrainingRun) -> list[float]:
    """One an update, but where the journal took several together: then their mean."""
    return [float(record.data["loss"]["mean"]) for record in run.records("metrics")]


class PlainProcess:
    """The script in a process of its own, which works when it is told to."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self.losses: list[float] = []

    @property
    def step(self) -> int:
        return len(self.losses)

    def steps(self, count: int) -> float:
        """Make so many updates; the seconds that they took."""
        seconds, losses = self._ask("steps", count)
        self.losses += losses
        return float(seconds)

    def rate(self, count: int) -> float:
        return count / self.steps(count)

    def held_out_loss(self) -> float:
        return float(self._ask("held_out_loss"))

    def utilisation(self) -> tuple[float, float, str]:
        """Operations of an update, those that the device can do in a second at most, and where that number is from."""
        flops, peak, peak_from = self._ask("utilisation")
        return float(flops), float(peak), str(peak_from)

    def _ask(self, *words: Any) -> Any:
        self._pipe.send(words)
        answer = self._pipe.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer


@contextmanager
def plain_process(recipe: Recipe, precision: str) -> Iterator[PlainProcess]:
    """Raises what the loop raises, LabError among it."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, recipe, precision), daemon=True)
    process.start()
    there.close()
    try:
        yield PlainProcess(here)
    finally:
        here.close()
        process.join(10)


def _serve(pipe: Connection, recipe: Recipe, precision: str) -> None:
    """The process: answers until the other end of the pipe closes."""
    try:
        served = _Served(recipe, precision)
    except Exception as error:  # noqa: BLE001 - raised where it is waited for
        pipe.recv()
        pipe.send(error)
        return
    while True:
        try:
            name, *words = pipe.recv()
        except EOFError:
            return
        pipe.send(getattr(served, name)(*words))


class _Served:
    def __init__(self, recipe: Recipe, precision: str) -> None:
        from tui_lab.bench.plain_loop import PlainLoop
        from tui_lab.data import load_images

        self._images = load_images(recipe.dataset)
        self._loop = PlainLoop(recipe, self._images, precision)

    def steps(self, count: int) -> tuple[float, Sequence[float]]:
        began = time.perf_counter()
        losses = [self._loop.update() for _ in range(count)]
        return time.perf_counter() - began, losses

    def utilisation(self) -> tuple[int, float, str]:
        from tui_lab.bench.peak import peak_flops
        from tui_lab.models.cost import training_cost

        return training_cost(self._loop.recipe).flops, *peak_flops(self._loop.accelerator.device)

    def held_out_loss(self) -> float:
        """Of the weights as they are, not their mean, whose decay is another in the script."""
        from tui_lab.engine.evaluation import open_evaluation

        evaluation = open_evaluation(self._loop.recipe, self._images, self._loop.accelerator.device)
        return evaluation.loss(self._loop.predict).mean if evaluation else float("nan")


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--turn", type=int, default=20, help="steps of each before it is the next one's turn")
    parser.add_argument("--steps", type=int, default=300, help="updates of each, after which losses are compared")
    parser.add_argument("--recipe", default="pixel-faces-16")
    parser.add_argument("--seed", type=int, default=0, help="of weights, order and noise, of all three")
    parser.add_argument("--device", default="auto", help="as training.device")
    return parser
