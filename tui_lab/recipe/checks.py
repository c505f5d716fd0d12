"""What no single field can tell: combinations that cannot be trained or sampled."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tui_lab.catalog.samplers import SAMPLERS, fits, misfit
from tui_lab.recipe.blocks import clashes
from tui_lab.recipe.schema import KNOBS, NoiseScheduler, Recipe


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a recipe cannot be, and the key to look at first."""

    key: str
    message: str


def problems(recipe: Recipe) -> list[Problem]:
    """Every impossible combination in the recipe, the most basic first."""
    return [*_data(recipe), *_model(recipe), *_noise(recipe), *_training(recipe), *_sampling(recipe)]


def _data(recipe: Recipe) -> list[Problem]:
    dataset, found = recipe.dataset, []
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", dataset.background):
        message = f"dataset.background {dataset.background!r} is no colour: write #rrggbb, such as #ffffff"
        found.append(Problem("dataset.background", message))
    if dataset.streaming and (dataset.path or "/" not in dataset.name):
        message = "dataset.streaming is for sets of the hub: give dataset.name an owner/name, or turn it off"
        found.append(Problem("dataset.streaming", message))
    if dataset.streaming and dataset.balance:
        message = "dataset.balance needs the whole set at hand: turn it or dataset.streaming off"
        found.append(Problem("dataset.balance", message))
    if dataset.width and dataset.width < 4:
        found.append(Problem("dataset.width", "dataset.width is 0 (as high as wide) or at least 4"))
    if not dataset.path and not dataset.name:
        found.append(Problem("dataset.name", "dataset.name is empty: name a set, or give dataset.path pictures"))
    return found


def _model(recipe: Recipe) -> list[Problem]:
    model, found = recipe.model, []
    match model.class_name:
        case "UNet2DModel":
            found = _unet(recipe)
        case "DiTTransformer2DModel":
            found = _transformer(recipe)
        case "BasicUNet":
            found = _basic_unet(recipe)
    if model.num_class_embeds and model.class_name == "BasicUNet":
        message = "model.num_class_embeds: BasicUNet knows no classes: set it to 0, or take another model.class"
        found.append(Problem("model.num_class_embeds", message))
    if recipe.loss.class_dropout and model.num_class_embeds < 2:
        message = "loss.class_dropout hides classes: give model.num_class_embeds the number of classes and one more"
        found.append(Problem("loss.class_dropout", message))
    return found


def _unet(recipe: Recipe) -> list[Problem]:
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
    found += _halving(recipe, 2 ** (len(widths) - 1), f"{len(widths)} blocks")
    odd = [width for width in widths if width % model.norm_num_groups]
    if odd:
        message = f"model.norm_num_groups {model.norm_num_groups} does not divide the {odd[0]} channels of a block"
        found.append(Problem("model.norm_num_groups", message))
    head = model.attention_head_dim
    attending = {widths[-1]} if model.add_attention else set()
    attending |= {w for w, block in zip(widths, model.down_block_types, strict=False) if block.startswith("Attn")}
    attending |= {w for w, block in zip(widths[::-1], model.up_block_types, strict=False) if block.startswith("Attn")}
    for width in sorted(attending):
        if head and width % head:
            message = f"model.attention_head_dim {head} does not divide the {width} channels of a block that attends"
            found.append(Problem("model.attention_head_dim", message))
            break
    if len(widths) == len(model.down_block_types) == len(model.up_block_types):
        named = [(f"model.{name}", why) for name, why in clashes(model, recipe.dataset.channels)]
        found += [Problem(key, f"{key}: {why}") for key, why in named]
    if model.time_embedding_type == "fourier" and recipe.noise_scheduler.class_name != "EDMEulerScheduler":
        key = "model.time_embedding_type"
        message = f"{key} fourier is for EDM's ln σ / 4, and says nothing at timestep 0: take positional"
        found.append(Problem(key, message))
    return found


def _halving(recipe: Recipe, factor: int, by: str) -> list[Problem]:
    """Height and width must be multiples of `factor`, for the model's blocks or patches."""
    for name, size in zip(("resolution", "width"), recipe.dataset.size, strict=True):
        if size % factor:
            below, above = size // factor * factor, (size // factor + 1) * factor
            near = f"{below} or {above}" if below >= 4 else f"{above}"
            key = "dataset.width" if name == "width" and recipe.dataset.width else "dataset.resolution"
            message = f"{key} {size} is no multiple of {factor}, as the model's {by} need: take {near}, or other blocks"
            return [Problem(key, message)]
    return []


def _transformer(recipe: Recipe) -> list[Problem]:
    height, width = recipe.dataset.size
    if height != width:
        message = f"model.class DiTTransformer2DModel is square only, and the images are {width}×{height}"
        return [Problem("model.class", f"{message}: set dataset.width to 0, or take UNet2DModel")]
    wide = recipe.model.num_attention_heads * recipe.model.attention_head_dim
    if not wide:
        message = "model.attention_head_dim 0 is for UNet2DModel: give a transformer's heads a width"
        return [Problem("model.attention_head_dim", message)]
    if wide % 4:
        message = (
            f"model.attention_head_dim {recipe.model.attention_head_dim} by model.num_attention_heads "
            f"{recipe.model.num_attention_heads} makes {wide} channels: the places' embedding needs a multiple of 4"
        )
        return [Problem("model.attention_head_dim", message)]
    return _halving(recipe, recipe.model.patch_size, f"patches of {recipe.model.patch_size}")


