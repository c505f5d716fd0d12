"""Every class of network is built from a recipe, and asked in one way."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from tui_lab import models
from tui_lab.models.basic_unet import BasicUNet
from tui_lab.recipe import Recipe, replaced

BASIC = {"model.class": "BasicUNet", "model.timestep_conditioning": False}
DIT = {"model.class": "DiTTransformer2DModel", "model.attention_head_dim": 16, "model.num_layers": 2}
UNET = {
    "model.block_out_channels": (8, 16),
    "model.down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
    "model.up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
    "model.norm_num_groups": 4,
}


def recipe_of(*changes: dict[str, Any]) -> Recipe:
    return replaced(
        Recipe(), {key: value for change in ({"dataset.resolution": 8}, *changes) for key, value in change.items()}
    )


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(
    ("knobs", "size"),
    [(BASIC, (12, 8)), (DIT, (8, 8)), (UNET, (8, 12)), ({**UNET, "model.timestep_conditioning": False}, (8, 8))],
    ids=["basic", "dit", "unet", "unet without t"],
)
def test_an_answer_has_the_shape_of_the_images_and_every_weight_learns(
    knobs: dict[str, Any], size: tuple[int, int], channels: int
) -> None:
    recipe = recipe_of(knobs, {"dataset.channels": channels, "dataset.resolution": size[0], "dataset.width": size[1]})
    model = models.build(recipe)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)  # the transformer's blocks begin as the identity
    x = torch.randn(3, channels, *size)
    said = models.answer(recipe.model, model, x, torch.tensor([0, 500, 999]))
    said.square().sum().backward()
    assert said.shape == x.shape
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()] == []


def test_the_course_s_network_has_the_course_s_parameters() -> None:
    recipe = recipe_of(BASIC, {"dataset.channels": 1, "dataset.resolution": 28})
    assert parameters(models.build(recipe)) == 309_057


def test_the_course_s_network_computes_what_the_course_s_does_on_pixels_from_0_to_1() -> None:
    model = BasicUNet()
    pixels = torch.rand(2, 1, 28, 28)

    def course(x: torch.Tensor) -> torch.Tensor:
        act, pool, up = nn.SiLU(), nn.MaxPool2d(2), nn.Upsample(scale_factor=2)
        d, u = model.down_layers, model.up_layers
        first = act(d[0](x))
        second = act(d[1](pool(first)))
        x = act(u[0](act(d[2](pool(second)))))
        x = act(u[1](up(x) + second))
        return act(u[2](up(x) + first))

    assert torch.allclose((model(pixels * 2 - 1) + 1) / 2, course(pixels), atol=1e-6)


def test_without_the_timestep_the_answer_does_not_move_with_it() -> None:
    recipe = recipe_of(UNET, {"model.timestep_conditioning": False})
    model = models.build(recipe).eval()
    x = torch.randn(2, 3, 8, 8)
    said = [models.answer(recipe.model, model, x, torch.full((2,), t)) for t in (0, 999)]
    assert torch.equal(*said)
    knowing = replaced(recipe, {"model.timestep_conditioning": True}).model
    assert not torch.equal(said[0], models.answer(knowing, model, x, torch.full((2,), 999)))


class TestEDMsNoiseLevels:
    """c_noise = ln σ / 4 is negative below σ = 1, and 0 at it; diffusers' fourier embedding is made for σ itself."""

    levels = torch.tensor([0.002, 0.5, 1.0, 80.0])
    knobs = {
        "model.time_embedding_type": "fourier",
        "noise_scheduler.class": "EDMEulerScheduler",
        "sampling.scheduler": "EDMEulerScheduler",
    }

    def test_the_fourier_embedding_sees_c_noise(self) -> None:
        recipe = recipe_of(UNET, self.knobs)
        model = models.build(recipe)
        seen: list[torch.Tensor] = []
        model.time_proj.register_forward_hook(lambda _m, _i, out: seen.append(out))
        c_noise = self.levels.log() / 4
        models.answer(recipe.model, model, torch.randn(4, 3, 8, 8), c_noise)
        angles = 2 * torch.pi * c_noise[:, None] * model.time_proj.weight
        assert torch.allclose(seen[0], torch.cat([angles.sin(), angles.cos()], dim=1), atol=1e-4)

    def test_the_answer_is_what_the_network_makes_not_divided_by_the_noise_level(self) -> None:
        recipe = recipe_of(UNET, self.knobs)
        model = models.build(recipe)
        made: list[torch.Tensor] = []
        model.conv_out.register_forward_hook(lambda _m, _i, out: made.append(out))
        said = models.answer(recipe.model, model, torch.randn(4, 3, 8, 8), self.levels.log() / 4)
        assert torch.allclose(said, made[0], rtol=1e-5)


class TestClasses:
    """`num_class_embeds` counts the null class too, which is the last."""

    labels = torch.tensor([0, 1, 2, 2])

    @pytest.mark.parametrize("knobs", [UNET, DIT], ids=["unet", "dit"])
    def test_every_label_up_to_the_null_class_is_known(self, knobs: dict[str, Any]) -> None:
        recipe = recipe_of(knobs, {"model.num_class_embeds": 3, "loss.class_dropout": 0.1})
        model = models.build(recipe).train()
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
        x, t = torch.randn(1, 3, 8, 8).expand(4, -1, -1, -1), torch.full((4,), 10)
        said = models.answer(recipe.model, model, x, t, self.labels)
        apart = [(said[i] - said[j]).abs().max().item() for i, j in ((0, 1), (1, 2), (0, 2), (2, 3))]
        assert min(apart[:3]) > 1e-4
        assert apart[3] < 1e-5

    def test_the_transformer_drops_no_label_by_itself(self) -> None:
        recipe = recipe_of(DIT, {"model.num_class_embeds": 3})
        model = models.build(recipe).train()
        x, t = torch.randn(64, 3, 8, 8), torch.zeros(64, dtype=torch.int64)
        before = torch.random.get_rng_state()
        models.answer(recipe.model, model, x, t, torch.zeros(64, dtype=torch.int64))
        assert torch.equal(torch.random.get_rng_state(), before)

    def test_an_unconditional_model_takes_no_notice_of_labels(self) -> None:
        recipe = recipe_of(UNET)
        model = models.build(recipe).eval()
        x, t = torch.randn(4, 3, 8, 8), torch.full((4,), 10)
        assert torch.equal(
            models.answer(recipe.model, model, x, t, self.labels), models.answer(recipe.model, model, x, t)
        )
