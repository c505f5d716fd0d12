"""What no single field can tell: combinations that cannot be trained or sampled."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tui_lab.catalog.samplers import SAMPLERS, fits
from tui_lab.recipe.schema import KNOBS, Recipe


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a recipe cannot be, and the key to look at first."""

    key: str
    message: str


def problems(recipe: Recipe) -> list[Problem]:
    """Every impossible combination in the recipe, the most basic first."""
    return [*_model(recipe), *_noise(recipe), *_training(recipe), *_sampling(recipe)]


def _model(recipe: Recipe) -> list[Problem]:
    model, found = recipe.model, []
    widths = model.block_out_channels
    if not widths or min(widths) < 1:
        return [Problem("model.block_out_channels", "model.block_out_channels needs at least one width, all above 0")]
    for name in ("down_block_types", "up_block_types"):
        blocks = getattr(model, name)
        if len(blocks) != len(widths):
            message = (
                f"model.{name} lists {len(blocks)} blocks, and model.block_out_channels {len(widths)}: they must agree"
            )
            found.append(Problem(f"model.{name}", message))
    factor = 2 ** (len(widths) - 1)
    if recipe.dataset.resolution % factor:
        resolution = recipe.dataset.resolution
        below, above = resolution // factor * factor, (resolution // factor + 1) * factor
        near = f"{below} or {above}" if below >= 4 else f"{above}"
        message = (
            f"dataset.resolution {resolution} cannot be halved {len(widths) - 1} times, as the model's "
            f"{len(widths)} blocks do: take {near}, or fewer blocks"
        )
        found.append(Problem("dataset.resolution", message))
    odd = [width for width in widths if width % model.norm_num_groups]
    if odd:
        message = f"model.norm_num_groups {model.norm_num_groups} does not divide the {odd[0]} channels of a block"
        found.append(Problem("model.norm_num_groups", message))
    if head := model.attention_head_dim:
        attending = {widths[-1]}
        attending |= {w for w, block in zip(widths, model.down_block_types, strict=False) if block.startswith("Attn")}
        attending |= {
            w for w, block in zip(widths[::-1], model.up_block_types, strict=False) if block.startswith("Attn")
        }
        for width in sorted(attending):
            if width % head:
                message = (
                    f"model.attention_head_dim {head} does not divide the {width} channels of a block that attends"
                )
                found.append(Problem("model.attention_head_dim", message))
                break
    return found


def _noise(recipe: Recipe) -> list[Problem]:
    noise, found = recipe.noise_scheduler, []
    if noise.beta_start > noise.beta_end and noise.beta_schedule in ("linear", "scaled_linear", "sigmoid"):
        message = f"noise_scheduler.beta_start {noise.beta_start:g} is above beta_end {noise.beta_end:g}"
        found.append(Problem("noise_scheduler.beta_start", message))
    if noise.rescale_betas_zero_snr and noise.prediction_type == "epsilon":
        message = (
            "noise_scheduler.prediction_type epsilon cannot be sampled with rescale_betas_zero_snr: pure noise says "
            "nothing about the image; take v_prediction or sample"
        )
        found.append(Problem("noise_scheduler.prediction_type", message))
    return found


def _training(recipe: Recipe) -> list[Problem]:
    training, schedule, found = recipe.training, recipe.lr_scheduler, []
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d{1,3})?", training.device):
        message = f"training.device {training.device!r} is none of auto, cpu, cuda, cuda:N, mps"
        found.append(Problem("training.device", message))
    if training.max_train_steps == 0 and schedule.name != "constant":
        message = f"lr_scheduler.name {schedule.name} needs an end: set training.max_train_steps, or take constant"
        found.append(Problem("lr_scheduler.name", message))
    if len(recipe.optimizer.betas) != 2 or not all(0 <= beta < 1 for beta in recipe.optimizer.betas):
        found.append(
            Problem("optimizer.betas", "optimizer.betas takes two numbers from 0 to below 1, such as 0.9, 0.999")
        )
    if not recipe.dataset.path and not recipe.dataset.name:
        found.append(
            Problem("dataset.name", "dataset.name is empty: name a set, or give dataset.path a folder of images")
        )
    return found


def _sampling(recipe: Recipe) -> list[Problem]:
    sampling, noise = recipe.sampling, recipe.noise_scheduler
    if sampling.scheduler not in SAMPLERS:
        message = f"sampling.scheduler {sampling.scheduler!r} is not known; {KNOBS['sampling.scheduler'].bounds}"
        return [Problem("sampling.scheduler", message)]
    if sampling.num_inference_steps > noise.num_train_timesteps:
        message = (
            f"sampling.num_inference_steps {sampling.num_inference_steps} is more than the "
            f"{noise.num_train_timesteps} timesteps there are"
        )
        return [Problem("sampling.num_inference_steps", message)]
    if reason := fits(sampling.scheduler, recipe):
        return [Problem("sampling.scheduler", f"sampling.scheduler {sampling.scheduler}: {reason}")]
    return []
