"""The real workbench, as a process, asked through its client."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import pytest_asyncio
import torch
from diffusers import DDPMPipeline, UNet2DModel
from safetensors.torch import save_file

from tests.tiny_run import TINY
from tests.waiting import PATIENCE_SECONDS, gone, wait_until
from tui_lab import models
from tui_lab.data import load_images
from tui_lab.diffusion import sampling
from tui_lab.diffusion.forward import to_uint8
from tui_lab.diffusion.noise_schedulers import build_sampler
from tui_lab.engine.batches import training_batch
from tui_lab.errors import DeviceError, LabError, RecipeError, RunError, WorkbenchError
from tui_lab.models.export import export_pipeline
from tui_lab.recipe import Recipe, dump_recipe, replaced
from tui_lab.recipe.denoising import DRAWING_KNOBS, Denoising
from tui_lab.runs.folder import RunFolder
from tui_lab.workbench import client
from tui_lab.workbench.client import DenoisedStep, Workbench, WorkbenchDied, run_sync

pytestmark = pytest.mark.asyncio(loop_scope="module")


def denoising(
    source: object, *, checkpoint: int | None = None, class_labels: tuple[Any, ...] = (), **knobs: Any
) -> Denoising:
    return Denoising(source=str(source), checkpoint=checkpoint, class_labels=class_labels, knobs=knobs)


async def drawn(workbench: Workbench, asked: Denoising, device: str = "auto") -> list[DenoisedStep]:
    return [step async for step in workbench.denoise(asked, ("x_t", "x0"), device)]


async def answers(workbench: Workbench) -> bool:
    """Without torch, which takes seconds to import."""
    with pytest.raises(LabError, match="the workbench knows no 'nothing'"):
        await workbench.request("nothing")
    return True


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def workbench() -> AsyncIterator[Workbench]:
    async with Workbench() as workbench:
        yield workbench


@pytest.fixture
def unet() -> UNet2DModel:
    torch.manual_seed(0)
    return models.build(TINY).eval()


@pytest.fixture
def run(unet: UNet2DModel) -> RunFolder:
    """A run with two checkpoints: the first with live weights alone, the second with an EMA that is not them."""
    run = RunFolder.create(dump_recipe(TINY), name="tiny")
    for step in (10, 20):
        run.checkpoint(step).mkdir()
        save_file(
            {name: weight * 0.5 for name, weight in unet.state_dict().items()},
            run.checkpoint(step) / "model.safetensors",
        )
    save_file(unet.state_dict(), run.checkpoint(20) / "ema.safetensors")
    return run


async def test_warm_tells_the_versions(workbench: Workbench) -> None:
    assert (await workbench.warm())["torch"] == torch.__version__


async def test_devices_end_with_the_cpu(workbench: Workbench) -> None:
    *_, cpu = await workbench.devices()
    assert cpu.name == "cpu"
    assert cpu.threads is not None and cpu.threads >= 1
    assert cpu.free is not None and cpu.total is not None and 0 < cpu.free < cpu.total
    assert cpu.speed[0] in ("bf16", "float32")


async def test_a_summary_of_a_recipe(workbench: Workbench, unet: UNet2DModel) -> None:
    summary = await workbench.summary(dump_recipe(TINY))
    assert summary.parameters == sum(p.numel() for p in unet.parameters())
    assert summary.blocks[-1].shape == (1, 8, 8)


class TestSampling:
    async def test_a_run_is_sampled_as_its_recipe_says_from_the_newest_ema(
        self, workbench: Workbench, run: RunFolder, unet: UNet2DModel
    ) -> None:
        steps = await drawn(workbench, denoising(run.path))

        here = sampling.denoise(
            lambda x, t: unet(x, t).sample,
            build_sampler(TINY),
            6,
            sampling.initial_noise((3, 1, 8, 8), 11),
        )
        for step, expected in zip(steps, here, strict=True):
            # The other process may add in another order; a byte may then round the other way.
            assert abs(step.pixels.astype(int) - expected.panes()).max() <= 1
            for name in ("index", "count", "timestep", "alpha", "sigma", "snr"):
                assert getattr(step, name) == pytest.approx(getattr(expected, name))
        assert steps[-1].final and not steps[0].final
        assert (steps[-1].at_once, steps[-1].word) == (3, "")

    async def test_the_answers_say_how_to_make_them_again(self, workbench: Workbench, run: RunFolder) -> None:
        asked = denoising(run.path, num_inference_steps=2)
        first, last = await drawn(workbench, asked)
        again = await drawn(workbench, first.denoising)
        assert first.denoising.checkpoint == 20
        assert set(first.denoising.knobs) == set(DRAWING_KNOBS)
        assert (first.denoising.knobs["num_inference_steps"], first.denoising.knobs["seed"]) == (2, 11)
        assert again[0].denoising == first.denoising == last.denoising
        assert (again[-1].pixels == last.pixels).all() and again[-1].origin == last.origin
        assert (last.origin.weights, last.origin.device, last.origin.class_labels) == ("ema", "cpu", None)
        assert last.origin.versions["torch"] == torch.__version__

    async def test_all_panes_of_a_step(self, workbench: Workbench, run: RunFolder) -> None:
        *_, last = [step async for step in workbench.denoise(denoising(run.path))]
        assert last.panes == ("x_t", "x0", "eps", "change")
        assert last.pixels.shape == (4, 3, 8, 8, 1)
        two = (await drawn(workbench, denoising(run.path)))[-1]
        assert (two.pane("x0") == last.pane("x0")).all()
        assert last.pane("eps").std() > 1

    async def test_a_named_checkpoint_and_other_knobs(self, workbench: Workbench, run: RunFolder) -> None:
        asked = denoising(
            run.path, checkpoint=10, scheduler="HeunDiscreteScheduler", num_inference_steps=4, num_images=2, seed=0
        )
        *_, last = await drawn(workbench, asked)
        assert last.pixels.shape == (2, 2, 8, 8, 1)
        assert (last.origin.weights, last.denoising.checkpoint, last.count) == ("live", 10, 7)

    async def test_a_checkpoint_that_was_written_anew_is_loaded_anew(
        self, workbench: Workbench, run: RunFolder, unet: UNet2DModel
    ) -> None:
        asked = denoising(run.path, checkpoint=10, num_images=1, num_inference_steps=2)
        before, again = [(await drawn(workbench, asked))[-1] for _ in range(2)]
        save_file(unet.state_dict(), run.checkpoint(10) / "new")
        (run.checkpoint(10) / "new").rename(run.checkpoint(10) / "model.safetensors")
        after = (await drawn(workbench, asked))[-1]
        assert before.origin.sha256 == again.origin.sha256 != after.origin.sha256
        assert (before.pixels == again.pixels).all() and not (before.pixels == after.pixels).all()

    async def test_a_checkpoint_that_is_pruned_meanwhile_is_drawn_to_the_end(
        self, workbench: Workbench, run: RunFolder
    ) -> None:
        asked = denoising(run.path, checkpoint=20, num_inference_steps=4)
        whole, drawing = await drawn(workbench, asked), workbench.denoise(asked, ("x_t", "x0"))
        async with contextlib.aclosing(drawing):
            await anext(drawing)
            shutil.rmtree(run.checkpoint(20))
            *_, last = [step async for step in drawing]
        assert (last.pixels == whole[-1].pixels).all()
        with pytest.raises(RunError, match="no checkpoint at step 20: there are 10"):
            await drawn(workbench, asked)
        assert (await drawn(workbench, denoising(run.path)))[-1].denoising.checkpoint == 10

    async def test_a_pipeline_folder(self, workbench: Workbench, tmp_path: Path, unet: UNet2DModel) -> None:
        export_pipeline(TINY, unet.state_dict(), tmp_path / "pipeline")
        steps = await drawn(workbench, denoising(tmp_path / "pipeline", num_inference_steps=3, num_images=1))
        assert [step.index for step in steps] == [0, 1, 2]
        assert steps[-1].pixels.shape == (2, 1, 8, 8, 1)
        assert (steps[-1].origin.weights, steps[-1].denoising.checkpoint) == ("pipeline", None)

    async def test_a_closed_stream_is_cancelled_and_the_workbench_free_at_once(
        self, workbench: Workbench, run: RunFolder
    ) -> None:
        hours = denoising(run.path, scheduler="DDPMScheduler", num_inference_steps=1000, num_images=256)
        async with asyncio.timeout(PATIENCE_SECONDS):  # all of their steps would take many minutes
            for _ in range(12):
                async with contextlib.aclosing(workbench.denoise(hours)) as steps:
                    assert (await anext(steps)).count == 1000
            assert await workbench.warm()

    @pytest.mark.parametrize(
        ("changes", "kind", "words"),
        [
            ({"checkpoint": 15}, RunError, "no checkpoint at step 15: there are 10, 20"),
            ({"source": "no-such-run"}, RunError, "no run named no-such-run"),
            ({"scheduler": "EulerSquared"}, RecipeError, "'EulerSquared'"),
            ({"num_inference_steps": 0}, RecipeError, "num_inference_steps takes a whole number (1 to 1000), not 0"),
            ({"num_inference_steps": 10**6}, RecipeError, "num_inference_steps takes a whole number (1 to 1000)"),
            ({"guidance_scale": math.nan}, RecipeError, "guidance_scale takes a number (0 to 100), not nan"),
            ({"num_images": 0}, RecipeError, "num_images"),
        ],
    )
    async def test_what_cannot_be_is_said_in_one_line(
        self, workbench: Workbench, run: RunFolder, changes: dict[str, Any], kind: type[Exception], words: str
    ) -> None:
        with pytest.raises(kind) as caught:
            await drawn(workbench, denoising(**{"source": run.path, **changes}))
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)

    async def test_a_device_or_a_pane_that_is_not_there(self, workbench: Workbench, run: RunFolder) -> None:
        with pytest.raises(DeviceError, match="no device 'cuda:9'"):
            await drawn(workbench, denoising(run.path), "cuda:9")
        with pytest.raises(WorkbenchError, match="no pane 'x1'"):
            await anext(workbench.denoise(denoising(run.path), ("x1",)))

    async def test_a_sampler_that_cannot_do_the_prediction_type(self, workbench: Workbench, unet: UNet2DModel) -> None:
        predicts_x0 = replaced(TINY, {"noise_scheduler.prediction_type": "sample"})
        run = RunFolder.create(dump_recipe(predicts_x0), name="predicts-x0")
        run.checkpoint(1).mkdir()
        save_file(unet.state_dict(), run.checkpoint(1) / "ema.safetensors")
        with pytest.raises(RecipeError, match="Euler ancestral cannot sample a model that predicts sample"):
            await drawn(workbench, denoising(run.path, scheduler="EulerAncestralDiscreteScheduler"))

    async def test_a_run_without_a_checkpoint(self, workbench: Workbench) -> None:
        run = RunFolder.create(dump_recipe(TINY), name="new")
        with pytest.raises(RunError, match="new has no checkpoint yet"):
            await drawn(workbench, denoising(run.path))

    async def test_damaged_weights(self, workbench: Workbench, run: RunFolder) -> None:
        (run.checkpoint(20) / "ema.safetensors").write_bytes(b"\0" * 100)
        with pytest.raises(RunError, match=r"ema\.safetensors is damaged"):
            await drawn(workbench, denoising(run.path))


CLASSES = replaced(
    TINY,
    {
        "model.num_class_embeds": 5,
        "loss.class_dropout": 0.1,
        "sampling.num_images": 4,
        "sampling.num_inference_steps": 3,
        "sampling.guidance_scale": 2.0,
    },
)


class TestClasses:
    @pytest.fixture
    def by_class(self) -> RunFolder:
        """A run of a model whose classes differ strongly."""
        torch.manual_seed(1)
        model = models.build(CLASSES)
        torch.nn.init.normal_(model.class_embedding.weight, std=20)
        run = RunFolder.create(dump_recipe(CLASSES), name="by-class")
        run.checkpoint(5).mkdir()
        save_file(model.state_dict(), run.checkpoint(5) / "model.safetensors")
        return run

    async def drawn(self, workbench: Workbench, run: RunFolder, **asked: Any) -> DenoisedStep:
        return (await drawn(workbench, denoising(run.path, **asked)))[-1]

    async def test_every_class_in_turn_where_none_is_asked_for(self, workbench: Workbench, by_class: RunFolder) -> None:
        step = await self.drawn(workbench, by_class, num_images=12)
        assert step.origin.class_labels == (0, 1, 2, 3) * 3

    async def test_one_class_by_number_is_the_picture_of_that_place_in_the_row(
        self, workbench: Workbench, by_class: RunFolder
    ) -> None:
        every = (await self.drawn(workbench, by_class)).pixels[0]
        threes = (await self.drawn(workbench, by_class, class_labels=("3",))).pixels[0]
        assert abs(threes[3].astype(int) - every[3]).max() <= 1
        assert abs(threes[1].astype(int) - every[1]).max() > 1

    async def test_classes_by_their_names_in_the_data(self, workbench: Workbench, by_class: RunFolder) -> None:
        step = await self.drawn(workbench, by_class, class_labels=("hat", "plain"))
        assert step.origin.class_labels == (1, 3, 1, 3)

    async def test_the_scale_moves_the_picture(self, workbench: Workbench, by_class: RunFolder) -> None:
        plain, strong = [
            (await self.drawn(workbench, by_class, guidance_scale=scale)).pixels[0].astype(int) for scale in (1.0, 8.0)
        ]
        assert abs(plain - strong).max() > 1

    @pytest.mark.parametrize(
        ("asked", "words"),
        [
            ({"class_labels": (4,)}, "there is no class 4: the model knows 0 to 3"),
            ({"class_labels": ("boot",)}, "there is no class 'boot': take one of glasses, hat, "),
            ({"sigma_schedule": "spiral"}, "sampling.sigma_schedule is one of auto, karras"),
        ],
    )
    async def test_what_it_does_not_know(
        self, workbench: Workbench, by_class: RunFolder, asked: dict[str, object], words: str
    ) -> None:
        with pytest.raises(RecipeError) as caught:
            await self.drawn(workbench, by_class, **asked)
        assert words in caught.value.message

    async def test_an_unconditional_model_takes_neither_label_nor_guidance(
        self, workbench: Workbench, run: RunFolder
    ) -> None:
        with pytest.raises(RecipeError, match="unconditional: it takes no class label"):
            await self.drawn(workbench, run, class_labels=(1,))
        with pytest.raises(RecipeError, match="no class for none, which guidance needs"):
            await self.drawn(workbench, run, guidance_scale=3.0)


PROCESSES: dict[str, dict[str, object]] = {
    "flow": {
        "noise_scheduler.class": "FlowMatchEulerDiscreteScheduler",
        "sampling.scheduler": "FlowMatchEulerDiscreteScheduler",
    },
    "edm": {"noise_scheduler.class": "EDMEulerScheduler", "sampling.scheduler": "EDMEulerScheduler"},
    "toy": {
        "noise_scheduler.class": "UniformMixing",
        "sampling.scheduler": "UniformMixingSampler",
        "model.class": "BasicUNet",
        "model.timestep_conditioning": False,
    },
}


@pytest.mark.parametrize("changes", PROCESSES.values(), ids=PROCESSES)
async def test_every_process_is_sampled_from_its_run_and_from_its_export_alike(
    workbench: Workbench, changes: dict[str, object], tmp_path: Path
) -> None:
    recipe = replaced(TINY, changes)
    run = RunFolder.create(dump_recipe(recipe), name="a-run")
    run.checkpoint(1).mkdir()
    save_file(models.build(recipe).state_dict(), run.checkpoint(1) / "model.safetensors")
    answer = await workbench.export(str(run.path), tmp_path / "out")
    assert answer["pipeline"] is False
    by_run, by_export = [(await drawn(workbench, denoising(source)))[-1] for source in (run.path, tmp_path / "out")]
    assert (by_run.pixels == by_export.pixels).all()
    assert by_run.origin.sha256 == by_export.origin.sha256
    assert by_run.pane("x_t").std() > 1


class TestBeforeAStepIsSpent:
    """What is told of a recipe's model without a run."""

    async def test_what_the_model_takes(self, workbench: Workbench) -> None:
        summary = await workbench.summary(dump_recipe(TINY))
        assert summary.flops_per_step > 64 * 1e6
        assert summary.memory.total > 4 * 4 * summary.parameters
        assert {block.depth for block in summary.blocks} == {0, 1}

    async def test_a_probe_takes_two_steps_and_can_be_asked_again_in_another_precision(
        self, workbench: Workbench
    ) -> None:
        for precision in ("no", "bf16"):
            recipe = replaced(TINY, {"training.mixed_precision": precision, "training.train_batch_size": 4})
            probe = await workbench.probe(dump_recipe(recipe), "cpu")
            assert (probe.device, probe.peak_bytes) == ("cpu", None)
            assert 0 < probe.seconds_per_step < 60

    async def test_a_probe_on_a_device_that_is_not_here(self, workbench: Workbench) -> None:
        with pytest.raises(DeviceError, match="no device 'cuda:9'"):
            await workbench.probe(dump_recipe(TINY), "cuda:9")

    async def test_the_batch_is_training_s_own(self, workbench: Workbench) -> None:
        recipe = replaced(TINY, {"dataset.random_flip": True, "training.train_batch_size": 5})
        seen = [await workbench.batch(dump_recipe(recipe), step) for step in (3, 3, 4)]
        here = training_batch(recipe, load_images(recipe.dataset), torch.device("cpu"), 3)
        assert seen[0].shape == (5, 8, 8, 1)
        assert (seen[0] == to_uint8(here.x0).permute(0, 2, 3, 1).numpy()).all()
        assert (seen[0] == seen[1]).all() and not (seen[0] == seen[2]).all()

    async def test_the_architecture_of_a_run_fits_a_recipe(self, workbench: Workbench, run: RunFolder) -> None:
        knobs = await workbench.architecture(str(run.path))
        assert replaced(Recipe(), knobs).model.block_out_channels == (8, 16)

    async def test_an_architecture_of_nothing(self, workbench: Workbench) -> None:
        with pytest.raises(RunError, match="no run named nothing-here"):
            await workbench.architecture("nothing-here")


