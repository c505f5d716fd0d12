"""Pictures under noise, as the strip and the brush show them, by every process."""

from __future__ import annotations

import numpy as np
import pytest

from tui_lab.diffusion import schedules
from tui_lab.recipe import NoiseScheduler
from tui_lab.recipe.schema import NoiseClass, Objective

LINEAR = NoiseScheduler()
PROCESSES = ("DDPMScheduler", "FlowMatchEulerDiscreteScheduler", "EDMEulerScheduler", "UniformMixing")
FACE = np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8)


def process(name: str, **knobs: object) -> NoiseScheduler:
    return NoiseScheduler.model_validate({"class": name, **knobs})


@pytest.mark.parametrize("name", PROCESSES)
def test_noise_for_the_strip_has_the_processes_mean_and_variance(name: NoiseClass) -> None:
    noise = process(name)
    levels = schedules.levels(noise)
    grey = np.full((64, 64, 3), 204, dtype=np.uint8)  # 0.6 in [-1, 1]
    timesteps = [0, 300, 999]
    x_t = schedules.add_noise(grey, timesteps, noise, seed=7)
    assert x_t.shape == (3, 64, 64, 3)
    spread = np.sqrt(1 / 3) if name == "UniformMixing" else 1.0  # of U(-1, 1)
    for x, t in zip(x_t, timesteps, strict=True):
        assert x.mean() == pytest.approx(0.6 * levels.alpha[t], abs=0.03 * max(1.0, levels.sigma[t]))
        assert x.std() == pytest.approx(spread * levels.sigma[t], rel=0.03)


def test_the_strip_is_one_picture_in_one_noise() -> None:
    timesteps = schedules.spread_timesteps(1000, 8)
    strip = schedules.add_noise(FACE, timesteps, LINEAR, seed=3)
    np.testing.assert_array_equal(strip, schedules.add_noise(FACE, timesteps, LINEAR, seed=3))
    at = schedules.alphas_cumprod(LINEAR)[timesteps].reshape(-1, 1, 1, 1)
    noise = (strip - np.sqrt(at) * schedules.from_uint8(FACE)) / np.sqrt(1 - at)
    np.testing.assert_allclose(noise, np.broadcast_to(noise[0], noise.shape), atol=1e-9)
    assert (schedules.add_noise(FACE, [999], LINEAR, seed=4) != strip[-1]).any()


def test_timesteps_of_the_strip_include_both_ends() -> None:
    assert schedules.spread_timesteps(1000, 8).tolist() == [0, 143, 285, 428, 571, 714, 856, 999]


def test_pixels_come_back_and_overshoot_is_clipped() -> None:
    pixels = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(schedules.to_uint8(schedules.from_uint8(pixels)), pixels)
    assert schedules.to_uint8(np.array([-3.0, 3.0])).tolist() == [0, 255]


def test_unclipped_each_picture_is_scaled_until_it_fits() -> None:
    loud, quiet = np.full((2, 2, 1), -4.0), np.full((2, 2, 1), 0.5)
    loud[0, 0] = 2.0
    shown = schedules.to_uint8(np.stack([loud, quiet]), clip=False)
    assert shown[0, 1, 1, 0] == 0 and shown[0, 0, 0, 0] == round((2 / 4 + 1) * 127.5)
    np.testing.assert_array_equal(shown[1], schedules.to_uint8(quiet))  # what fits stays as it is


ANSWERS: list[tuple[NoiseClass, Objective]] = [
    ("DDPMScheduler", "epsilon"),
    ("DDPMScheduler", "sample"),
    ("DDPMScheduler", "v_prediction"),
    ("FlowMatchEulerDiscreteScheduler", "flow"),
    ("EDMEulerScheduler", "edm"),
    ("UniformMixing", "sample"),
]


@pytest.mark.parametrize(("name", "objective"), ANSWERS)
@pytest.mark.parametrize("index", [3, 500, 990])
def test_the_answer_gives_the_picture_back(name: NoiseClass, objective: Objective, index: int) -> None:
    noise = process(name)
    alpha, sigma = schedules.levels(noise).alpha[index], schedules.levels(noise).sigma[index]
    x0 = schedules.from_uint8(FACE)
    eps = schedules.draw_noise(noise, x0.shape, seed=2)
    x_t, answer = alpha * x0 + sigma * eps, schedules.target(objective, x0, eps, index, noise)
    match objective:
        case "epsilon":
            found = (x_t - sigma * answer) / alpha
        case "sample":
            found = answer
        case "v_prediction":
            found = alpha * x_t - sigma * answer
        case "flow":
            found = x_t - sigma * answer
        case "edm":  # Karras et al. 2022, table 1
            total = sigma**2 + noise.sigma_data**2
            found = noise.sigma_data**2 / total * x_t + sigma * noise.sigma_data / np.sqrt(total) * answer
    np.testing.assert_allclose(found, x0, atol=1e-9)


@pytest.mark.parametrize("index", [0, 500, 999])
def test_edms_answer_has_unit_variance_at_every_level(index: int) -> None:
    """Which is what c_out is for (Karras et al. 2022, eq. 117), with data of σ_data."""
    noise = process("EDMEulerScheduler", sigma_data=0.5)
    draw = np.random.default_rng(0)
    x0, eps = draw.normal(0, 0.5, 100_000), draw.standard_normal(100_000)
    assert schedules.target("edm", x0, eps, index, noise).std() == pytest.approx(1, abs=0.01)
