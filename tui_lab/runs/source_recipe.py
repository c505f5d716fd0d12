"""The recipe behind whatever is drawn from, read without torch: what a form has to know of its model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from tui_lab.errors import LabError
from tui_lab.recipe import Recipe, edited, load_recipe
from tui_lab.recipe.schema import NoiseScheduler
from tui_lab.runs.exports import RECIPE, holds_components, is_export, takes_text
from tui_lab.runs.folder import RunFolder

TEXTS = {
    "model.num_class_embeds": 2,
    "loss.class_dropout": 0.1,
    "sampling.guidance_scale": 7.5,
    "sampling.num_images": 1,
}
"""A text-to-image model in a recipe's terms: it knows the prompt, and the negative one, which stands for none."""

_BETAS = ("beta_schedule", "beta_start", "beta_end")


def source_recipe(source: str) -> Recipe:
    """Of a run by its id or path, of an export, or of a pipeline's folder, as `recipe_of_configs` tells it.

    Raises LabError where there is none of these.
    """
    folder = Path(source).expanduser()
    if not is_export(folder):
        return RunFolder.open(source).recipe()
    if holds_components(folder):
        return load_recipe(folder / RECIPE)
    unet = read_json(folder / "unet" / "config.json")
    scheduler = read_json(folder / "scheduler" / "scheduler_config.json")
    try:
        recipe = recipe_of_configs(unet, scheduler)
        return edited(recipe, TEXTS) if takes_text(folder) else recipe
    except (KeyError, TypeError, ValueError) as error:
        raise LabError(f"{folder / 'unet' / 'config.json'} does not tell the shape of its pictures") from error


def recipe_of_configs(unet: Mapping[str, Any], scheduler: Mapping[str, Any]) -> Recipe:
    """Of a pipeline from elsewhere: its images' shape, its classes, its objective and noise schedule. No more is
    known: neither the classes' names, nor whether one of them stands for none."""
    size, channels = unet["sample_size"], unet["in_channels"]
    height, width = (size, size) if isinstance(size, int) else size
    timesteps = int(scheduler.get("num_train_timesteps", 1000))
    return edited(
        Recipe(),
        {
            "dataset.resolution": height,
            "dataset.width": 0 if width == height else width,
            "dataset.channels": channels,
            "model.num_class_embeds": unet.get("num_class_embeds") or 0,
            "training.mixed_precision": "no",  # as plain diffusers would run it
            "noise_scheduler.num_train_timesteps": timesteps,
            "noise_scheduler.prediction_type": scheduler.get("prediction_type", "epsilon"),
            "noise_scheduler.rescale_betas_zero_snr": bool(scheduler.get("rescale_betas_zero_snr")),
            **_betas(scheduler),
            "sampling.num_inference_steps": min(Recipe().sampling.num_inference_steps, timesteps),
        },
    )


def _betas(scheduler: Mapping[str, Any]) -> dict[str, Any]:
    """Knobs of the noise schedule, as far as a recipe knows such a one."""
    known = get_args(NoiseScheduler.model_fields["beta_schedule"].annotation)
    if scheduler.get("beta_schedule") not in known:
        return {}
    betas = {f"noise_scheduler.{name}": scheduler[name] for name in _BETAS if scheduler.get(name) is not None}
    if scheduler.get("trained_betas"):
        betas["noise_scheduler.trained_betas"] = tuple(map(float, scheduler["trained_betas"]))
    return betas


def read_json(path: Path) -> dict[str, Any]:
    """An object of a pipeline's folder. Raises LabError that names the file."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise LabError(f"{path} is missing: this is no complete diffusers pipeline") from error
    except (OSError, ValueError) as error:
        raise LabError(f"cannot read {path}: {error}") from error
    if not isinstance(value, dict):
        raise LabError(f"{path} holds no JSON object")
    return value
