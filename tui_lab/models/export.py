"""A trained model as a folder of diffusers' own, and back.

An unconditional UNet2DModel over a DDPM process becomes what `DDPMPipeline.from_pretrained` loads and runs. diffusers
has no pipeline for the rest (classes, flow, EDM, transformers, BasicUNet): that becomes components, with a README.
"""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.models.modeling_utils import ModelMixin
from diffusers.models.unets.unet_2d import UNet2DModel
from safetensors import SafetensorError
from torch import Tensor, nn

from tui_lab.diffusion.noise_schedulers import build_sampler, training_scheduler
from tui_lab.errors import DiskFullError, LabError
from tui_lab.models.base import weights_of_folder
from tui_lab.models.building import build
from tui_lab.models.latents import load_latents, load_parts
from tui_lab.models.text_to_image import load_text_to_image
from tui_lab.models.usage import readme
from tui_lab.recipe import Recipe, dump_recipe, load_recipe
from tui_lab.runs.exports import MODEL, RECIPE, holds_components, in_latents, is_export, takes_text
from tui_lab.runs.files import sync
from tui_lab.runs.source_recipe import SCHEDULER, read_json, recipe_of_pipeline


@dataclass(frozen=True, slots=True, eq=False)
class Pipeline:
    """A network, in eval mode on the CPU, and the config of its noise process's scheduler.

    `recipe` says how `answer` has to ask it; of a pipeline from elsewhere only that, and its images' shape, is true.
    """

    model: nn.Module
    scheduler_config: dict[str, Any]
    recipe: Recipe


def export_pipeline(recipe: Recipe, weights: Mapping[str, Tensor], folder: Path) -> None:
    """Write the recipe's network with these weights, a state dict, and its noise process.

    `folder` appears complete or not at all; an earlier export there is replaced, anything else is left alone and
    refused with a LabError.
    """
    folder = folder.absolute()
    if folder.exists() and not is_export(folder) and (not folder.is_dir() or any(folder.iterdir())):
        raise LabError(f"{folder} is there already and is no pipeline; name a new or empty folder")
    model = with_weights(recipe, weights)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as aside:
            complete = Path(aside) / "new"
            _write(recipe, model, complete)
            for path in [*complete.rglob("*"), complete]:
                sync(path)
            _put(complete, folder, Path(aside) / "old")
    except (OSError, SafetensorError) as error:
        if getattr(error, "errno", None) == errno.ENOSPC or f"os error {errno.ENOSPC}" in str(error):
            raise DiskFullError(f"no room left for {folder}; free some space and export again") from error
        raise LabError(f"cannot write the pipeline {folder}: {error}") from error


def runs_in_ddpm_pipeline(recipe: Recipe) -> bool:
    """Whether DDPMPipeline can draw from the recipe's model: it asks a UNet of x and t, and knows no classes."""
    model = recipe.model
    plain = model.class_name == "UNet2DModel" and model.timestep_conditioning and not model.num_class_embeds
    return plain and recipe.noise_scheduler.class_name == "DDPMScheduler"


def load_pipeline(folder: Path) -> Pipeline:
    """What a local folder holds: safetensors alone are read, and no code that the folder may name is run."""
    if not holds_components(folder):
        return _load_from_elsewhere(folder)
    recipe = load_recipe(folder / RECIPE)
    process = dict(training_scheduler(recipe.noise_scheduler).config)
    return Pipeline(with_weights(recipe, weights_of_folder(folder / MODEL)), process, recipe)


def _write(recipe: Recipe, model: ModelMixin, folder: Path) -> None:
    if runs_in_ddpm_pipeline(recipe):
        from diffusers.pipelines.ddpm.pipeline_ddpm import DDPMPipeline

        pipeline = DDPMPipeline(unet=model, scheduler=training_scheduler(recipe.noise_scheduler))
        pipeline.save_pretrained(folder, safe_serialization=True)
        return
    sampler = build_sampler(recipe)
    model.save_pretrained(folder / MODEL, safe_serialization=True)
    sampler.save_pretrained(folder / "scheduler")
    (folder / RECIPE).write_text(dump_recipe(recipe), encoding="utf-8")
    (folder / "README.md").write_text(readme(recipe, sampler), encoding="utf-8")


def _load_from_elsewhere(folder: Path) -> Pipeline:
    recipe = recipe_of_pipeline(folder)
    process = read_json(folder / SCHEDULER)
    if not in_latents(folder):
        return Pipeline(load_parts(folder, {"unet": UNet2DModel})["unet"].eval(), process, recipe)
    model = load_text_to_image(folder) if takes_text(folder) else load_latents(folder)
    # The mean of latents is no picture's: nothing is clipped to its range.
    return Pipeline(model, {**process, "clip_sample": False, "thresholding": False}, recipe)


def with_weights(recipe: Recipe, state: Mapping[str, Tensor]) -> nn.Module:
    """The recipe's network in eval mode, with `state` (a state dict) as its weights; LabError where they do not fit."""
    # A transformer computes its places' embedding when it is built, and a checkpoint has none.
    with torch.device("cpu" if recipe.model.class_name == "DiTTransformer2DModel" else "meta"):
        model = build(recipe)
    try:
        model.load_state_dict(dict(state), assign=True)
    except RuntimeError as error:
        raise LabError("the weights do not fit the recipe's [model]: was one of them changed?") from error
    return model.eval()


def _put(complete: Path, folder: Path, old: Path) -> None:
    """Rename `complete` to `folder`; what stood there goes to `old`, and comes back if the rename fails."""
    if folder.exists():
        folder.rename(old)
    try:
        complete.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)
    sync(folder.parent)
