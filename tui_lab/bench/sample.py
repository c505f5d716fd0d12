"""Drawing pictures against the model calls that it takes: from the request to the PNG on the disk, in turns.

    python -m tui_lab.bench sample [--rounds 5] [--images 64] [--recipe pixel-faces-16] [--device auto] [--json]

The model has the weights that training begins with: they cost what others cost. "calls alone" asks the same model as
often, for as many pictures, and does nothing else. All of it has the workbench's low priority.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from safetensors.torch import save_file

from tui_lab.bench import report
from tui_lab.bench.report import Ratio, Report, Sample, in_pairs, say
from tui_lab.catalog.recipes import find_recipe
from tui_lab.diffusion.sampling import BOTH
from tui_lab.engine.devices import device_name, resolve_device
from tui_lab.engine.learner import fresh_model
from tui_lab.models import placed
from tui_lab.models.sampler_model import SamplerModel
from tui_lab.pictures.files import save_grid
from tui_lab.recipe import Recipe, dump_recipe, load_recipe, replaced
from tui_lab.recipe.denoising import Denoising
from tui_lab.runs.folder import RunFolder
from tui_lab.workbench.client import Workbench
from tui_lab.workbench.denoising import denoise
from tui_lab.workbench.sources import sampling_precision
from tui_lab.workbench.wire import encode

WAYS = (
    ("DPMSolverMultistepScheduler", 20),
    ("UniPCMultistepScheduler", 10),
    ("HeunDiscreteScheduler", 10),
    ("DDIMScheduler", 50),
)
"""(sampler, its steps); the first makes the result."""
WANTED = 1.15


@dataclass(frozen=True)
class Bench:
    """What is drawn from, and where to."""

    recipe: Recipe
    run: RunFolder
    device: torch.device
    model: SamplerModel
    images: int
    png: Path

    def request(self, sampler: str, steps: int) -> Denoising:
        knobs = {"scheduler": sampler, "num_inference_steps": steps, "num_images": self.images}
        return Denoising(source=str(self.run.path), knobs=knobs)

    def draw(self, sampler: str, steps: int) -> tuple[float, int]:
        """(seconds, model calls) of the workbench's operation, its answers made into bytes, and the PNG."""
        began, calls, last = perf_counter(), 0, None
        asked = {"denoising": self.request(sampler, steps).to_json(), "panes": BOTH, "device": str(self.device)}
        for answer in denoise(asked):
            encode(answer)
            if answer.header["kind"] == "step":
                calls, last = calls + 1, answer
        assert last is not None
        save_grid(self.png, np.frombuffer(last.blob, np.uint8).reshape(last.header["shape"])[0])
        return perf_counter() - began, calls

    def calls_alone(self, calls: int) -> float:
        shape = (self.images, self.recipe.dataset.channels, *self.recipe.dataset.size)
        x, t = torch.randn(shape, device=self.device), torch.full((self.images,), 500.0, device=self.device)
        self._wait()
        began = perf_counter()
        for _ in range(calls):
            self.model(x, t)
        self._wait()
        return perf_counter() - began

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def measure(options: argparse.Namespace) -> Report:
    """Raises LabError where the recipe or the device cannot be had."""
    os.nice(10)
    samples: list[Sample] = []
    ratios: list[Ratio] = []
    with _bench(options) as bench, _workbench(options.device) as ask:
        for way in WAYS:
            found, ratio = _one_way(bench, ask, *way, options.rounds)
            samples += found
            ratios.append(ratio)
        settings = {
            "device": device_name(bench.device),
            "precision": sampling_precision(bench.recipe, bench.device),
        }
    first, *further = ratios
    return Report(
        f"drawing {options.images} pictures of {options.recipe}",
        tuple(samples),
        f"{first.name} (wanted: at most {WANTED})",
        first.value,
        "lower",
        tuple(further),
        settings,
    )


def _one_way(
    bench: Bench, ask: Callable[[Denoising], float], sampler: str, steps: int, rounds: int
) -> tuple[list[Sample], Ratio]:
    say(f"{sampler}, {steps} steps")
    request = bench.request(sampler, steps)
    _, calls = bench.draw(sampler, steps)
    bench.calls_alone(2)
    ask(request)
    drawn, alone, asked = report.alternating(
        rounds,
        lambda: bench.draw(sampler, steps)[0],
        lambda: bench.calls_alone(calls),
        lambda: ask(request),
    )
    name = f"{sampler.removesuffix('Scheduler')}, {steps} steps"
    samples = [
        Sample(f"{name}: model calls", "", (float(calls),)),
        Sample(f"{name}: to the PNG", "s", drawn),
        Sample(f"{name}: calls alone", "s", alone),
        Sample(f"{name}: by the workbench's process", "s", asked),
        Sample(f"{name}: pictures", "1/s", tuple(bench.images / seconds for seconds in drawn)),
    ]
    return samples, Ratio(f"{name}: to the PNG / calls alone", in_pairs(drawn, alone), "lower")


@contextlib.contextmanager
def _bench(options: argparse.Namespace) -> Iterator[Bench]:
    """A run with a checkpoint, in a lab's home of its own."""
    recipe = replaced(load_recipe(find_recipe(options.recipe)), {"training.device": options.device})
    device = resolve_device(options.device)
    model = fresh_model(recipe).eval().requires_grad_(False)
    with tempfile.TemporaryDirectory(prefix="lab-bench-") as home, _home(home):
        run = RunFolder.create(dump_recipe(recipe), name="bench")
        run.checkpoint(1).mkdir()
        save_file(model.state_dict(), run.checkpoint(1) / "ema.safetensors")
        asked = SamplerModel(recipe.model, placed(model, device), sampling_precision(recipe, device))
        yield Bench(recipe, run, device, asked, options.images, Path(home) / "pictures.png")


@contextlib.contextmanager
def _home(path: str) -> Iterator[None]:
    before = os.environ.get("DIFFUSION_LAB_HOME")
    os.environ["DIFFUSION_LAB_HOME"] = path
    try:
        yield
    finally:
        del os.environ["DIFFUSION_LAB_HOME"]
        if before is not None:
            os.environ["DIFFUSION_LAB_HOME"] = before


@contextlib.contextmanager
def _workbench(device: str) -> Iterator[Callable[[Denoising], float]]:
    """A warm workbench process, and how long a request to it takes."""
    with asyncio.Runner() as runner:
        workbench = Workbench()
        runner.run(workbench.warm())

        async def drawn(request: Denoising) -> float:
            began = perf_counter()
            async with contextlib.aclosing(workbench.denoise(request, BOTH, device)) as steps:
                async for _ in steps:
                    pass
            return perf_counter() - began

        try:
            yield lambda request: runner.run(drawn(request))
        finally:
            runner.run(workbench.close())


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--recipe", default="pixel-faces-16")
    parser.add_argument("--device", default="auto")
    return parser


if __name__ == "__main__":
    raise SystemExit(report.run(measure, options()))
