"""The sampling loop, against diffusers' own pipelines and tests, and with a model that cannot be bettered."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMPipeline,
    DDIMScheduler,
    DDPMPipeline,
    DDPMScheduler,
    DEISMultistepScheduler,
    DPMSolverMultistepScheduler,
    DPMSolverSinglestepScheduler,
    EDMEulerScheduler,
    PNDMScheduler,
    SASolverScheduler,
    UNet2DModel,
    UniPCMultistepScheduler,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.diffusion.gaussian import COVARIANCE, MEAN, GaussianModel, recipe_of
from tui_lab.catalog.samplers import DDPM, EDM, FLOW, MIXING, SAMPLERS
from tui_lab.diffusion import sampling
from tui_lab.diffusion.noise_schedulers import build_sampler
from tui_lab.recipe import Recipe

# diffusers 0.42 hands torch tensors to numpy 2 in its old way.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

EVERY_WAY = [(name, process) for name, info in SAMPLERS.items() for process in info.over]
GAUSSIAN = [(name, process) for name, process in EVERY_WAY if process != MIXING]


def recipe_for(name: str, process: str, **knobs: Any) -> Recipe:
    return recipe_of(
        {
            "noise_scheduler.class": process,
            "noise_scheduler.prediction_type": "v_prediction",
            "sampling.scheduler": name,
            **knobs,
        }
    )


def sampled(recipe: Recipe, steps: int, count: int = 256, eta: float = 0.0) -> list[sampling.DenoisingStep]:
    x_T = sampling.initial_noise((count, 4, 1, 1), seed=0)
    model, generators = GaussianModel(recipe.noise_scheduler), sampling.image_generators(1, count)
    return list(sampling.denoise(model, build_sampler(recipe), steps, x_T, generators, eta))


def test_ddim_with_eta_one_brings_back_the_gaussian_by_another_way() -> None:
    recipe = recipe_for("DDIMScheduler", DDPM)
    straight, noisy = (sampled(recipe, 200, 1024, eta)[-1].x_t.flatten(1).double() for eta in (0.0, 1.0))
    assert (noisy.mean(0) - MEAN).abs().max() < 0.03
    assert (torch.cov(noisy.T) - COVARIANCE).norm() / COVARIANCE.norm() < 0.2
    assert (noisy - straight).abs().mean().item() > 0.1


class TestThePicturesOnTheWay:
    @pytest.mark.parametrize(("name", "process"), GAUSSIAN)
    def test_x_t_goes_from_noise_to_the_sample_at_the_scale_of_pictures(self, name: str, process: str) -> None:
        """Also where the sampler works on x_0 + σ ε, whose σ starts in the hundreds."""
        steps = sampled(recipe_for(name, process), 40)
        assert steps[0].x_t.std().item() == pytest.approx(1.0, abs=0.1)
        spreads = [step.x_t.std().item() for step in steps]
        assert max(spreads) < 1.1
        assert spreads[-1] < 0.4

    @pytest.mark.parametrize(("name", "process"), GAUSSIAN)
    def test_x0_is_foreseen_as_the_mean_and_grows_into_the_sample(self, name: str, process: str) -> None:
        steps = sampled(recipe_for(name, process), 40)
        assert (steps[0].x0.flatten(1).mean(0) - MEAN).abs().max().item() < 0.01
        assert steps[0].x0.flatten(1).std(0).max().item() < 0.06
        assert (steps[-1].x0 - steps[-1].x_t).abs().mean().item() < 0.06

    @pytest.mark.parametrize("sigmas", ["karras", "exponential", "beta"])
    @pytest.mark.parametrize("name", ["DPMSolverMultistepScheduler", "UniPCMultistepScheduler"])
    def test_the_model_is_told_the_level_that_it_is_shown_also_between_timesteps(self, name: str, sigmas: str) -> None:
        recipe = recipe_for(name, DDPM, **{"sampling.sigma_schedule": sigmas})
        sampler, told = build_sampler(recipe), []

        def predict(x: Tensor, t: Tensor) -> Tensor:
            told.append(float(t[0]))
            return torch.zeros_like(x)

        list(sampling.denoise(predict, sampler, 12, sampling.initial_noise((1, 4, 1, 1), 0)))
        ratios = np.exp(np.interp(told, np.arange(1000), GaussianModel(recipe.noise_scheduler).log_ratios))
        assert ratios == pytest.approx(sampler.sigmas[:12].numpy(), rel=1e-3)
        assert any(t % 1 for t in told)

    @pytest.mark.parametrize("name", [name for name, process in GAUSSIAN if process == DDPM])
    def test_x0_is_foreseen_from_the_level_that_the_scheduler_scales_by(self, name: str) -> None:
        """An answer of 0 for v says x_0 = α x_t, whatever x_t is; the Euler family scales its state by the same α."""
        sampler, seen = build_sampler(recipe_for(name, DDPM)), []

        def predict(x: Tensor, t: Tensor) -> Tensor:
            ratio = float(np.exp(np.interp(float(t[0]), np.arange(1000), log_ratios)))
            seen.append((x * (1 + ratio**2) ** -0.5).clamp(-1, 1))
            return torch.zeros_like(x)

        log_ratios = GaussianModel(recipe_for(name, DDPM).noise_scheduler).log_ratios
        x_T = sampling.initial_noise((8, 4, 1, 1), 0)
        for step in sampling.denoise(predict, sampler, 12, x_T, torch.Generator().manual_seed(0)):
            assert torch.allclose(step.x0, seen[-1], atol=0.01)

    @pytest.mark.parametrize("name", [name for name, process in GAUSSIAN if process == FLOW])
    def test_a_flow_s_model_is_told_sigma_times_t(self, name: str) -> None:
        """Solvers that were not made for flows cut their timesteps off; with few of them that would be far off."""
        sampler = build_sampler(recipe_for(name, FLOW, **{"noise_scheduler.num_train_timesteps": 30}))
        x_T = sampling.initial_noise((1, 4, 1, 1), 0)
        for step in sampling.denoise(lambda x, t: x, sampler, 7, x_T):
            assert step.timestep == pytest.approx(30 * float(sampler.sigmas[step.index]), rel=1e-5)

    def test_x0_is_clipped_to_what_a_picture_can_show(self) -> None:
        sampler = build_sampler(recipe_for("DDIMScheduler", DDPM))
        far_off = sampling.denoise(lambda x, t: -5 * x, sampler, 5, sampling.initial_noise((2, 3, 8, 8), 0))
        assert all(step.x0.abs().max() <= 1 for step in far_off)

    def test_panes_are_bytes_of_both_pictures(self) -> None:
        sampler = build_sampler(recipe_for("DDIMScheduler", DDPM))
        *_, step = sampling.denoise(lambda x, t: x, sampler, 2, sampling.initial_noise((5, 3, 8, 6), 0))
        panes = step.panes()
        assert panes.shape == (2, 5, 8, 6, 3)
        assert panes.dtype == np.uint8
        assert panes[1, 3, :, :, 0].tolist() == ((step.x0[3, 0] + 1) * 127.5).round().int().tolist()


class TestAgainstTheOwnPipelinesOfDiffusers:
    @pytest.fixture
    def unet(self) -> UNet2DModel:
        torch.manual_seed(0)
        return UNet2DModel(
            sample_size=8,
            block_out_channels=(8, 16),
            down_block_types=("DownBlock2D", "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", "UpBlock2D"),
            norm_num_groups=4,
        ).eval()

    def ours(self, unet: UNet2DModel, scheduler: object, steps: int, eta: float) -> np.ndarray:
        generator = torch.Generator().manual_seed(7)
        x_T = torch.randn((2, 3, 8, 8), generator=generator)
        *_, last = sampling.denoise(lambda x, t: unet(x, t).sample, scheduler, steps, x_T, generator, eta)
        return (last.x_t / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy()

    @pytest.mark.parametrize("prediction_type", ["epsilon", "sample", "v_prediction"])
    def test_ddpm(self, unet: UNet2DModel, prediction_type: str) -> None:
        recipe = recipe_for("DDPMScheduler", DDPM, **{"noise_scheduler.prediction_type": prediction_type})
        scheduler = build_sampler(recipe)
        pipeline = DDPMPipeline(unet, scheduler)
        pipeline.set_progress_bar_config(disable=True)
        theirs = pipeline(
            2, generator=torch.Generator().manual_seed(7), num_inference_steps=12, output_type="np"
        ).images
        assert self.ours(unet, scheduler, 12, 0.0) == pytest.approx(theirs, abs=1e-5)

    @pytest.mark.parametrize("eta", [0.0, 0.7])
    def test_ddim(self, unet: UNet2DModel, eta: float) -> None:
        scheduler = build_sampler(recipe_of({"sampling.scheduler": "DDIMScheduler"}))
        pipeline = DDIMPipeline(unet, scheduler)
        pipeline.set_progress_bar_config(disable=True)
        theirs = pipeline(
            2, generator=torch.Generator().manual_seed(7), num_inference_steps=12, eta=eta, output_type="np"
        ).images
        assert self.ours(unet, scheduler, 12, eta) == pytest.approx(theirs, abs=1e-5)


LINEAR = {"beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear"}
TO_SIGMA_MIN = {"final_sigmas_type": "sigma_min"}
V = {"prediction_type": "v_prediction"}


@pytest.mark.parametrize(
    ("scheduler", "steps", "mean"),
    [
        (DDPMScheduler(**LINEAR, variance_type="fixed_small", clip_sample=True), 1000, 0.3372),
        (DDPMScheduler(**LINEAR, clip_sample=True, **V), 1000, 0.2631),
        (DDIMScheduler(**LINEAR, clip_sample=True), 10, 0.223967),
        (DDIMScheduler(**LINEAR, clip_sample=True, **V), 10, 0.0684),
        (DPMSolverMultistepScheduler(**LINEAR, **TO_SIGMA_MIN, lower_order_final=False), 10, 0.3301),
        (DPMSolverMultistepScheduler(**LINEAR, **TO_SIGMA_MIN, **V, lower_order_final=False), 10, 0.2251),
        (UniPCMultistepScheduler(**LINEAR, **TO_SIGMA_MIN), 10, 0.2464),
        (UniPCMultistepScheduler(**LINEAR, **TO_SIGMA_MIN, **V), 10, 0.1014),
        (DPMSolverSinglestepScheduler(**LINEAR, **TO_SIGMA_MIN), 10, 0.2791),
        (DPMSolverSinglestepScheduler(**LINEAR, **TO_SIGMA_MIN, **V), 10, 0.1453),
        (DEISMultistepScheduler(**LINEAR), 10, 0.23916),
        (DEISMultistepScheduler(**LINEAR, **V), 10, 0.091),
        (PNDMScheduler(**LINEAR), 10, 0.2580),
        (PNDMScheduler(**LINEAR, **V), 10, 0.0878),
        (SASolverScheduler(**LINEAR, num_train_timesteps=1100), 10, 0.4393),
        (EDMEulerScheduler(num_train_timesteps=256), 10, 0.044),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "config") else str(value),
)
def test_diffusers_own_full_loops(scheduler: Any, steps: int, mean: float) -> None:
    """The golden values of tests/schedulers in diffusers: mean |x_0| of a made-up model on made-up noise."""
    x_T = (torch.arange(768) / 768).reshape(3, 8, 8, 4).permute(3, 0, 1, 2)

    def made_up(x: Tensor, t: Tensor) -> Tensor:
        time = t.reshape(-1, 1, 1, 1)
        return x * time / (time + 1)

    generator = torch.Generator().manual_seed(0)
    *_, last = sampling.denoise(made_up, scheduler, steps, x_T, generator)
    assert last.x_t.abs().mean().item() == pytest.approx(mean, abs=1e-3)


class TestTheLoop:
    @pytest.mark.parametrize(("name", "process"), EVERY_WAY)
    def test_one_model_call_for_each_next_and_none_before(self, name: str, process: str) -> None:
        calls = []

        def predict(x: Tensor, t: Tensor) -> Tensor:
            calls.append(t)
            return torch.zeros_like(x)

        x_T = sampling.initial_noise((2, 3, 4, 4), 0)
        steps = sampling.denoise(predict, build_sampler(recipe_for(name, process)), 6, x_T)
        assert calls == []
        for number, step in enumerate(steps, 1):
            assert len(calls) == number == step.index + 1
            assert calls[-1].shape == (2,)
        assert step.final
        assert step.count == len(calls)

    @pytest.mark.parametrize(("name", "process"), GAUSSIAN)
    def test_a_scheduler_can_serve_again_as_if_new(self, name: str, process: str) -> None:
        recipe = recipe_for(name, process)
        sampler, model = build_sampler(recipe), GaussianModel(recipe.noise_scheduler)

        def sample(steps: int) -> Tensor:
            x_T = sampling.initial_noise((2, 4, 1, 1), 0)
            return list(sampling.denoise(model, sampler, steps, x_T, sampling.image_generators(0, 2)))[-1].x_t

        first = sample(8)
        next(sampling.denoise(model, sampler, 5, sampling.initial_noise((2, 4, 1, 1), 1)))
        assert torch.equal(sample(8), first)

    @pytest.mark.parametrize("process", [DDPM, FLOW, EDM, MIXING])
    def test_the_model_sees_unit_variance_or_what_training_showed_it(self, process: str) -> None:
        """The first call's input: pure noise at the scale of the process, in EDM brought to unit variance."""
        name = next(name for name, its in EVERY_WAY if its == process)
        seen = []

        def predict(x: Tensor, t: Tensor) -> Tensor:
            seen.append(x)
            return torch.zeros_like(x)

        x_T = sampling.initial_noise((64, 1, 16, 16), 0)
        next(sampling.denoise(predict, build_sampler(recipe_for(name, process)), 10, x_T))
        assert seen[0].std().item() == pytest.approx(3**-0.5 if process == MIXING else 1.0, abs=0.02)

    def test_gradients_are_not_kept_and_stay_on_for_the_caller(self) -> None:
        weight = torch.ones(1, requires_grad=True)
        sampler = build_sampler(recipe_for("DDIMScheduler", DDPM))
        for step in sampling.denoise(lambda x, t: x * weight, sampler, 3, sampling.initial_noise((1, 1, 4, 4), 0)):
            assert torch.is_grad_enabled()
            assert not step.x_t.requires_grad


