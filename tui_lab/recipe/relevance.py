"""Which knobs say something in a recipe as it stands, and which belong to another choice."""

from __future__ import annotations

from collections.abc import Iterator

from tui_lab.recipe.schema import Model, Recipe

UNET = (
    "block_out_channels",
    "down_block_types",
    "up_block_types",
    "layers_per_block",
    "add_attention",
    "norm_num_groups",
    "time_embedding_type",
    "resnet_time_scale_shift",
)
INHERITED = ("flip_sin_to_cos", "freq_shift", "downsample_padding", "norm_eps")
"""What only weights from elsewhere ask to have otherwise: left out while nothing is inherited."""
TRANSFORMER = ("num_layers", "num_attention_heads", "patch_size")
_BETAS = ("beta_schedule", "beta_start", "beta_end")
DDPM = (*_BETAS, "trained_betas", "prediction_type", "rescale_betas_zero_snr")
_EDM = ("sigma_data", "sigma_min", "sigma_max", "rho", "P_mean", "P_std")


def irrelevant(recipe: Recipe) -> frozenset[str]:
    """Keys of knobs that change nothing in this recipe, because of what others are set to."""
    return frozenset(
        [
            *(f"dataset.{name}" for name in _data(recipe)),
            *(f"model.{name}" for name in _model(recipe)),
            *(f"noise_scheduler.{name}" for name in _noise(recipe)),
            *(f"loss.{name}" for name in _loss(recipe)),
            *(f"sampling.{name}" for name in _sampling(recipe)),
        ]
    )


def _data(recipe: Recipe) -> Iterator[str]:
    dataset = recipe.dataset
    if dataset.path:
        yield "name"
    if dataset.path or "/" not in dataset.name:
        yield from ("config", "revision", "streaming")
    if not dataset.path and "/" not in dataset.name:
        yield from ("split", "image_column")
    if dataset.channels == 4 and dataset.fit != "pad":
        yield "background"


def _model(recipe: Recipe) -> Iterator[str]:
    name = recipe.model.class_name
    if name != "UNet2DModel":
        yield from UNET
        yield from INHERITED
    elif not recipe.model.base_checkpoint:
        usual = Model()
        yield from (knob for knob in INHERITED if getattr(recipe.model, knob) == getattr(usual, knob))
    if name != "DiTTransformer2DModel":
        yield from TRANSFORMER
    if name == "BasicUNet":
        yield from ("attention_head_dim", "dropout", "num_class_embeds")


def _noise(recipe: Recipe) -> Iterator[str]:
    noise = recipe.noise_scheduler
    if noise.class_name != "DDPMScheduler":
        yield from DDPM
    elif noise.trained_betas:
        yield from _BETAS
    elif noise.beta_schedule in ("squaredcos_cap_v2", "laplace"):
        yield from ("beta_start", "beta_end")
    if noise.class_name != "FlowMatchEulerDiscreteScheduler":
        yield "shift"
    if noise.class_name != "EDMEulerScheduler":
        weighs_by_it = recipe.loss.weighting == "edm"
        yield from (name for name in _EDM if not (name == "sigma_data" and weighs_by_it))


def _loss(recipe: Recipe) -> Iterator[str]:
    loss = recipe.loss
    if loss.type != "huber":
        yield "huber_delta"
    if loss.weighting not in ("min_snr", "soft_min_snr"):
        yield "snr_gamma"
    if loss.weighting != "p2":
        yield from ("p2_gamma", "p2_k")
    if loss.weighting != "sigmoid":
        yield "sigmoid_bias"
    if loss.timestep_sampling != "logit_normal":
        yield from ("logit_mean", "logit_std")
    if not recipe.model.num_class_embeds:
        yield "class_dropout"


def _sampling(recipe: Recipe) -> Iterator[str]:
    if not recipe.model.num_class_embeds:
        yield "guidance_scale"
    if not recipe.model.num_class_embeds or recipe.sampling.guidance_scale == 1.0:
        yield from ("guidance_schedule", "guidance_from", "guidance_until")
    if recipe.sampling.scheduler != "DDIMScheduler":
        yield "eta"