class TestTheFiveStepsOfTheCourse:
    async def test_rows_are_clean_noise_noisy_prediction_and_error(self, workbench: Workbench) -> None:
        batch = await workbench.one_batch(dump_recipe(TINY), seed=2)
        clean, noise, noisy, foreseen, error = batch.rows.astype(int)
        assert batch.rows.shape == (5, 8, 8, 8, 1)
        assert batch.timesteps[0] == 0 and batch.timesteps[-1] == 999
        assert (batch.weights, batch.step) == ("fresh", None)
        assert abs(noisy[0] - clean[0]).mean() < 5 < abs(noisy[-1] - clean[-1]).mean()
        assert abs(noisy[-1] - noise[-1]).mean() < 5
        assert abs(error - abs(foreseen - clean)).max() <= 1

    async def test_a_run_s_own_weights_and_recipe(self, workbench: Workbench, run: RunFolder) -> None:
        other = replaced(TINY, {"dataset.resolution": 16})
        for source, step, weights in ((f"{run.path}@10", 10, "live"), (str(run.path), 20, "ema")):
            batch = await workbench.one_batch(dump_recipe(other), source)
            assert (batch.weights, batch.step) == (weights, step)
            assert batch.rows.shape == (5, 8, 8, 8, 1)

    @pytest.mark.parametrize("changes", PROCESSES.values(), ids=PROCESSES)
    async def test_every_process(self, workbench: Workbench, changes: dict[str, object]) -> None:
        batch = await workbench.one_batch(dump_recipe(replaced(TINY, changes)))
        assert np.isfinite(batch.losses).all()
        assert list(batch.timesteps) == sorted(batch.timesteps)
        assert abs(batch.rows[2, 0].astype(int) - batch.rows[0, 0]).mean() < 8


