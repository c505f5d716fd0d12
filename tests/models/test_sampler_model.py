"""A model as sampling asks it, against the model itself."""

from __future__ import annotations

import pytest
import torch

from tests.engine.tiny import tiny_recipe
from tui_lab import models
from tui_lab.models.sampler_model import SamplerModel, _Graph

RECIPE = tiny_recipe({"model.dropout": 0.0})


def made(device: str) -> tuple[torch.nn.Module, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    model = models.build(RECIPE).eval().requires_grad_(False).to(device)
    return model, torch.randn(4, 3, 8, 8, device=device), torch.tensor([0, 10, 50, 99], device=device)


def test_in_full_precision_it_is_the_model_itself() -> None:
    model, x, t = made("cpu")
    assert torch.equal(SamplerModel(RECIPE.model, model, "no")(x, t), models.answer(RECIPE.model, model, x, t))


def test_in_bf16_it_is_the_model_but_for_rounding() -> None:
    model, x, t = made("cpu")
    exact = models.answer(RECIPE.model, model, x, t)
    rounded = SamplerModel(RECIPE.model, model, "bf16")(x, t)
    assert rounded.dtype == torch.float32
    assert 0 < (rounded - exact).norm() < 0.02 * exact.norm()


def test_a_gradient_finds_back_to_what_the_model_was_shown() -> None:
    model, x, t = made("cpu")
    asked = SamplerModel(RECIPE.model, model, "no")
    shown = x.clone().requires_grad_()
    answer = asked(shown, t)
    assert torch.equal(answer.detach(), asked(x, t))
    assert torch.autograd.grad(answer.sum(), shown)[0].abs().min() > 0


@pytest.mark.gpu
def test_a_graph_answers_as_the_model_does_for_every_input_of_its_shape() -> None:
    model, x, t = made("cuda")
    asked = SamplerModel(RECIPE.model, model, "no")
    graph = _Graph(asked, x, t, None)
    for seed in range(3):
        torch.manual_seed(seed)
        x, t = torch.randn_like(x), torch.randint_like(t, 100)
        torch.testing.assert_close(graph(x, t, None), models.answer(RECIPE.model, model, x, t), rtol=1e-3, atol=1e-3)


@pytest.mark.gpu
def test_on_a_gpu_batches_of_two_sizes_are_told_apart() -> None:
    model, x, t = made("cuda")
    asked = SamplerModel(RECIPE.model, model, "no")
    for size in (4, 2, 4):
        expected = models.answer(RECIPE.model, model, x[:size], t[:size])
        torch.testing.assert_close(asked(x[:size], t[:size]), expected, rtol=1e-3, atol=1e-3)
