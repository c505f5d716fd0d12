"""An export is what plain diffusers loads, and draws the same pictures from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

from tui_lab import models
from tui_lab.diffusion import sampling
from tui_lab.diffusion.guidance import guided
from tui_lab.diffusion.noise_schedulers import build_sampler, sampler_from_config
from tui_lab.errors import DiskFullError, LabError, RecipeError
from tui_lab.models.answering import answer
from tui_lab.models.base import architecture, load_base
from tui_lab.models.export import export_pipeline, load_pipeline, with_weights
from tui_lab.recipe import Recipe, replaced
from tui_lab.recipe.classes import null_label, real_classes

TINY = replaced(
    Recipe(),
    {
        "dataset.resolution": 8,
        "model.block_out_channels": (8, 16),
        "model.down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
        "model.up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
        "model.norm_num_groups": 4,
        "noise_scheduler.prediction_type": "v_prediction",
        "noise_scheduler.beta_schedule": "squaredcos_cap_v2",
    },
)
DDIM = replaced(TINY, {"sampling.scheduler": "DDIMScheduler"})


def drawn_by_the_lab(unet: torch.nn.Module, scheduler: object, steps: int) -> torch.Tensor:
    """Ten steps from the noise that DDPMPipeline would draw with this seed."""
    generator = torch.Generator().manual_seed(5)
    noise = torch.randn((2, 3, 8, 8), generator=generator)
    return list(sampling.denoise(lambda x, t: unet(x, t).sample, scheduler, steps, noise, generator))[-1].x_t


@pytest.mark.parametrize("zero_snr", [False, True])
@pytest.mark.parametrize("schedule", ["squaredcos_cap_v2", "sigmoid"])
def test_plain_diffusers_loads_an_export_and_draws_the_same_picture(
    tmp_path: Path, schedule: str, zero_snr: bool
) -> None:
    recipe = replaced(
        TINY, {"noise_scheduler.beta_schedule": schedule, "noise_scheduler.rescale_betas_zero_snr": zero_snr}
    )
    unet = models.build(recipe).eval()
    export_pipeline(recipe, unet.state_dict(), tmp_path / "pipeline")

    pipeline = DDPMPipeline.from_pretrained(tmp_path / "pipeline")
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(
        batch_size=2, generator=torch.Generator().manual_seed(5), num_inference_steps=10, output_type="np"
    ).images

    ours = drawn_by_the_lab(unet, build_sampler(replaced(recipe, {"sampling.scheduler": "DDPMScheduler"})), 10)
    images = (ours / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy()
    assert images == pytest.approx(theirs, abs=1e-5)


def test_a_pipeline_comes_back_as_it_was_written(tmp_path: Path) -> None:
    unet = models.build(TINY).eval()
    export_pipeline(TINY, unet.state_dict(), tmp_path / "pipeline")

    loaded = load_pipeline(tmp_path / "pipeline")

    assert not loaded.model.training
    for name, weight in unet.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], weight), name
    sampler = sampler_from_config(loaded.scheduler_config, DDIM.sampling)
    assert torch.equal(
        drawn_by_the_lab(loaded.model, sampler, 5),
        drawn_by_the_lab(unet, build_sampler(DDIM), 5),
    )


def test_an_export_replaces_an_earlier_one_and_leaves_nothing_else_behind(tmp_path: Path) -> None:
    for seed in (1, 2):
        torch.manual_seed(seed)
        unet = models.build(TINY)
        export_pipeline(TINY, unet.state_dict(), tmp_path / "pipeline")
    assert torch.equal(load_pipeline(tmp_path / "pipeline").model.conv_in.weight, unet.conv_in.weight)
    assert [path.name for path in tmp_path.iterdir()] == ["pipeline"]


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(LabError, match="no pipeline; name a new or empty folder"):
        export_pipeline(TINY, models.build(TINY).state_dict(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_full_disk_leaves_the_earlier_export_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = models.build(TINY)
    export_pipeline(TINY, first.state_dict(), tmp_path / "pipeline")

    def no_room(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(DDPMPipeline, "save_pretrained", no_room)
    with pytest.raises(DiskFullError, match="no room left"):
        export_pipeline(TINY, models.build(TINY).state_dict(), tmp_path / "pipeline")
    assert torch.equal(load_pipeline(tmp_path / "pipeline").model.conv_in.weight, first.conv_in.weight)
    assert [path.name for path in tmp_path.iterdir()] == ["pipeline"]


def test_weights_of_another_model_are_refused() -> None:
    wider = replaced(TINY, {"model.block_out_channels": (16, 16)})
    with pytest.raises(LabError, match="do not fit"):
        with_weights(TINY, models.build(wider).state_dict())


def test_a_class_conditional_pipeline_from_elsewhere_is_asked_by_its_classes(tmp_path: Path) -> None:
    torch.manual_seed(0)
    unet = UNet2DModel(
        sample_size=8,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
        norm_num_groups=4,
        num_class_embeds=3,
    ).eval()
    DDPMPipeline(unet=unet, scheduler=DDPMScheduler()).save_pretrained(tmp_path / "theirs")

    loaded = load_pipeline(tmp_path / "theirs")

    assert real_classes(loaded.recipe) == 3 and null_label(loaded.recipe) is None
    x, t, labels = torch.randn(3, 3, 8, 8), torch.tensor([5, 50, 500]), torch.tensor([2, 0, 1])
    with torch.inference_mode():
        ours = answer(loaded.recipe.model, loaded.model, x, t, labels)
        assert torch.equal(ours, unet(x, t, class_labels=labels).sample)
        assert not torch.equal(ours, answer(loaded.recipe.model, loaded.model, x, t, labels.flip(0)))


class TestAFolderThatCannotBeSampled:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        export_pipeline(TINY, models.build(TINY).state_dict(), tmp_path / "pipeline")
        return tmp_path / "pipeline"

    def change(self, path: Path, **values: object) -> None:
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))

    def test_no_index(self, tmp_path: Path) -> None:
        with pytest.raises(LabError, match=r"model_index\.json is missing"):
            load_pipeline(tmp_path)

    def test_weights_that_could_carry_code(self, folder: Path) -> None:
        weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
        torch.save(models.build(TINY).state_dict(), weights.with_suffix(".bin"))
        weights.unlink()
        with pytest.raises(LabError, match=r"cannot load .*unet"):
            load_pipeline(folder)

    def test_weights_cut_short(self, folder: Path) -> None:
        weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
        weights.write_bytes(weights.read_bytes()[:1000])
        with pytest.raises(LabError, match=r"cannot load .*unet"):
            load_pipeline(folder)

    def test_another_network(self, folder: Path) -> None:
        self.change(folder / "model_index.json", _class_name="StableDiffusionPipeline", unet=["diffusers", "Other"])
        with pytest.raises(LabError, match="is a StableDiffusionPipeline; what is drawn from is a UNet2DModel"):
            load_pipeline(folder)

    def test_classes_that_are_no_numbers(self, folder: Path) -> None:
        self.change(folder / "unet" / "config.json", class_embed_type="timestep")
        with pytest.raises(LabError, match="told its class as 'timestep'"):
            load_pipeline(folder)

    def test_another_noise_process(self, folder: Path) -> None:
        (folder / "scheduler" / "scheduler_config.json").write_text('{"_class_name": "EDMEulerScheduler"}')
        with pytest.raises(LabError, match="has a EDMEulerScheduler"):
            load_pipeline(folder)

    def test_a_schedule_that_diffusers_does_not_know(self, folder: Path) -> None:
        self.change(folder / "scheduler" / "scheduler_config.json", beta_schedule="spiral")
        with pytest.raises(RecipeError, match="cannot be sampled: spiral"):
            sampler_from_config(load_pipeline(folder).scheduler_config, DDIM.sampling)


CLASSES = {"model.num_class_embeds": 5, "loss.class_dropout": 0.1, "sampling.guidance_scale": 2.0}
FLOW = {
    "noise_scheduler.class": "FlowMatchEulerDiscreteScheduler",
    "noise_scheduler.shift": 2.0,
    "sampling.scheduler": "FlowMatchEulerDiscreteScheduler",
}
EDM = {"noise_scheduler.class": "EDMEulerScheduler", "sampling.scheduler": "EDMEulerScheduler"}
BASIC = {
    "model.class": "BasicUNet",
    "model.timestep_conditioning": False,
    "noise_scheduler.class": "UniformMixing",
    "sampling.scheduler": "UniformMixingSampler",
}
DIT = {"model.class": "DiTTransformer2DModel", "model.num_layers": 2, "model.num_attention_heads": 2}
COMPONENTS: dict[str, dict[str, Any]] = {
    "classes, guided": CLASSES,
    "classes, never hidden": {"model.num_class_embeds": 5},
    "flow": FLOW,
    "flow, by a solver, with classes": {**FLOW, **CLASSES, "sampling.scheduler": "DPMSolverMultistepScheduler"},
    "EDM": EDM,
    "EDM, fourier, not square": {**EDM, "model.time_embedding_type": "fourier", "dataset.width": 12},
    "EDM, transformer": {**EDM, **DIT},
    "transformer": DIT,
    "transformer with classes": {**DIT, **CLASSES},
    "the course's toy": BASIC,
    "no timestep": {"model.timestep_conditioning": False},
}


@pytest.mark.parametrize("changes", COMPONENTS.values(), ids=COMPONENTS)
class TestWhatNoPipelineOfDiffusersRuns:
    @pytest.fixture
    def recipe(self, changes: dict[str, Any]) -> Recipe:
        first = {"sampling.scheduler": "DDIMScheduler", "sampling.num_inference_steps": 5, "sampling.seed": 0}
        return replaced(TINY, {**first, **changes})

    @pytest.fixture
    def folder(self, recipe: Recipe, tmp_path: Path) -> Path:
        torch.manual_seed(2)
        model = models.build(recipe)
        for parameter in model.parameters():
            if parameter.requires_grad:  # a fresh transformer answers 0
                torch.nn.init.normal_(parameter, std=0.05)
        export_pipeline(recipe, model.state_dict(), tmp_path / "export")
        return tmp_path / "export"

    def test_the_program_in_its_readme_draws_what_the_lab_draws(
        self, recipe: Recipe, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(folder)
        program = (folder / "README.md").read_text().partition("```python\n")[2].partition("```")[0]
        ran: dict[str, Any] = {}
        exec(program, ran)  # the README's own words

        loaded = load_pipeline(folder)
        assert loaded.recipe == recipe
        x, labels, null = self.start(recipe, ran["count"])

        def predict(x: torch.Tensor, t: torch.Tensor, classes: torch.Tensor = labels) -> torch.Tensor:
            return models.answer(recipe.model, loaded.model, x, t, classes)

        asked = predict if null is None else guided(predict, labels, null, 2.0)
        sampler = sampler_from_config(loaded.scheduler_config, recipe.sampling)
        *_, last = sampling.denoise(asked, sampler, recipe.sampling.num_inference_steps, x)
        assert torch.allclose((last.x_t / 2 + 0.5).clamp(0, 1), ran["images"], atol=1e-4)
        assert last.x_t.std() > 0.01

    def start(self, recipe: Recipe, count: int) -> tuple[torch.Tensor, torch.Tensor, int | None]:
        """What the program begins with, as `denoise` wants it."""
        shape = (count, recipe.dataset.channels, *recipe.dataset.size)
        generator = torch.Generator().manual_seed(0)
        if recipe.noise_scheduler.class_name == "UniformMixing":  # it starts from erf(x/√2)
            even = torch.rand(shape, generator=generator) * 2 - 1
            x = torch.special.erfinv(even.double()).float() * 2**0.5
        else:
            x = torch.randn(shape, generator=generator)
        null = recipe.model.num_class_embeds - 1 if recipe.loss.class_dropout else None
        return x, torch.arange(count), null

    def test_it_can_be_started_from_and_exported_over(self, recipe: Recipe, folder: Path) -> None:
        sampler = {"sampling.scheduler": recipe.sampling.scheduler}
        adopted = replaced(TINY, {**sampler, **architecture(str(folder))})
        assert adopted.model.class_name == recipe.model.class_name
        assert load_base(adopted).keys() == models.build(recipe).state_dict().keys()
        export_pipeline(recipe, models.build(recipe).state_dict(), folder)
