"""Image-to-image: which steps are made, as in diffusers, and what comes of data whose best denoiser is known."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, HeunDiscreteScheduler
from torch import Tensor

from tests.diffusion.gaussian import COVARIANCE, MEAN, GaussianModel, data, recipe_of
from tui_lab.catalog.samplers import DDPM, EDM, FLOW, MIXING, SAMPLERS
from tui_lab.diffusion.forward import to_uint8
from tui_lab.diffusion.image_start import ImageStart
from tui_lab.diffusion.noise_schedulers import build_sampler
from tui_lab.diffusion.sampling import DenoisingStep, denoise, image_generators, initial_noise
from tui_lab.recipe import Recipe

# diffusers 0.42 hands torch tensors to numpy 2 in its old way.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

WAYS = [(name, process) for name, info in SAMPLERS.items() for process in info.over if not info.only_from_noise]
GAUSSIAN = [way for way in WAYS if way[1] != MIXING]


def recipe_for(name: str, process: str, **knobs: Any) -> Recipe:
    changes = {"noise_scheduler.class": process, "sampling.scheduler": name}
    return recipe_of({**changes, "noise_scheduler.prediction_type": "v_prediction", **knobs})


def drawn(recipe: Recipe, image: Tensor, strength: float, steps: int = 20) -> list[DenoisingStep]:
    x_T, generators = initial_noise(tuple(image.shape), 0), image_generators(0, len(image))
    model = GaussianModel(recipe.noise_scheduler)
    return list(denoise(model, build_sampler(recipe), steps, x_T, generators, start=ImageStart(image, strength)))


@pytest.mark.parametrize(("name", "process"), WAYS)
class TestEverySampler:
    def test_strength_0_is_the_picture_itself_and_asks_nothing(self, name: str, process: str) -> None:
        picture = torch.arange(256).repeat(3).reshape(1, 3, 16, 16).float() / 127.5 - 1.0

        def never(x: Tensor, t: Tensor) -> Tensor:
            raise AssertionError("asked")

        start = ImageStart(picture, 0.0)
        (step,) = denoise(never, build_sampler(recipe_for(name, process)), 8, torch.zeros_like(picture), start=start)
        assert step.final
        assert torch.equal(to_uint8(step.x_t), to_uint8(picture))
        assert torch.equal(step.x0, step.x_t)

    def test_strength_1_is_the_plain_drawing_bit_for_bit(self, name: str, process: str) -> None:
        recipe = recipe_for(name, process)
        x_T = initial_noise((2, 4, 1, 1), 3)
        model = torch.tanh

        def sample(**start: Any) -> Tensor:
            sampler, generators = build_sampler(recipe), image_generators(0, 2)
            return list(denoise(lambda x, t: model(x), sampler, 8, x_T, generators, **start))[-1].x_t

        assert torch.equal(sample(start=ImageStart(torch.ones(2, 4, 1, 1), 1.0)), sample())

    def test_half_of_it_makes_the_later_half_of_the_steps(self, name: str, process: str) -> None:
        recipe = recipe_for(name, process)
        x_T = initial_noise((1, 4, 1, 1), 0)

        def told(**start: Any) -> list[float]:
            sampler, generators = build_sampler(recipe), image_generators(0, 1)
            steps = list(denoise(lambda x, t: torch.zeros_like(x), sampler, 10, x_T, generators, **start))
            assert [(step.index, step.count) for step in steps] == [(place, len(steps)) for place in range(len(steps))]
            return [step.timestep for step in steps]

        later = told(start=ImageStart(torch.zeros(1, 4, 1, 1), 0.5))
        assert later == told()[-len(later) :]
        assert len(later) == 5 * SAMPLERS[name].calls_per_step - (SAMPLERS[name].calls_per_step - 1)


@pytest.mark.parametrize(("name", "process"), GAUSSIAN)
def test_data_noised_to_a_level_on_the_way_and_denoised_is_data_again(name: str, process: str) -> None:
    """x_t of the data is what the sampler expects there: it errs no more than from noise, in as many steps."""
    recipe, image = recipe_for(name, process), data(1024, seed=5)

    def amiss(strength: float) -> float:
        samples = drawn(recipe, image, strength, 25)[-1].x_t.flatten(1).double()
        assert (samples.mean(0) - MEAN).abs().max() < 0.04
        return float((torch.cov(samples.T) - COVARIANCE).norm() / COVARIANCE.norm())

    assert amiss(0.6) < amiss(1.0) + 0.06


@pytest.mark.parametrize(("name", "process"), [("DDIMScheduler", DDPM), ("LMSDiscreteScheduler", DDPM), (FLOW, FLOW)])
def test_the_less_strength_the_nearer_to_the_picture(name: str, process: str) -> None:
    image = data(64, seed=5)
    far = [(drawn(recipe_for(name, process), image, s)[-1].x_t - image).square().mean() for s in (0.1, 0.4, 0.9)]
    assert far == sorted(far)
    assert far[0] < 0.5 * far[-1]


def test_it_begins_with_the_picture_noised_to_that_level() -> None:
    """x_t of a step is that after it: a model that foresees the picture keeps on its way, α image + σ ε."""
    image, x_T = torch.full((1, 4, 1, 1), 0.5), initial_noise((1, 4, 1, 1), 0)
    sampler = build_sampler(recipe_for("DDIMScheduler", DDPM, **{"noise_scheduler.prediction_type": "sample"}))
    seen = []

    def knows(x: Tensor, t: Tensor) -> Tensor:
        seen.append(x)
        return image

    steps = list(denoise(knows, sampler, 10, x_T, start=ImageStart(image, 0.4)))
    for step, x_t in zip(steps, seen, strict=True):
        assert torch.allclose(x_t, step.alpha * image + step.sigma * x_T, atol=1e-5)
    assert torch.allclose(steps[-1].x_t, image)


@pytest.mark.parametrize("strength", [0.0, 0.05, 0.3, 0.5, 0.6, 0.75, 0.99, 1.0])
@pytest.mark.parametrize("steps", [1, 10, 50])
@pytest.mark.parametrize("scheduler", [DDIMScheduler, HeunDiscreteScheduler])
def test_the_steps_made_are_those_of_diffusers_pipelines(scheduler: type, steps: int, strength: float) -> None:
    """As their `get_timesteps` has it."""
    made = scheduler()
    made.set_timesteps(steps)
    t_start = max(steps - min(int(steps * strength), steps), 0)
    first = ImageStart(torch.zeros(1, 1, 1, 1), strength).first_call(made)
    assert torch.equal(made.timesteps[first:], made.timesteps[t_start * made.order :])


def test_edm_s_pictures_stay_at_their_scale_on_the_way() -> None:
    for step in drawn(recipe_for("EDMEulerScheduler", EDM), data(64), 0.5):
        assert step.x_t.std() < 1.1
