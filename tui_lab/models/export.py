"""A trained model as a folder of diffusers' own, and back: what `DDPMPipeline.from_pretrained` loads and runs."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.models.unets.unet_2d import UNet2DModel
from safetensors import SafetensorError
from torch import Tensor

from tui_lab.diffusion.noise_schedulers import training_scheduler
from tui_lab.errors import DiskFullError, LabError
from tui_lab.models.building import build
from tui_lab.recipe import Recipe

_INDEX = "model_index.json"


@dataclass(frozen=True, slots=True, eq=False)
class Pipeline:
    """An unconditional pipeline's two parts: the network, in eval mode on the CPU, and its scheduler's config."""

    unet: UNet2DModel
    scheduler_config: dict[str, Any]


def export_pipeline(recipe: Recipe, weights: UNet2DModel | Mapping[str, Tensor], folder: Path) -> None:
    """Write the recipe's UNet with these weights, and its noise schedule as a DDPMScheduler, as a pipeline folder.

    `folder` appears complete or not at all; an earlier pipeline there is replaced, anything else is left alone and
    refused with a LabError.
    """
    from diffusers.pipelines.ddpm.pipeline_ddpm import DDPMPipeline

    folder = folder.absolute()
    if folder.exists() and not (folder / _INDEX).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise LabError(f"{folder} is there already and is no pipeline; name a new or empty folder")
    unet = weights if isinstance(weights, UNet2DModel) else with_weights(recipe, weights)
    pipeline = DDPMPipeline(unet=unet, scheduler=training_scheduler(recipe.noise_scheduler))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as aside:
            complete = Path(aside) / "new"
            pipeline.save_pretrained(complete, safe_serialization=True)
            for path in [*complete.rglob("*"), complete]:
                _sync(path)
            _put(complete, folder, Path(aside) / "old")
    except (OSError, SafetensorError) as error:
        if getattr(error, "errno", None) == errno.ENOSPC or f"os error {errno.ENOSPC}" in str(error):
            raise DiskFullError(f"no room left for {folder}; free some space and export again") from error
        raise LabError(f"cannot write the pipeline {folder}: {error}") from error


def load_pipeline(folder: Path) -> Pipeline:
    """The pipeline in a local folder: safetensors alone are read, and no code that the folder may name is run."""
    index = _read_json(folder / _INDEX)
    if index.get("unet") != ["diffusers", "UNet2DModel"] or "scheduler" not in index:
        name = index.get("_class_name", "pipeline without a name")
        raise LabError(f"{folder} is a {name}; only unconditional pipelines of a UNet2DModel are sampled")
    config = _read_json(folder / "unet" / "config.json")
    if config.get("class_embed_type") or config.get("num_class_embeds"):
        raise LabError(f"{folder} is a class-conditional model; only unconditional ones are sampled")
    if config.get("in_channels") != config.get("out_channels"):
        raise LabError(f"{folder} predicts its variance too; only models that answer one image are sampled")
    scheduler_config = _read_json(folder / "scheduler" / "scheduler_config.json")
    if "beta_schedule" not in scheduler_config:
        name = scheduler_config.get("_class_name", "scheduler without a name")
        raise LabError(f"{folder} has a {name}; only pipelines over a beta schedule, such as DDPM's, are sampled")
    try:
        unet = UNet2DModel.from_pretrained(folder / "unet", use_safetensors=True, local_files_only=True)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0]
        raise LabError(f"cannot load the model in {folder / 'unet'}: {reason}") from error
    return Pipeline(unet.eval(), scheduler_config)


def with_weights(recipe: Recipe, state: Mapping[str, Tensor]) -> UNet2DModel:
    """The recipe's UNet in eval mode, with `state` (a state dict) as its weights; LabError where they do not fit."""
    with torch.device("meta"):
        unet = build(recipe)
    try:
        unet.load_state_dict(dict(state), assign=True)
    except RuntimeError as error:
        raise LabError("the weights do not fit the recipe's [model]: was one of them changed?") from error
    return unet.eval()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise LabError(f"{path} is missing: this is no complete diffusers pipeline") from error
    except (OSError, ValueError) as error:
        raise LabError(f"cannot read {path}: {error}") from error
    if not isinstance(value, dict):
        raise LabError(f"{path} holds no JSON object")
    return value


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
    _sync(folder.parent)


def _sync(path: Path) -> None:
    """Bring a file, or a folder's entries, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
