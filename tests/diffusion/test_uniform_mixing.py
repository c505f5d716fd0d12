"""The course's sampler, by its own formula and on data whose best denoiser is known."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from tui_lab.diffusion.sampling import denoise, initial_noise
from tui_lab.diffusion.uniform_mixing import UniformMixingSampler

HIGH, LOW, SHARE_OF_HIGH = 0.6, -0.4, 0.7


def two_valued(x_t: Tensor, a: float) -> Tensor:
    """E[x_0 | x_t] where x_0 is HIGH or LOW: uniform noise leaves both possible, or one."""
    possible = [((x_t - (1 - a) * value).abs() <= a + 1e-6).double() for value in (HIGH, LOW)]
    high, low = SHARE_OF_HIGH * possible[0], (1 - SHARE_OF_HIGH) * possible[1]
    return (high * HIGH + low * LOW) / (high + low).clamp(min=1e-12)


@pytest.mark.parametrize("steps", [5, 40])
def test_each_step_goes_the_course_s_share_of_the_way(steps: int) -> None:
    """for i in range(n): x = x * (1 - 1/(n-i)) + prediction * 1/(n-i)."""
    x_T = initial_noise((3, 1, 4, 4), seed=0)
    predictions = torch.rand(steps, 3, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    answers = iter(predictions)
    made = list(denoise(lambda x, t: next(answers), UniformMixingSampler(), steps, x_T))
    x = torch.erf(x_T / 2**0.5)
    for i, (step, prediction) in enumerate(zip(made, predictions, strict=True)):
        mix = 1 / (steps - i)
        x = x * (1 - mix) + prediction * mix
        assert torch.allclose(step.x_t, x, atol=1e-5)
        assert torch.equal(step.x0, prediction)


def test_it_starts_from_uniform_noise_over_the_data_s_range() -> None:
    x = UniformMixingSampler().start(initial_noise((64, 1, 16, 16), seed=0)).flatten()
    quantiles = torch.tensor([0.0, 0.1, 0.5, 0.9, 1.0])
    assert x.quantile(quantiles).tolist() == pytest.approx((2 * quantiles - 1).tolist(), abs=0.02)


def test_the_model_is_told_the_level_that_it_is_shown() -> None:
    sampler = UniformMixingSampler(num_train_timesteps=100)
    sampler.set_timesteps(10)
    assert sampler.timesteps.tolist() == [99, 89, 79, 69, 59, 49, 39, 29, 19, 9]
    sampler.set_timesteps(200)
    assert sampler.timesteps[-1] == 0


def test_with_many_steps_the_data_s_values_come_in_their_proportion() -> None:
    steps = 200
    levels = iter([1 - i / steps for i in range(steps)])
    x_T = initial_noise((64, 1, 8, 8), seed=0)
    *_, last = denoise(lambda x, t: two_valued(x.double(), next(levels)).float(), UniformMixingSampler(), steps, x_T)
    assert (last.x_t > 0.1).double().mean().item() == pytest.approx(SHARE_OF_HIGH, abs=0.02)
    settled = ((last.x_t - HIGH).abs() < 0.02) | ((last.x_t - LOW).abs() < 0.02)
    assert settled.double().mean().item() > 0.98


def test_it_is_saved_and_loaded_as_diffusers_schedulers_are(tmp_path: Path) -> None:
    UniformMixingSampler(num_train_timesteps=300).save_pretrained(tmp_path)
    assert UniformMixingSampler.from_pretrained(tmp_path).config.num_train_timesteps == 300