def _basic_unet(recipe: Recipe) -> list[Problem]:
    if recipe.model.timestep_conditioning:
        message = "model.timestep_conditioning: BasicUNet is told no timestep; turn it off, or take another model.class"
        return [Problem("model.timestep_conditioning", message)]
    return _halving(recipe, 4, "two halvings")


def _noise(recipe: Recipe) -> list[Problem]:
    noise, loss, found = recipe.noise_scheduler, recipe.loss, []
    if noise.class_name == "EDMEulerScheduler" and loss.timestep_sampling in ("logit_normal", "cosine"):
        message = (
            f"loss.timestep_sampling {loss.timestep_sampling} is for timesteps; EDM draws ln σ by P_mean and P_std: "
            "take uniform or importance"
        )
        found.append(Problem("loss.timestep_sampling", message))
    if noise.class_name == "EDMEulerScheduler" and noise.sigma_min >= noise.sigma_max:
        message = f"noise_scheduler.sigma_min {noise.sigma_min:g} is not below sigma_max {noise.sigma_max:g}"
        found.append(Problem("noise_scheduler.sigma_min", message))
    if noise.class_name != "DDPMScheduler":
        return found
    if noise.trained_betas:
        found += _custom_betas(noise)
    elif noise.beta_start > noise.beta_end and noise.beta_schedule in ("linear", "scaled_linear", "sigmoid"):
        message = f"noise_scheduler.beta_start {noise.beta_start:g} is above beta_end {noise.beta_end:g}"
        found.append(Problem("noise_scheduler.beta_start", message))
    if noise.rescale_betas_zero_snr and noise.prediction_type == "epsilon":
        message = (
            "noise_scheduler.prediction_type epsilon cannot be sampled with rescale_betas_zero_snr: pure noise says "
            "nothing about the image; take v_prediction or sample"
        )
        found.append(Problem("noise_scheduler.prediction_type", message))
    return found


def _custom_betas(noise: NoiseScheduler) -> list[Problem]:
    """Each in (0, 1); 1 itself only at the end, where it means zero terminal SNR, which samplers have to be told."""
    key, betas = "noise_scheduler.trained_betas", noise.trained_betas
    if len(betas) != noise.num_train_timesteps:
        message = f"{key} lists {len(betas)} β, and there are {noise.num_train_timesteps} timesteps: they must agree"
        return [Problem(key, message)]
    for t, beta in enumerate(betas):
        if not (0 < beta < 1 or (beta == 1 and t == len(betas) - 1)):
            message = f"{key}: β {beta:g} at t = {t} is not between 0 and 1 (1 only at the last t: zero terminal SNR)"
            return [Problem(key, message)]
    if betas[-1] == 1 and not noise.rescale_betas_zero_snr:
        message = (
            f"{key} ends at β = 1, where samplers divide by zero: set noise_scheduler.rescale_betas_zero_snr, which "
            "changes none of these β and has samplers start there"
        )
        return [Problem("noise_scheduler.rescale_betas_zero_snr", message)]
    return []


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
    return found


def _sampling(recipe: Recipe) -> list[Problem]:
    sampling, noise = recipe.sampling, recipe.noise_scheduler
    if sampling.scheduler not in SAMPLERS:
        message = f"sampling.scheduler {sampling.scheduler!r} is not known; {KNOBS['sampling.scheduler'].bounds}"
        return [Problem("sampling.scheduler", message)]
    discrete = noise.class_name in ("DDPMScheduler", "FlowMatchEulerDiscreteScheduler")
    if discrete and sampling.num_inference_steps > noise.num_train_timesteps:
        message = (
            f"sampling.num_inference_steps {sampling.num_inference_steps} is more than the "
            f"{noise.num_train_timesteps} timesteps there are"
        )
        return [Problem("sampling.num_inference_steps", message)]
    if recipe.model.num_class_embeds and sampling.guidance_scale != 1.0 and not recipe.loss.class_dropout:
        message = (
            f"sampling.guidance_scale {sampling.guidance_scale:g} needs a class for none, which a model learns by "
            "loss.class_dropout above 0: set that, or guidance_scale to 1"
        )
        return [Problem("sampling.guidance_scale", message)]
    if sampling.guidance_from > sampling.guidance_until:
        message = (
            f"sampling.guidance_from {sampling.guidance_from:g} is above guidance_until {sampling.guidance_until:g}: "
            "guidance would never act"
        )
        return [Problem("sampling.guidance_from", message)]
    if reason := fits(sampling.scheduler, recipe):
        return [Problem(misfit(recipe), f"sampling.scheduler {sampling.scheduler}: {reason}")]
    return []
