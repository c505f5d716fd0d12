"""The knobs that a model's own config, or a run's recipe, stands for."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from diffusers.models.transformers.dit_transformer_2d import DiTTransformer2DModel
from diffusers.models.unets.unet_2d import UNet2DModel

from tui_lab.errors import RecipeError
from tui_lab.models.basic_unet import BasicUNet
from tui_lab.recipe import Recipe, edited, flat
from tui_lab.recipe.relevance import DDPM, INHERITED, TRANSFORMER, UNET

_PROCESS_KNOBS = {
    "DDPMScheduler": ("num_train_timesteps", *DDPM),
    "FlowMatchEulerDiscreteScheduler": ("num_train_timesteps", "shift"),
    "EDMEulerScheduler": ("sigma_min", "sigma_max", "sigma_data", "rho"),
}
_CLASSES = {"UNet2DModel": UNet2DModel, "DiTTransformer2DModel": DiTTransformer2DModel, "BasicUNet": BasicUNet}
_FIXED: dict[str, dict[str, tuple[Any, ...]]] = {
    "UNet2DModel": {
        "center_input_sample": (False, None),
        "time_embedding_dim": (None,),
        "mid_block_type": ("UNetMidBlock2D",),
        "mid_block_scale_factor": (1,),
        "downsample_type": ("conv",),
        "upsample_type": ("conv",),
        "act_fn": ("silu",),
        "attn_norm_num_groups": (None,),
        "class_embed_type": (None,),
    },
    "DiTTransformer2DModel": {
        "attention_bias": (True,),
        "activation_fn": ("gelu-approximate",),
        "upcast_attention": (False,),
        "norm_type": ("ada_norm_zero",),
        "norm_elementwise_affine": (False,),
        "norm_eps": (1e-5,),
    },
}
"""What the lab builds in one way only, by class: any other value in a config is refused."""


def architecture_of_recipe(recipe: Recipe) -> dict[str, Any]:
    """A run's [model], the shape of its images, and its noise process."""
    images = ("dataset.resolution", "dataset.width", "dataset.channels")
    knobs = flat(recipe)
    del knobs["model.base_checkpoint"]
    return {key: knobs[key] for key in knobs if key in images or key.startswith(("model.", "noise_scheduler."))}


def architecture_of_config(config: Mapping[str, Any], process: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Of diffusers' `config.json`, and of the scheduler's config where there is one.

    Raises RecipeError for a class that the lab does not train, or a setting that it has no knob for.
    """
    name = config.get("_class_name")
    if name not in _CLASSES:
        raise RecipeError(f"{where} is a {name}; the lab trains {', '.join(_CLASSES)}")
    config = {**_defaults(_CLASSES[name]), **config}
    if odd := next((key for key, known in _FIXED.get(name, {}).items() if config[key] not in known), None):
        raise RecipeError(f"{where} has {odd} {config[odd]!r}, which the lab's {name} cannot be built with")
    channels = config["in_channels"]
    if config["out_channels"] not in (channels, None):
        raise RecipeError(f"{where} answers {config['out_channels']} channels to {channels}: the lab trains as many")
    knobs = {"model.class": name, "dataset.channels": channels, **_size(config["sample_size"])}
    if name == "UNet2DModel":
        knobs |= _told(config, "model", (*UNET, *INHERITED, "dropout"))
        knobs["model.attention_head_dim"] = config["attention_head_dim"] or 0
        knobs["model.num_class_embeds"] = config["num_class_embeds"] or 0
    if name == "DiTTransformer2DModel":
        knobs |= _told(config, "model", (*TRANSFORMER, "attention_head_dim", "dropout"))
        classes = config["num_embeds_ada_norm"]
        knobs["model.num_class_embeds"] = classes + 1 if classes > 1 else 0
    if name == "BasicUNet":
        knobs["model.timestep_conditioning"] = False
    knobs |= _process(process)
    try:
        changed = flat(edited(Recipe(), knobs))
    except RecipeError as error:
        raise RecipeError(f"{where} cannot be taken over: {error}") from error
    return {key: changed[key] for key in knobs}


def _defaults(model_class: type) -> dict[str, Any]:
    """What a config that does not say means: those of older versions lack the younger settings."""
    parameters = inspect.signature(model_class).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}


def _size(size: object) -> dict[str, Any]:
    """Height and width of the images; a config may leave them open."""
    if isinstance(size, int):
        return {"dataset.resolution": size, "dataset.width": 0}
    if isinstance(size, list | tuple) and len(size) == 2:
        return {"dataset.resolution": size[0], "dataset.width": size[1]}
    return {}


def _process(config: Mapping[str, Any]) -> dict[str, Any]:
    """Of a scheduler's config. A sampler's is read as the DDPM process that it samples; others' are left alone."""
    name = config.get("_class_name")
    if name not in _PROCESS_KNOBS:
        if "beta_schedule" not in config:
            return {}
        name = "DDPMScheduler"
    return {"noise_scheduler.class": name, **_told(config, "noise_scheduler", _PROCESS_KNOBS[name])}


def _told(config: Mapping[str, Any], section: str, names: tuple[str, ...]) -> dict[str, Any]:
    told = {name: config[name] for name in names if config.get(name) is not None}
    return {f"{section}.{name}": tuple(v) if isinstance(v, list) else v for name, v in told.items()}
