"""Inpainting: what is kept is kept at every level, and the rest is drawn to fit it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.diffusion.gaussian import COVARIANCE, MEAN, GaussianModel, data, recipe_of
from tui_lab.catalog.samplers import DDPM, EDM, FLOW, MIXING, SAMPLERS
from tui_lab.diffusion.forward import to_uint8
from tui_lab.diffusion.image_start import ImageStart
from tui_lab.diffusion.inpainting import Inpainting
from tui_lab.diffusion.noise_schedulers import build_sampler
from tui_lab.diffusion.sampling import DenoisingStep, denoise, image_generators, initial_noise
from tui_lab.recipe import Recipe

# diffusers 0.42 hands torch tensors to numpy 2 in its old way.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

WAYS = [(name, process) for name, info in SAMPLERS.items() for process in info.over]
KEPT = torch.zeros(8, 8, dtype=torch.bool)
KEPT[:, :5] = True
IMAGE = (torch.arange(64).reshape(1, 1, 8, 8).expand(2, 3, 8, 8) * 4).to(torch.uint8)


def recipe_for(name: str, process: str) -> Recipe:
    changes = {"noise_scheduler.class": process, "sampling.scheduler": name}
    return recipe_of({**changes, "noise_scheduler.prediction_type": "v_prediction"})


def inpainted(name: str, process: str, **more: Any) -> list[DenoisingStep]:
    image = IMAGE.float() / 127.5 - 1.0
    sampler, x_T = build_sampler(recipe_for(name, process)), initial_noise((2, 3, 8, 8), 0)
    steering = [Inpainting(image, KEPT)]
    generators = image_generators(0, 2)
    return list(denoise(lambda x, t: x.tanh(), sampler, 8, x_T, generators, steering=steering, **more))


@pytest.mark.parametrize(("name", "process"), WAYS)
class TestEverySampler:
    def test_what_is_kept_is_the_picture_to_the_byte_and_the_rest_is_drawn(self, name: str, process: str) -> None:
        sample = to_uint8(inpainted(name, process)[-1].x_t)
        assert torch.equal(sample[..., KEPT], IMAGE[..., KEPT])
        assert not torch.equal(sample[..., ~KEPT], IMAGE[..., ~KEPT])
        assert not torch.equal(sample[0, ..., ~KEPT], sample[1, ..., ~KEPT])

    def test_the_model_is_taken_to_foresee_it(self, name: str, process: str) -> None:
        image = IMAGE.float() / 127.5 - 1.0
        for step in inpainted(name, process):
            assert torch.allclose(step.x0[..., KEPT], image[..., KEPT], atol=5e-3)

    def test_nothing_of_it_leaves_the_pictures_device(self, name: str, process: str) -> None:
        """Which `meta` stands for: what is mixed with the CPU's fails there as on a GPU. t alone is the CPU's."""
        image = torch.zeros(2, 3, 8, 8, device="meta")

        def predict(x: Tensor, t: Tensor) -> Tensor:
            assert (x.device.type, t.device.type) == ("meta", "cpu")
            return x.tanh()

        start = None if SAMPLERS[name].only_from_noise else ImageStart(image, 0.5)
        steering = [Inpainting(image, KEPT.to("meta"))]
        sampler = build_sampler(recipe_for(name, process))
        for step in denoise(predict, sampler, 8, image, start=start, steering=steering):
            assert step.x_t.device.type == "meta"


@pytest.mark.parametrize(("name", "process"), [("DDIMScheduler", DDPM), ("EulerDiscreteScheduler", DDPM), (FLOW, FLOW)])
def test_on_the_way_it_is_the_picture_noised_to_the_level_that_the_rest_has(name: str, process: str) -> None:
    image, noise = IMAGE.float() / 127.5 - 1.0, initial_noise((2, 3, 8, 8), 0)
    steps = inpainted(name, process)
    for step, after in pairwise(steps):
        expected = after.alpha * image + after.sigma * noise
        assert torch.allclose(step.x_t[..., KEPT], expected[..., KEPT], atol=1e-4)


def test_the_course_s_mixing_noises_it_uniformly() -> None:
    steps = inpainted("UniformMixingSampler", MIXING)
    assert steps[0].x_t[..., KEPT].abs().max() < 1.0


def test_an_image_s_strength_says_how_much_of_the_rest_may_change() -> None:
    image = IMAGE.float() / 127.5 - 1.0
    steps = inpainted("DDIMScheduler", DDPM, start=ImageStart(image, 0.5))
    assert [step.count for step in steps] == [4] * 4
    assert torch.equal(to_uint8(steps[-1].x_t)[..., KEPT], IMAGE[..., KEPT])


@pytest.mark.parametrize(("name", "process"), [("DDPMScheduler", DDPM), ("DDIMScheduler", DDPM), (EDM, EDM)])
def test_what_is_drawn_leans_to_what_fits(name: str, process: str) -> None:
    """Of two correlated values of a Gaussian one is kept, two deviations off: the mean of the other moves towards its
    conditional mean, though not all of the way (which is why RePaint goes back and forth)."""
    kept = torch.tensor([True, False, False, False]).reshape(4, 1, 1)
    recipe, high = recipe_for(name, process), MEAN.float().reshape(1, 4, 1, 1).clone()
    high[:, 0] += 2 * float(COVARIANCE[0, 0].sqrt())
    image, x_T = high.expand(1024, 4, 1, 1), initial_noise((1024, 4, 1, 1), 0)
    model, generators = GaussianModel(recipe.noise_scheduler), image_generators(0, 1024)
    steering = [Inpainting(image, kept)]
    *_, last = denoise(model, build_sampler(recipe), 50, x_T, generators, steering=steering)
    expected = MEAN[1] + COVARIANCE[1, 0] / COVARIANCE[0, 0] * (high[0, 0, 0, 0] - MEAN[0])
    moved = (last.x_t[:, 1].mean() - MEAN[1]) / (expected - MEAN[1])
    assert 0.35 < moved < 1.0
    assert torch.allclose(last.x_t[:, 0], image[:, 0])


def test_nothing_of_what_is_kept_comes_from_the_model_however_wild_that_is() -> None:
    image = data(3)
    kept = torch.tensor([True, True, True, False]).reshape(4, 1, 1)
    sampler, x_T = build_sampler(recipe_for("DDIMScheduler", DDPM)), initial_noise((3, 4, 1, 1), 0)
    *_, last = denoise(lambda x, t: x * 1e3, sampler, 5, x_T, steering=[Inpainting(image, kept)])
    assert torch.equal(last.x_t[:, :3], image[:, :3])