class TestNoise:
    @settings(max_examples=30, deadline=None)
    @given(seed=st.integers(0, 2**31 - 1), count=st.integers(1, 12), more=st.integers(0, 6))
    def test_a_smaller_batch_is_a_prefix_of_a_larger_one(self, seed: int, count: int, more: int) -> None:
        few = sampling.initial_noise((count, 1, 4, 4), seed)
        assert torch.equal(sampling.initial_noise((count + more, 1, 4, 4), seed)[:count], few)

    def test_it_is_standard_normal_and_no_two_images_are_alike(self) -> None:
        noise = sampling.initial_noise((256, 1, 16, 16), 3)
        assert noise.mean().item() == pytest.approx(0, abs=0.02)
        assert noise.std().item() == pytest.approx(1, abs=0.02)
        correlations = torch.corrcoef(noise.flatten(1)) - torch.eye(256)
        assert correlations.abs().max().item() < 0.5

    def test_seeds_that_follow_each_other_share_no_image(self) -> None:
        a, b = (sampling.initial_noise((8, 1, 4, 4), seed).flatten(1) for seed in (0, 1))
        assert not any(torch.equal(x, y) for x in a for y in b)

    def test_it_leaves_the_global_generator_alone(self) -> None:
        before = torch.get_rng_state()
        sampling.initial_noise((2, 1, 4, 4), 0)
        assert torch.equal(torch.get_rng_state(), before)

    @pytest.mark.parametrize(("name", "process"), [way for way in GAUSSIAN if SAMPLERS[way[0]].stochastic])
    def test_an_image_of_a_stochastic_sampler_does_not_depend_on_its_neighbours(self, name: str, process: str) -> None:
        recipe = recipe_for(name, process)

        def sample(count: int) -> Tensor:
            x_T = sampling.initial_noise((count, 4, 1, 1), 0)
            generators = sampling.image_generators(9, count)
            model = GaussianModel(recipe.noise_scheduler)
            return list(sampling.denoise(model, build_sampler(recipe), 20, x_T, generators))[-1].x_t

        assert torch.allclose(sample(5)[:2], sample(2), atol=1e-5)
