"""Inversion and reconstruction, of a model that cannot be bettered, and against diffusers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import DDIMInverseScheduler
from torch import Tensor

from tests.diffusion.gaussian import GaussianModel, data, recipe_of
from tui_lab.catalog.samplers import DDPM, EDM, FLOW, MIXING, SAMPLERS
from tui_lab.diffusion.guidance import Predict
from tui_lab.diffusion.inpainting import Inpainting
from tui_lab.diffusion.inversion import NoiseStart, invert, reconstruct, root_mean_squared_error
from tui_lab.diffusion.noise_schedulers import build_sampler
from tui_lab.diffusion.sampling import DenoisingStep, denoise
from tui_lab.recipe import Recipe

# diffusers 0.42 hands torch tensors to numpy 2 in its old way.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

WAYS = [
    (name, process)
    for name, info in SAMPLERS.items()
    for process in info.over
    if process in (DDPM, FLOW, EDM)
    if not info.stochastic and info.calls_per_step == 1 and not info.only_from_noise
]


def recipe_for(name: str, process: str, **knobs: Any) -> Recipe:
    changes = {"noise_scheduler.class": process, "sampling.scheduler": name}
    return recipe_of({**changes, "noise_scheduler.prediction_type": "epsilon", **knobs})


def inverted(predict: Predict, recipe: Recipe, image: Tensor, steps: int) -> tuple[list[DenoisingStep], Tensor]:
    """Its steps, and the noise that it found."""
    inverting, made = invert(predict, build_sampler(recipe), steps, image), []
    while True:
        try:
            made.append(next(inverting))
        except StopIteration as end:
            return made, end.value


def noise_of(recipe: Recipe, image: Tensor, steps: int) -> Tensor:
    return inverted(GaussianModel(recipe.noise_scheduler), recipe, image, steps)[1]


def there_and_back(recipe: Recipe, steps: int, count: int = 128) -> list[DenoisingStep]:
    return list(reconstruct(GaussianModel(recipe.noise_scheduler), build_sampler(recipe), steps, data(count, seed=4)))


@pytest.mark.parametrize(("name", "process"), WAYS)
def test_a_picture_comes_back_the_better_the_more_steps(name: str, process: str) -> None:
    """RMSE on the scale of [0, 1]: at 20 steps below 0.05, at 80 below 0.02, and half as much or less."""
    few, many = (there_and_back(recipe_for(name, process), steps)[-1].rmse for steps in (20, 80))
    assert few is not None and many is not None
    assert few < 0.05 and many < 0.02
    assert many < 0.55 * few


@pytest.mark.parametrize("objective", ["epsilon", "sample", "v_prediction"])
def test_ddim_s_error_goes_down_with_the_length_of_its_steps_whatever_the_model_answers(objective: str) -> None:
    """Of first order: 0.0208 at 50 steps, 0.0112 at 100 and 0.0059 at 200."""
    recipe = recipe_for("DDIMScheduler", DDPM, **{"noise_scheduler.prediction_type": objective})
    errors = [there_and_back(recipe, steps)[-1].rmse for steps in (50, 100, 200)]
    assert errors == pytest.approx([0.0208, 0.0112, 0.0059], rel=0.1)


@pytest.mark.parametrize("process", [DDPM, FLOW])
def test_data_leads_to_noise(process: str) -> None:
    """Over the whole way the Gaussian becomes the standard one; an Euler method stretches it a little."""
    recipe = recipe_for("DDIMScheduler" if process == DDPM else process, process)
    found = noise_of(recipe, data(4096), 200).flatten(1).double()
    assert found.mean(0).abs().max() < 0.05
    assert (torch.cov(found.T) - torch.eye(4)).abs().max() < 0.2


def test_the_step_is_diffusers_inverse_ddim_step() -> None:
    """Their scheduler asks the model of the level above; a model that does not look at t is asked alike."""
    recipe, image = recipe_for("DDIMScheduler", DDPM), data(4)
    theirs = DDIMInverseScheduler.from_config(build_sampler(recipe).config, clip_sample=False)
    theirs.set_timesteps(10)
    x = image
    for t in theirs.timesteps:
        x = theirs.step(0.3 * x + 0.1, t, x).prev_sample
    steps, found = inverted(lambda x, t: 0.3 * x + 0.1, recipe, image, 10)
    assert torch.allclose(found, x, atol=1e-5)
    assert [step.timestep for step in steps] == theirs.timesteps.tolist()


def test_one_call_a_step_there_and_back_and_the_levels_mirror_each_other() -> None:
    calls = []

    def predict(x: Tensor, t: Tensor) -> Tensor:
        calls.append(float(t[0]))
        return torch.zeros_like(x)

    recipe = recipe_for("DPMSolverMultistepScheduler", DDPM)
    for number, step in enumerate(reconstruct(predict, build_sampler(recipe), 6, data(1)), 1):
        assert (step.index + 1, step.count, len(calls)) == (number, 12, number)
        assert step.final == (number == 12) == (step.rmse is not None)
    assert calls[1:6] == calls[:6:-1]  # on the way up, the level below: that of the picture's end twice
    assert calls[0] == calls[1]


def test_a_batch_may_be_of_several_pictures() -> None:
    recipe, image = recipe_for("DDIMScheduler", DDPM), data(3, seed=2)
    together = noise_of(recipe, image, 10)
    alone = torch.cat([noise_of(recipe, image[place : place + 1], 10) for place in range(3)])
    assert torch.allclose(together, alone, atol=1e-5)


def test_edm_s_noise_is_shown_at_unit_variance() -> None:
    *_, noisiest = there_and_back(recipe_for(EDM, EDM), 20)[:20]
    assert noisiest.x_t.std() == pytest.approx(1.0, abs=0.3)
    assert noisiest.sigma == pytest.approx(80.0)


def test_what_steers_acts_on_the_way_back() -> None:
    image = data(4)
    kept = torch.tensor([True, False, False, False]).reshape(4, 1, 1)
    recipe = recipe_for("DDIMScheduler", DDPM)
    steps = reconstruct(
        GaussianModel(recipe.noise_scheduler), build_sampler(recipe), 10, image, [Inpainting(image, kept)]
    )
    assert torch.equal(list(steps)[-1].x_t[:, 0], image[:, 0])


def test_the_course_s_mixing_has_a_way_back_too() -> None:
    image = data(2)
    steps = list(reconstruct(lambda x, t: image, build_sampler(recipe_for("UniformMixingSampler", MIXING)), 5, image))
    assert torch.allclose(steps[-1].x_t, image, atol=1e-6)


@pytest.mark.parametrize("name", ["DDIMScheduler", "EulerDiscreteScheduler"])
def test_a_start_from_noise_is_where_the_sampler_begins_whatever_its_scale(name: str) -> None:
    x_T, seen = torch.randn(2, 4, 1, 1, generator=torch.Generator().manual_seed(0)), []

    def predict(x: Tensor, t: Tensor) -> Tensor:
        seen.append(x)
        return x

    next(denoise(predict, build_sampler(recipe_for(name, DDPM)), 5, 0 * x_T, start=NoiseStart(x_T)))
    assert torch.allclose(seen[0], x_T, atol=1e-6)


def test_the_error_is_that_of_pictures_as_they_are_seen() -> None:
    black, white = torch.full((1, 1, 2, 2), -1.0), torch.full((1, 1, 2, 2), 1.0)
    assert root_mean_squared_error(black, white) == 1.0
    assert root_mean_squared_error(3 * white, white) == 0.0
