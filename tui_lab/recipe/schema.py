"""What a run is: every knob, declared once. The TOML field, `--set`, the form's row, help and validation follow.

Names are diffusers' own. Sections and recipes are frozen: a change makes a new recipe (`replaced`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict

from tui_lab.catalog.samplers import SAMPLERS
from tui_lab.recipe.knobs import Knob, knob, knobs_of

DownBlock = Literal["DownBlock2D", "AttnDownBlock2D"]
UpBlock = Literal["UpBlock2D", "AttnUpBlock2D"]


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


_Ints = Annotated[tuple[int, ...], BeforeValidator(_as_tuple)]
_Floats = Annotated[tuple[float, ...], BeforeValidator(_as_tuple)]
_Downs = Annotated[tuple[DownBlock, ...], BeforeValidator(_as_tuple)]
_Ups = Annotated[tuple[UpBlock, ...], BeforeValidator(_as_tuple)]


class Section(BaseModel):
    """A table of the TOML file. Strict: a string is no number, and an unknown key is an error."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, populate_by_name=True, allow_inf_nan=False, protected_namespaces=()
    )


class Info(Section):
    name: str = knob("", title="name", help="What this recipe is called in lists; a run's name is drawn apart.")
    description: str = knob("", title="description", help="One line on what it is for.")


class Dataset(Section):
    name: str = knob(
        "pixel-faces",
        title="dataset",
        help="An embedded or installed set (pixel-faces, digits, fashion-mnist), or a hub name: owner/name.",
    )
    path: str = knob("", title="folder", help="A folder of images of your own; it takes the place of the name.")
    split: str = knob("train", title="split", help="The split of a hub set to train on.")
    image_column: str = knob("", title="image column", help="The hub set's column of images; empty: the first one.")
    label: str = knob("", title="label", help="The column that labels are read from; empty: the set's own default.")
    resolution: int = knob(
        16,
        title="resolution",
        help="Width and height that the images are brought to.",
        unit="px",
        ge=4,
        le=1024,
        step=4,
    )
    channels: Literal[1, 3] = knob(3, title="channels", help="3 for RGB, 1 for grey.")
    random_flip: bool = knob(False, title="random flip", help="Mirror half of the images, drawn anew at every step.")
    center_crop: bool = knob(True, title="centre crop", help="Cut the middle square; otherwise squeeze to a square.")
    val_fraction: float = knob(
        0.1,
        title="held out",
        help="The share of the images kept from training and validated on; sets with a split of their own keep it.",
        ge=0,
        le=0.5,
        step=0.05,
    )


