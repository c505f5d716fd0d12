"""The recipe behind whatever is drawn from, read without torch: what a form has to know of its model."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from tui_lab.errors import LabError
from tui_lab.recipe import Recipe, edited, load_recipe
from tui_lab.recipe.schema import NoiseScheduler
from tui_lab.runs.exports import INDEX, RECIPE, UNKNOWN_DATA, holds_components, is_export, parts_of
from tui_lab.runs.folder import RunFolder
from tui_lab.sanitize import clean

SCHEDULER = "scheduler/scheduler_config.json"
_TEXTS = {
    "model.num_class_embeds": 2,
    "loss.class_dropout": 0.1,
    "sampling.guidance_scale": 7.5,
    "sampling.num_images": 1,
}
"""A text-to-image model in a recipe's terms: it knows the prompt, and the negative one, which stands for none."""
_FEW = {"sampling.num_images": 4}
_KINDS: tuple[tuple[str, dict[str, str], dict[str, Any]], ...] = (
    ("unet", {"unet": "UNet2DModel"}, {}),
    ("unet", {"unet": "UNet2DModel", "vqvae": "VQModel"}, _FEW),
    ("transformer", {"transformer": "DiTTransformer2DModel", "vae": "AutoencoderKL"}, _FEW),
    ("unet", {"unet": "UNet2DConditionModel", "vae": "AutoencoderKL", "text_encoder": "CLIPTextModel"}, _TEXTS),
)
"""The kinds of pipelines that can be drawn from: the part that is asked, its parts of those that are something to the
pictures, and what a recipe says of it."""
_ASKED = ("unet", "transformer", "vae", "vqvae", "text_encoder", "text_encoder_2", "text_encoder_3", "prior")
_ANY_SIZE = {
    "model.block_out_channels": (32,),
    "model.down_block_types": ("DownBlock2D",),
    "model.up_block_types": ("UpBlock2D",),
}
"""Blocks that fit every size: its own ones fit its own."""
_BETAS = ("beta_schedule", "beta_start", "beta_end")


def source_recipe(source: str) -> Recipe:
    """Of a run by its id or path, of an export, or of a pipeline's folder. Raises LabError where there is none."""
    folder = Path(source).expanduser()
    if not is_export(folder):
        return RunFolder.open(source).recipe()
    if holds_components(folder):
        return load_recipe(folder / RECIPE)
    return recipe_of_pipeline(folder)


def recipe_of_pipeline(folder: Path) -> Recipe:
    """Of a pipeline from elsewhere: its images' shape, its classes, its objective and noise schedule. No more is known:
    neither the dataset nor, but of a DiT, the classes' names and whether one of them stands for none.

    Raises LabError where the folder holds none, or one of a kind that cannot be drawn from.
    """
    name, more = _denoiser(folder)
    config, scheduler = (read_json(folder / path) for path in (f"{name}/config.json", SCHEDULER))
    _check_denoiser(folder, config, scheduler)
    try:
        return edited(_recipe_of_configs(config, scheduler), {**more, **_classes(folder, config)})
    except (KeyError, TypeError, ValueError) as error:
        raise LabError(f"{folder / name / 'config.json'} does not tell the shape of its pictures") from error


def _denoiser(folder: Path) -> tuple[str, dict[str, Any]]:
    """The part that is asked at each step, and knobs that its kind of pipeline has otherwise. Raises LabError where it
    is of no kind that can be drawn from."""
    index = read_json(folder / INDEX)
    parts = {part: kind for part, kind in parts_of(folder).items() if part in _ASKED}
    for name, kinds, more in _KINDS:
        if parts.items() == kinds.items():
            return name, more
    title = clean(str(index.get("_class_name", "pipeline without a name")), 60)
    raise LabError(
        f"{folder} is a {title}; what is drawn from is a UNet2DModel, alone or over latents, a DiT with classes, and "
        "text-to-image of the Stable Diffusion 1 and 2 kind"
    )


def _check_denoiser(folder: Path, config: Mapping[str, Any], scheduler: Mapping[str, Any]) -> None:
    """Raises LabError where it is asked otherwise than others of its kind."""
    if embedding := config.get("class_embed_type"):
        raise LabError(f"{folder} is told its class as {embedding!r}; only classes by number are sampled")
    if config.get("addition_embed_type") or config.get("time_cond_proj_dim"):
        raise LabError(f"{folder} is told more than a text, as SDXL's and LCM's are; only plain ones are sampled")
    if config.get("time_embedding_type", "positional") != "positional":
        raise LabError(f"{folder} has a time embedding for σ; only pipelines over timesteps are sampled")
    takes, gives = config.get("in_channels"), config.get("out_channels")
    if gives is not None and gives != takes and "num_embeds_ada_norm" not in config:
        raise LabError(f"{folder} answers {takes} channels with {gives}; only models that answer one image are sampled")
    if "beta_schedule" not in scheduler:
        name = scheduler.get("_class_name", "scheduler without a name")
        raise LabError(f"{folder} has a {name}; only pipelines over a beta schedule, such as DDPM's, are sampled")


def _classes(folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """A DiT's classes by the first of their names, and the one for none after them."""
    count = config.get("num_embeds_ada_norm")
    if count is None:
        return {}
    told = read_json(folder / INDEX).get("id2label") or {}
    names = [str(told.get(str(number), "")).partition(",")[0].strip() or str(number) for number in range(count)]
    often = Counter(names)
    apart = [f"{name} {number}" if often[name] > 1 else name for number, name in enumerate(names)]
    return {"model.num_class_embeds": count + 1, "loss.class_dropout": 0.1, "dataset.classes": tuple(apart)}


def _recipe_of_configs(unet: Mapping[str, Any], scheduler: Mapping[str, Any]) -> Recipe:
    size, channels = unet["sample_size"], unet["in_channels"]
    height, width = (size, size) if isinstance(size, int) else size
    timesteps = int(scheduler.get("num_train_timesteps", 1000))
    return edited(
        Recipe(),
        {
            "dataset.name": UNKNOWN_DATA,
            "dataset.resolution": height,
            "dataset.width": 0 if width == height else width,
            "dataset.channels": channels,
            **_ANY_SIZE,
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
