"""The forward process, against its closed form and against diffusers."""

from __future__ import annotations

import pytest
import torch
from diffusers import DDPMScheduler

from tui_lab.diffusion.forward import add_noise, normalise, to_uint8


def test_every_byte_survives_the_way_to_the_model_and_back() -> None:
    images = torch.arange(256, dtype=torch.uint8)
    assert normalise(images).aminmax() == (-1.0, 1.0)
    assert torch.equal(to_uint8(normalise(images)), images)


def test_what_lies_outside_the_range_is_clipped() -> None:
    assert to_uint8(torch.tensor([-7.0, 7.0])).tolist() == [0, 255]


@pytest.mark.parametrize("schedule", ["linear", "squaredcos_cap_v2"])
def test_it_adds_the_noise_that_diffusers_adds(schedule: str) -> None:
    scheduler = DDPMScheduler(beta_schedule=schedule)
    x0, eps = torch.randn(2, 6, 3, 4, 4)
    t = torch.tensor([0, 1, 250, 500, 998, 999])
    assert torch.allclose(add_noise(x0, eps, scheduler.alphas_cumprod, t), scheduler.add_noise(x0, eps, t), atol=1e-6)


def test_unit_variance_stays_unit_variance() -> None:
    x0, eps = torch.randn(2, 20_000, 1)
    alphas_cumprod = torch.tensor([0.9, 0.5, 0.1])
    for level in range(3):
        t = torch.full((20_000,), level)
        assert add_noise(x0, eps, alphas_cumprod, t).var().item() == pytest.approx(1.0, abs=0.05)


def test_the_first_timesteps_get_noise_even_from_half_precision_images() -> None:
    alphas_cumprod = DDPMScheduler().alphas_cumprod
    x0 = torch.full((1, 4), 0.5, dtype=torch.bfloat16)
    x_t = add_noise(x0, torch.ones(1, 4, dtype=torch.bfloat16), alphas_cumprod, torch.tensor([0]))
    assert x_t.dtype == torch.float32
    assert x_t[0, 0].item() == pytest.approx((1 - 1e-4) ** 0.5 * 0.5 + 0.01, abs=1e-6)