class Model(Section):
    class_name: Literal["UNet2DModel"] = knob(
        "UNet2DModel", alias="class", title="model", help="The network that predicts from x_t and t."
    )
    block_out_channels: _Ints = knob(
        (32, 64, 64), title="channels a block", help="Width of each resolution; every block but the last halves it."
    )
    down_block_types: _Downs = knob(
        ("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
        title="down blocks",
        help="One a resolution: DownBlock2D, or AttnDownBlock2D with self-attention.",
    )
    up_block_types: _Ups = knob(
        ("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        title="up blocks",
        help="One a resolution, from the smallest up: UpBlock2D or AttnUpBlock2D.",
    )
    layers_per_block: int = knob(1, title="layers a block", help="ResNet layers in each block.", ge=1, le=8)
    attention_head_dim: int = knob(
        8, title="head width", help="Channels an attention head; must divide the channels of blocks that attend.", ge=1
    )
    norm_num_groups: int = knob(
        32, title="norm groups", help="Groups of GroupNorm; must divide every block's channels.", ge=1, scale="log"
    )
    dropout: float = knob(0.0, title="dropout", help="Inside the ResNet layers.", ge=0, le=0.9, step=0.05)


class NoiseScheduler(Section):
    class_name: Literal["DDPMScheduler"] = knob(
        "DDPMScheduler", alias="class", title="noise process", help="Variance-preserving diffusion in discrete time."
    )
    num_train_timesteps: int = knob(
        1000, title="timesteps", help="T: how many noise levels there are.", ge=2, le=10000, step=100
    )
    beta_schedule: Literal["linear", "scaled_linear", "squaredcos_cap_v2", "sigmoid", "laplace"] = knob(
        "linear", title="beta schedule", help="How β grows with t, and so how fast the picture drowns."
    )
    beta_start: float = knob(
        1e-4, title="beta start", help="β at t = 0 (linear, scaled_linear, sigmoid).", ge=1e-6, le=0.999, scale="log"
    )
    beta_end: float = knob(
        0.02, title="beta end", help="β at the last t (linear, scaled_linear, sigmoid).", ge=1e-6, le=0.999, scale="log"
    )
    prediction_type: Literal["epsilon", "sample", "v_prediction"] = knob(
        "epsilon",
        title="prediction",
        help="What the model predicts: the noise, the clean image, or v, which mixes them.",
    )
    rescale_betas_zero_snr: bool = knob(
        False, title="zero terminal SNR", help="Rescale β so that the last timestep is pure noise (Lin et al. 2023)."
    )


class Loss(Section):
    type: Literal["mse", "huber"] = knob("mse", title="loss", help="Squared error, or Huber's, calmer about outliers.")
    huber_delta: float = knob(
        1.0, title="huber delta", help="Where Huber's loss turns from square to straight.", ge=1e-4, le=10, scale="log"
    )
    weighting: Literal["none", "min_snr"] = knob(
        "none", title="weighting", help="min_snr caps the weight of easy timesteps (Hang et al. 2023)."
    )
    snr_gamma: float = knob(5.0, title="min-SNR gamma", help="The cap of min_snr.", ge=0.1, le=100, step=0.5)


class Optimizer(Section):
    learning_rate: float = knob(
        1e-4, title="learning rate", help="AdamW's step, before the schedule scales it.", ge=0, le=1, step=1e-6,
        scale="log", live=True,
    )  # fmt: skip
    betas: _Floats = knob((0.9, 0.999), title="betas", help="AdamW's decay of its two running means.")
    weight_decay: float = knob(
        1e-2, title="weight decay", help="AdamW's decoupled decay.", ge=0, le=1, step=1e-6, scale="log", live=True
    )
    eps: float = knob(
        1e-8, title="epsilon", help="AdamW's guard against division by zero.", ge=1e-12, le=1e-2, scale="log"
    )
    max_grad_norm: float = knob(
        1.0, title="gradient clip", help="The largest gradient norm let through; 0 turns clipping off.", ge=0, le=1000,
        step=0.1, scale="log", live=True,
    )  # fmt: skip


class LRScheduler(Section):
    name: Literal["constant", "linear", "cosine", "polynomial"] = knob(
        "constant", title="lr schedule", help="How the learning rate moves over max_train_steps."
    )
    num_warmup_steps: int = knob(
        0, title="warm-up", help="Updates over which the learning rate rises from 0.", unit="steps", ge=0, step=50
    )


class EMA(Section):
    enabled: bool = knob(True, title="EMA", help="Keep a running mean of the weights; previews and exports use it.")
    decay: float = knob(
        0.999, title="EMA decay", help="How long the mean remembers: 0.999 is about 1000 updates.", ge=0, le=0.999999,
        scale="complement", live=True,
    )  # fmt: skip
    warmup: bool = knob(
        True, title="EMA warm-up", help="Begin with a short memory: decay is at most (1 + n) / (10 + n)."
    )


class Training(Section):
    max_train_steps: int = knob(
        1000,
        title="steps",
        help="Optimizer updates; 0 goes on until you stop it.",
        unit="steps",
        ge=0,
        le=10**9,
        step=50,
    )
    train_batch_size: int = knob(
        64, title="batch size", help="Images a step.", unit="images", ge=1, le=65536, scale="log", live=True
    )
    gradient_accumulation_steps: int = knob(
        1, title="accumulation", help="Batches an update; the batch that counts is their product.", ge=1, le=1024
    )
    seed: int = knob(
        0, title="seed", help="Order, noise and timesteps follow from it and the step.", ge=0, le=2**31 - 1
    )
    mixed_precision: Literal["auto", "no", "bf16", "fp16"] = knob(
        "auto", title="precision", help="auto: bf16 where the device is fast at it, otherwise float32."
    )
    device: str = knob("auto", title="device", help="auto (CUDA, then MPS, then CPU), cpu, cuda, cuda:1, mps.")
    checkpointing_steps: int = knob(
        500, title="checkpoint every", help="Steps between checkpoints; 0: only at the end.", unit="steps", ge=0,
        le=10**9, step=50, live=True,
    )  # fmt: skip
    checkpoints_total_limit: int = knob(
        3, title="checkpoints kept", help="The oldest go first; 0 keeps all.", ge=0, le=10**6, live=True
    )


class Sampling(Section):
    scheduler: str = knob(
        "DPMSolverMultistepScheduler", title="sampler", help="The solver that previews and samples are drawn with.",
        live=True, choices=tuple(SAMPLERS),
    )  # fmt: skip
    num_inference_steps: int = knob(
        20, title="sampling steps", help="Model calls a sample.", unit="steps", ge=1, le=1000, live=True
    )
    eta: float = knob(
        0.0, title="eta", help="DDIM's noise: 0 is deterministic, 1 is DDPM-like.", ge=0, le=1, step=0.1, live=True
    )
    seed: int = knob(
        0, title="sampling seed", help="The noise that previews start from.", ge=0, le=2**31 - 1, live=True
    )
    num_images: int = knob(16, title="preview images", help="Images a preview.", unit="images", ge=1, le=256, live=True)
    every_steps: int = knob(
        100, title="preview every", help="Training steps between previews; 0: none by themselves.", unit="steps", ge=0,
        le=10**9, step=25, live=True,
    )  # fmt: skip


class Evaluation(Section):
    every_steps: int = knob(
        50, title="validate every", help="Steps between looks at the held-out images; 0: never.", unit="steps", ge=0,
        le=10**9, step=25, live=True,
    )  # fmt: skip
    num_images: int = knob(128, title="held-out images", help="How many are looked at.", unit="images", ge=1, le=65536)
    num_timesteps: int = knob(8, title="timesteps", help="Fixed noise levels that they are looked at.", ge=1, le=1000)


class Recipe(Section):
    """A whole recipe. Build one with `parse_recipe`, `load_recipe` or `replaced`: they also check what no single field
    can (see `checks`)."""

    recipe: Info = Info()
    dataset: Dataset = Dataset()
    model: Model = Model()
    noise_scheduler: NoiseScheduler = NoiseScheduler()
    loss: Loss = Loss()
    optimizer: Optimizer = Optimizer()
    lr_scheduler: LRScheduler = LRScheduler()
    ema: EMA = EMA()
    training: Training = Training()
    sampling: Sampling = Sampling()
    evaluation: Evaluation = Evaluation()


SECTIONS: dict[str, type[Section]] = {name: field.annotation for name, field in Recipe.model_fields.items()}  # type: ignore[misc]
KNOBS: dict[str, Knob] = {k.key: k for name, section in SECTIONS.items() for k in knobs_of(name, section)}
"""Every knob by its key, such as "optimizer.learning_rate", in the order of the file."""