async def test_an_export_is_a_pipeline_of_the_ema(
    workbench: Workbench, run: RunFolder, unet: UNet2DModel, tmp_path: Path
) -> None:
    answer = await workbench.export(str(run.path), tmp_path / "out")
    assert (answer["step"], answer["weights"]) == (20, "ema")
    pipeline = DDPMPipeline.from_pretrained(tmp_path / "out")
    assert torch.equal(pipeline.unet.conv_in.weight, unet.conv_in.weight)


async def test_a_death_is_told_and_the_next_request_starts_another(workbench: Workbench, run: RunFolder) -> None:
    asked = denoising(run.path, scheduler="DDPMScheduler", num_inference_steps=1000)
    starts, pid = workbench.starts, workbench.pid
    assert pid is not None
    with pytest.raises(WorkbenchDied, match=r"killed by SIGKILL \(out of memory\?\); .*workbench\.log may say why"):
        async for step in workbench.denoise(asked):
            if step.index == 3:
                os.kill(pid, signal.SIGKILL)
    assert await answers(workbench)
    assert workbench.starts == starts + 1
    assert workbench.pid not in (None, pid)


async def test_one_that_nobody_asks_gives_its_memory_back_and_is_started_again_when_it_is_needed(
    monkeypatch: pytest.MonkeyPatch, workbench: Workbench, run: RunFolder
) -> None:
    told: list[str] = []
    monkeypatch.setattr(client, "REST_SECONDS", 0.01)
    monkeypatch.setattr(workbench, "_say", told.append)
    starts = workbench.starts
    steps = await drawn(workbench, denoising(run.path, num_inference_steps=50))  # longer than the rest's
    assert (len(steps), workbench.starts) == (50, starts)
    pid = workbench.pid
    assert pid is not None
    while workbench.pid is not None or psutil.pid_exists(pid):
        await asyncio.sleep(0.02)
    assert told == ["the workbench rests"]
    assert await answers(workbench)
    assert told == ["the workbench rests", "waking the workbench", ""]
    assert workbench.starts == starts + 1


