"""The sampling loop, against diffusers' own pipelines and against a Gaussian whose best denoiser is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from diffusers import DDIMPipeline, DDPMPipeline, UNet2DModel
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tui_lab.catalog.samplers import SAMPLERS
from tui_lab.diffusion import sampling
from tui_lab.diffusion.noise_schedulers import build_sampler, training_alphas_cumprod
from tui_lab.diffusion.objective import PredictionType, target
from tui_lab.recipe.schema import NoiseScheduler

# diffusers 0.42 hands torch tensors to numpy 2 in its old way.
pytestmark = pytest.mark.filterwarnings("ignore:__array:DeprecationWarning:diffusers")

MEAN, STD = 0.3, 0.2


def gaussian_denoiser(noise: NoiseScheduler) -> Callable[[Tensor, Tensor], Tensor]:
    """The best possible model of x_0 ~ N(MEAN, STD²): E[x_0 | x_t] is linear in x_t.

    Timesteps between two whole ones stand for the noise level √(1/ᾱ - 1) interpolated between theirs; where ᾱ = 0, the
    solvers that cannot divide by it put 2⁻²⁴.
    """
    alpha_bar = training_alphas_cumprod(noise).double()
    alpha_bar[alpha_bar == 0] = 2.0**-24
    sigmas = ((1 - alpha_bar) / alpha_bar).sqrt()

    def predict(x_t: Tensor, t: Tensor) -> Tensor:
        low, high, share = t.floor().long(), t.ceil().long(), (t - t.floor()).double()
        sigma = (sigmas[low] * (1 - share) + sigmas[high] * share)[:, None, None, None]
        a = 1 / (1 + sigma**2)
        x0 = MEAN + a.sqrt() * STD**2 / (a * STD**2 + 1 - a) * (x_t.double() - a.sqrt() * MEAN)
        eps = (x_t.double() - a.sqrt() * x0) / (1 - a).sqrt()
        level = torch.zeros(len(t), dtype=torch.int64)
        return target(noise.prediction_type, x0, eps, a.flatten()[:1], level)

    return predict


def gaussian_samples(noise: NoiseScheduler, name: str, steps: int, eta: float = 0.0) -> list[sampling.DenoisingStep]:
    x_T = sampling.initial_noise((64, 1, 8, 8), seed=0)
    generators = sampling.image_generators(1, 64)
    return list(sampling.denoise(gaussian_denoiser(noise), build_sampler(noise, name), steps, x_T, generators, eta=eta))


POSSIBLE = [(name, kind) for name, info in SAMPLERS.items() for kind in info.prediction_types]


@pytest.mark.parametrize("schedule", ["linear", "squaredcos_cap_v2"])
@pytest.mark.parametrize(("name", "prediction_type"), POSSIBLE)
def test_every_sampler_brings_back_the_gaussian(name: str, prediction_type: PredictionType, schedule: str) -> None:
    noise = NoiseScheduler(prediction_type=prediction_type, beta_schedule=schedule)
    sample = gaussian_samples(noise, name, steps=250 if SAMPLERS[name].stochastic else 100)[-1].x_t
    assert sample.mean().item() == pytest.approx(MEAN, abs=0.015)
    assert sample.std().item() == pytest.approx(STD, abs=0.02)


@pytest.mark.parametrize(
    ("name", "prediction_type"),
    [(name, kind) for name, kind in POSSIBLE if kind != "epsilon"],
)
def test_and_from_zero_terminal_snr(name: str, prediction_type: PredictionType) -> None:
    noise = NoiseScheduler(prediction_type=prediction_type, rescale_betas_zero_snr=True)
    sample = gaussian_samples(noise, name, steps=250 if SAMPLERS[name].stochastic else 100)[-1].x_t
    assert sample.mean().item() == pytest.approx(MEAN, abs=0.015)
    assert sample.std().item() == pytest.approx(STD, abs=0.025)


def test_ddim_with_eta_one_brings_back_the_gaussian_by_another_way() -> None:
    noise = NoiseScheduler(prediction_type="epsilon")
    straight = gaussian_samples(noise, "DDIMScheduler", 200)[-1].x_t
    noisy = gaussian_samples(noise, "DDIMScheduler", 200, eta=1.0)[-1].x_t
    assert noisy.std().item() == pytest.approx(STD, abs=0.02)
    assert (noisy - straight).abs().mean().item() > 0.1


class TestThePicturesOnTheWay:
    @pytest.mark.parametrize("name", SAMPLERS)
    def test_x_t_goes_from_noise_to_the_sample_in_one_scale(self, name: str) -> None:
        """Also where the sampler works on x_0 + σ ε, whose σ starts in the hundreds."""
        noise = NoiseScheduler(prediction_type="v_prediction", beta_schedule="squaredcos_cap_v2")
        steps = gaussian_samples(noise, name, 30)
        assert steps[0].x_t.std().item() == pytest.approx(1.0, abs=0.1)
        spreads = [step.x_t.std().item() for step in steps]
        assert max(spreads) < 1.1
        assert spreads[-1] < 0.3

    @pytest.mark.parametrize("name", SAMPLERS)
    def test_x0_is_foreseen_as_the_mean_and_grows_into_the_sample(self, name: str) -> None:
        noise = NoiseScheduler(prediction_type="v_prediction", beta_schedule="squaredcos_cap_v2")
        steps = gaussian_samples(noise, name, 30)
        assert steps[0].x0.mean().item() == pytest.approx(MEAN, abs=0.01)
        assert steps[0].x0.std().item() < 0.05
        assert (steps[-1].x0 - steps[-1].x_t).abs().mean().item() < 0.05

    def test_x0_is_clipped_to_what_a_picture_can_show(self) -> None:
        noise = NoiseScheduler()
        far_off = sampling.denoise(
            lambda x, t: -5 * x, build_sampler(noise, "DDIMScheduler"), 5, sampling.initial_noise((2, 3, 8, 8), 0)
        )
        assert all(step.x0.abs().max() <= 1 for step in far_off)

    def test_panes_are_bytes_of_both_pictures(self) -> None:
        step = gaussian_samples(NoiseScheduler(prediction_type="sample"), "DDIMScheduler", 2)[-1]
        panes = step.panes()
        assert (panes.shape, panes.dtype) == ((2, 64, 8, 8, 1), np.uint8)
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
    def test_ddpm(self, unet: UNet2DModel, prediction_type: PredictionType) -> None:
        scheduler = build_sampler(NoiseScheduler(prediction_type=prediction_type), "DDPMScheduler")
        pipeline = DDPMPipeline(unet, scheduler)
        pipeline.set_progress_bar_config(disable=True)
        theirs = pipeline(
            2, generator=torch.Generator().manual_seed(7), num_inference_steps=12, output_type="np"
        ).images
        assert self.ours(unet, scheduler, 12, 0.0) == pytest.approx(theirs, abs=1e-5)

    @pytest.mark.parametrize("eta", [0.0, 0.7])
    def test_ddim(self, unet: UNet2DModel, eta: float) -> None:
        scheduler = build_sampler(NoiseScheduler(), "DDIMScheduler")
        pipeline = DDIMPipeline(unet, scheduler)
        pipeline.set_progress_bar_config(disable=True)
        theirs = pipeline(
            2, generator=torch.Generator().manual_seed(7), num_inference_steps=12, eta=eta, output_type="np"
        ).images
        assert self.ours(unet, scheduler, 12, eta) == pytest.approx(theirs, abs=1e-5)


class TestTheLoop:
    @pytest.mark.parametrize("name", SAMPLERS)
    def test_one_model_call_for_each_next_and_none_before(self, name: str) -> None:
        calls = []
        noise = NoiseScheduler(prediction_type="v_prediction")

        def predict(x: Tensor, t: Tensor) -> Tensor:
            calls.append(t)
            return torch.zeros_like(x)

        x_T = sampling.initial_noise((2, 3, 4, 4), 0)
        steps = sampling.denoise(predict, build_sampler(noise, name), 6, x_T)
        assert calls == []
        for number, step in enumerate(steps, 1):
            assert len(calls) == number == step.index + 1
            assert calls[-1].shape == (2,)
        assert step.final
        assert step.count == len(calls)

    @pytest.mark.parametrize("name", SAMPLERS)
    def test_a_scheduler_can_serve_again_as_if_new(self, name: str) -> None:
        noise = NoiseScheduler(prediction_type="v_prediction")
        sampler = build_sampler(noise, name)

        def sample(steps: int) -> Tensor:
            x_T = sampling.initial_noise((2, 1, 4, 4), 0)
            generators = sampling.image_generators(0, 2)
            return list(sampling.denoise(gaussian_denoiser(noise), sampler, steps, x_T, generators))[-1].x_t

        first = sample(8)
        next(sampling.denoise(gaussian_denoiser(noise), sampler, 5, sampling.initial_noise((2, 1, 4, 4), 1)))
        assert torch.equal(sample(8), first)

    def test_gradients_are_not_kept_and_stay_on_for_the_caller(self) -> None:
        weight = torch.ones(1, requires_grad=True)
        sampler = build_sampler(NoiseScheduler(), "DDIMScheduler")
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

    @pytest.mark.parametrize("name", ["DDPMScheduler", "EulerAncestralDiscreteScheduler"])
    def test_an_image_of_a_stochastic_sampler_does_not_depend_on_its_neighbours(self, name: str) -> None:
        noise = NoiseScheduler(prediction_type="v_prediction")

        def sample(count: int) -> Tensor:
            x_T = sampling.initial_noise((count, 1, 4, 4), 0)
            generators = sampling.image_generators(9, count)
            sampler = build_sampler(noise, name)
            return list(sampling.denoise(gaussian_denoiser(noise), sampler, 10, x_T, generators))[-1].x_t

        assert torch.allclose(sample(5)[:2], sample(2), atol=1e-6)
