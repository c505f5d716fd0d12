"""Pipelines over latents, of a DiT with classes and of an unconditional UNet, draw what diffusers' own draw."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tui_lab.data.class_labels import class_number
from tui_lab.data.drawable import drawable
from tui_lab.diffusion.sampling import initial_noise
from tui_lab.errors import RecipeError
from tui_lab.recipe.denoising import Denoising, parse_denoising
from tui_lab.runs.source_recipe import source_recipe
from tui_lab.workbench.denoising import denoise

BETAS = {"beta_schedule": "linear", "clip_sample": False}


@pytest.fixture(scope="module")
def dit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,000 classes, as diffusers' pipeline takes for granted; the variance is predicted, too."""
    from diffusers import AutoencoderKL, DDIMScheduler, DiTPipeline, DiTTransformer2DModel

    torch.manual_seed(0)
    transformer = DiTTransformer2DModel(
        num_attention_heads=2, attention_head_dim=4, in_channels=4, out_channels=8, num_layers=1, norm_num_groups=4,
        sample_size=8, num_embeds_ada_norm=1000,
    )  # fmt: skip
    torch.nn.init.normal_(transformer.proj_out_2.weight, std=0.3)
    vae = AutoencoderKL(
        block_out_channels=(8, 8), down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2, norm_num_groups=4, latent_channels=4,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("dit") / "tiny"
    DiTPipeline(transformer, vae, DDIMScheduler(**BETAS)).save_pretrained(folder)
    index = folder / "model_index.json"  # which diffusers reads the names from, and does not write them to
    names = {"0": "tench, Tinca tinca", "1": "crane", "2": "crane"}
    index.write_text(json.dumps({**json.loads(index.read_text()), "id2label": names}))
    return folder


@pytest.fixture(scope="module")
def ldm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from diffusers import DDIMScheduler, LDMPipeline, UNet2DModel, VQModel

    torch.manual_seed(0)
    unet = UNet2DModel(
        sample_size=10, in_channels=3, out_channels=3, block_out_channels=(8, 8), layers_per_block=1,
        down_block_types=("DownBlock2D",) * 2, up_block_types=("UpBlock2D",) * 2, norm_num_groups=4,
    )  # fmt: skip
    vqvae = VQModel(
        block_out_channels=(8, 8), down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2, norm_num_groups=4, latent_channels=3,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("ldm") / "tiny"
    LDMPipeline(vqvae, unet, DDIMScheduler(**BETAS)).save_pretrained(folder)
    return folder


def drawn(folder: Path, **fields: Any) -> list[np.ndarray]:
    """x_t of all steps, uint8 (B, H, W, C), as the workbench draws it."""
    knobs = {
        "scheduler": "DDIMScheduler", "num_inference_steps": 4, "seed": 3, "num_images": 2,
        "timestep_spacing": "leading", **fields.pop("knobs", {}),
    }  # fmt: skip
    asked = parse_denoising({"source": str(folder), "knobs": knobs, **fields})
    request = {"denoising": asked.to_json(), "panes": ["x_t"], "device": "cpu"}
    messages = [message for message in denoise(request) if message.header["kind"] == "step"]
    return [np.frombuffer(one.blob, np.uint8).reshape(one.header["shape"])[0] for one in messages]


def near(ours: np.ndarray, theirs: np.ndarray) -> bool:
    """Whether bytes are those of theirs, in [0, 1], up to rounding."""
    return bool(np.abs(ours / 255.0 - theirs).max() < 1 / 255)


@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_classes_are_drawn_as_diffusers_draws_them(dit: Path, scale: float, monkeypatch: pytest.MonkeyPatch) -> None:
    from diffusers import DiTPipeline
    from diffusers.pipelines.dit import pipeline_dit

    noise = initial_noise((2, 4, 8, 8), 3)
    monkeypatch.setattr(pipeline_dit, "randn_tensor", lambda *_, **__: noise)
    theirs = DiTPipeline.from_pretrained(dit)
    theirs.set_progress_bar_config(disable=True)
    expected = theirs(class_labels=[0, 517], guidance_scale=scale, num_inference_steps=4, output_type="np").images
    steps = drawn(dit, class_labels=["tench", 517], knobs={"guidance_scale": scale})
    assert [step.shape for step in steps] == [(2, 16, 16, 3)] * 4
    assert near(steps[-1], expected)


def test_latents_of_an_unconditional_unet_of_any_size(ldm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from diffusers import LDMPipeline

    theirs = LDMPipeline.from_pretrained(ldm)
    theirs.set_progress_bar_config(disable=True)
    noise = initial_noise((2, 3, 10, 10), 3)
    monkeypatch.setattr(sys.modules[LDMPipeline.__module__], "randn_tensor", lambda *_, **__: noise)
    expected = theirs(batch_size=2, num_inference_steps=4, output_type="np").images
    steps = drawn(ldm)
    assert [step.shape for step in steps] == [(2, 20, 20, 3)] * 4
    assert near(steps[-1], expected)


def test_classes_go_by_their_names_and_those_of_one_name_by_their_numbers_too(dit: Path) -> None:
    recipe = source_recipe(str(dit))
    assert [class_number(recipe, name) for name in ("tench", "crane 1", "crane 2", "999")] == [0, 1, 2, 999]
    with pytest.raises(RecipeError, match="no class 'pike': take one of tench, "):
        class_number(recipe, "pike")


IMAGE = {"kind": "file", "path": "a.png"}


@pytest.mark.parametrize("fields", [{"pull": {"kind": "symmetry"}}, {"start": {"kind": "image", "image": IMAGE}}])
def test_no_picture_or_loss_is_about_latents(dit: Path, fields: dict[str, Any]) -> None:
    asked = parse_denoising({"source": str(dit), **fields})
    with pytest.raises(RecipeError, match="denoises latents"):
        drawable(asked, source_recipe(str(dit)))


def test_variations_and_rows_of_classes_are(dit: Path) -> None:
    row = drawn(dit, class_labels=[3], between={"kind": "classes", "to": 4})
    ends = drawn(dit, class_labels=[3], knobs={"num_images": 1}), drawn(dit, class_labels=[4], knobs={"num_images": 1})
    assert np.abs(row[-1][0].astype(int) - ends[0][-1][0]).max() <= 1
    assert np.abs(row[-1][1].astype(int) - ends[1][-1][0]).max() <= 1
    drawable(Denoising(source=str(dit), variation={"seed": 1, "place": 0}), source_recipe(str(dit)))