async def test_printing_libraries_do_not_get_into_the_stream() -> None:
    """stdout itself, Python's and C's, is led to the log; the answer comes through whole."""
    code = (
        "import os, sys; sys.argv = ['workbench']\n"
        "from tui_lab.workbench import __main__ as bench\n"
        "take = bench._take_stdout\n"
        "def noisy():\n"
        "    stream = take(); print('from Python', flush=True); os.write(1, b'from C'); return stream\n"
        "bench._take_stdout = noisy; bench.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=b"", capture_output=True, timeout=PATIENCE_SECONDS, check=True
    )
    assert done.stdout == b""
    assert b"from Python" in done.stderr and b"from C" in done.stderr


async def test_it_ends_with_the_process_that_asked() -> None:
    """Nobody has to clean up behind a terminal that was killed."""
    code = (
        "import asyncio, os, signal\n"
        "from tui_lab.workbench.client import Workbench\n"
        "async def main():\n"
        "    workbench = Workbench(); await workbench.start(); print(workbench.pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=PATIENCE_SECONDS, check=False)
    pid = int(done.stdout)
    wait_until(lambda: gone(pid))


async def test_without_an_event_loop(lab_home: Path) -> None:
    assert await asyncio.to_thread(run_sync, answers)  # a thread that has no loop running
    assert (lab_home / "logs" / "workbench.log").stat().st_mode & 0o777 == 0o600


async def test_the_client_imports_no_torch() -> None:
    code = (
        "import sys; import tui_lab.workbench.client\n"
        "print([name for name in ('torch', 'diffusers', 'accelerate', 'safetensors') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=True
    )
    assert done.stdout.strip() == "[]"
