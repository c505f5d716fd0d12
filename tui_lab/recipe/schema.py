"""What a run is: every knob, declared once. The TOML field, `--set`, the form's row, help and validation follow.

Names are diffusers' own. Sections and recipes are frozen: a change makes a new recipe (`replaced`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict

from tui_lab.catalog.samplers import SAMPLERS
from tui_lab.recipe.knobs import Knob, knob, knobs_of

DownBlock = Literal[
    "DownBlock2D",
    "AttnDownBlock2D",
    "ResnetDownsampleBlock2D",
    "SkipDownBlock2D",
    "AttnSkipDownBlock2D",
    "KDownBlock2D",
]
UpBlock = Literal[
    "UpBlock2D",
    "AttnUpBlock2D",
    "ResnetUpsampleBlock2D",
    "SkipUpBlock2D",
    "AttnSkipUpBlock2D",
    "KUpBlock2D",
]


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


_Ints = Annotated[tuple[int, ...], BeforeValidator(_as_tuple)]
_Floats = Annotated[tuple[float, ...], BeforeValidator(_as_tuple)]
_Texts = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]
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
    path: str = knob(
        "",
        title="path",
        help="Pictures of your own, in place of the name: a folder, a zip or tar, .npz or .npy, IDX, parquet, arrow.",
    )
    config: str = knob("", title="config", help="Which configuration of a hub set; empty: its default.")
    split: str = knob("train", title="split", help="The split of a hub set or a saved set to train on.")
    revision: str = knob("", title="revision", help="A branch, tag or commit of a hub set; empty: the newest.")
    streaming: bool = knob(
        False,
        title="streaming",
        help="Read a hub set as it comes, for one that fits no disk; resume is then not exact.",
    )
    image_column: str = knob("", title="image column", help="The column or array of images; empty: the first one.")
    label: str = knob("", title="label", help="The column that labels are read from; empty: the set's own default.")
    resolution: int = knob(
        16, title="resolution", help="Height that the images are brought to.", unit="px", ge=4, le=1024, step=4
    )
    width: int = knob(
        0, title="width", help="Width that they are brought to; 0: as high as wide.", unit="px", ge=0, le=1024, step=4
    )
    fit: Literal["center_crop", "random_crop", "pad", "squeeze"] = knob(
        "center_crop",
        title="fit",
        help="How other shapes are fitted: the middle, a place drawn at every step, with borders, or squeezed.",
    )
    resize_filter: Literal["lanczos", "bicubic", "bilinear", "box", "nearest"] = knob(
        "lanczos", title="resize filter", help="lanczos is the sharpest; nearest keeps pixel art crisp."
    )
    channels: Literal[1, 3, 4] = knob(3, title="channels", help="3 for RGB, 1 for grey, 4 for RGB with transparency.")
    background: str = knob(
        "#ffffff", title="background", help="The colour behind transparent pixels and in the borders of pad: #rrggbb."
    )
    random_flip: bool = knob(False, title="random flip", help="Mirror half of the images, drawn anew at every step.")
    random_rotation: float = knob(
        0.0,
        title="random rotation",
        help="Turn each image by up to so much either way, drawn anew at every step; corners repeat the edge.",
        unit="°",
        ge=0,
        le=180,
        step=5,
    )
    classes: _Texts = knob(
        (), title="classes", help="Only these classes, by name, numbered anew from 0; empty: all of them."
    )
    balance: bool = knob(False, title="balance", help="Show every class equally often, however few images it has.")
    limit: int = knob(
        0, title="limit", help="At most so many images, an even draw; 0: all.", unit="images", ge=0, le=10**9, step=1000
    )
    val_fraction: float = knob(
        0.1,
        title="held out",
        help="The share of the images kept from training and validated on; sets with a split of their own keep it.",
        ge=0,
        le=0.5,
        step=0.05,
    )

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of every image."""
        return self.resolution, self.width or self.resolution


class Model(Section):
    class_name: Literal["UNet2DModel", "DiTTransformer2DModel", "BasicUNet"] = knob(
        "UNet2DModel", alias="class", title="model", help="The network that predicts from x_t and t."
    )
    base_checkpoint: str = knob(
        "",
        title="start from",
        help="Weights to fine-tune: a run, run@step, a folder of diffusers', or a hub id; empty: fresh ones.",
    )
    block_out_channels: _Ints = knob(
        (32, 64, 64), title="channels a block", help="Width of each resolution; every block but the last halves it."
    )
    down_block_types: _Downs = knob(
        ("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
        title="down blocks",
        help="One a resolution: DownBlock2D, or AttnDownBlock2D with self-attention; others of diffusers'.",
    )
    up_block_types: _Ups = knob(
        ("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        title="up blocks",
        help="One a resolution, from the smallest up: UpBlock2D or AttnUpBlock2D; others of diffusers'.",
    )
    layers_per_block: int = knob(1, title="layers a block", help="ResNet layers in each block.", ge=1, le=8)
    add_attention: bool = knob(True, title="middle attention", help="Self-attention in the smallest resolution.")
    attention_head_dim: int = knob(
        8,
        title="head width",
        help="Channels an attention head; must divide the channels of blocks that attend. 0: one head in each block.",
        ge=0,
    )
    norm_num_groups: int = knob(
        32, title="norm groups", help="Groups of GroupNorm; must divide every block's channels.", ge=1, scale="log"
    )
    dropout: float = knob(0.0, title="dropout", help="Inside the ResNet layers.", ge=0, le=0.9, step=0.05)
    time_embedding_type: Literal["positional", "fourier"] = knob(
        "positional", title="time embedding", help="positional for timesteps; fourier suits EDM's log σ / 4."
    )
    resnet_time_scale_shift: Literal["default", "scale_shift"] = knob(
        "default", title="time enters by", help="Added to each ResNet layer, or scaling and shifting its norm (ADM)."
    )
    flip_sin_to_cos: bool = knob(
        True, title="cosines first", help="Order within the positional embedding; DDPM's own models have sines first."
    )
    freq_shift: int = knob(
        0, title="frequency shift", help="Of the positional embedding; 1 in DDPM's own models.", ge=0, le=1
    )
    downsample_padding: int = knob(
        1, title="padding", help="How halving pads: 1 on all sides, 0 only at the right and the bottom, as DDPM's own "
        "models.", ge=0, le=1,
    )  # fmt: skip
    norm_eps: float = knob(
        1e-5, title="norm epsilon", help="GroupNorm's guard against division by zero.", ge=1e-12, le=0.1, scale="log"
    )
    num_layers: int = knob(6, title="layers", help="Transformer layers.", ge=1, le=64)
    num_attention_heads: int = knob(
        4, title="heads", help="Attention heads; with the head width they make the transformer's width.", ge=1, le=64
    )
    patch_size: int = knob(2, title="patch", help="Side of the square that becomes one token.", unit="px", ge=1, le=32)
    timestep_conditioning: bool = knob(
        True, title="knows t", help="Tell the model the timestep; off, it must see from x_t how noisy that is."
    )
    num_class_embeds: int = knob(
        0,
        title="classes",
        help="Classes that the model is told, and one more for none with class_dropout; 0: unconditional.",
        ge=0,
        le=100_001,
    )


NoiseClass = Literal["DDPMScheduler", "FlowMatchEulerDiscreteScheduler", "EDMEulerScheduler", "UniformMixing"]
Objective = Literal["epsilon", "sample", "v_prediction", "flow", "edm"]


class NoiseScheduler(Section):
    class_name: NoiseClass = knob(
        "DDPMScheduler",
        alias="class",
        title="noise process",
        help="DDPM's discrete diffusion, flow matching, EDM's continuous σ, or the course's toy mixing.",
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
    trained_betas: _Floats = knob(
        (), title="custom betas", help="β of every timestep, in place of a schedule; as many as there are timesteps."
    )
    prediction_type: Literal["epsilon", "sample", "v_prediction"] = knob(
        "epsilon",
        title="prediction",
        help="What the model predicts: the noise, the clean image, or v, which mixes them.",
    )
    rescale_betas_zero_snr: bool = knob(
        False, title="zero terminal SNR", help="Rescale β so that the last timestep is pure noise (Lin et al. 2023)."
    )
    shift: float = knob(
        1.0, title="shift", help="Flow matching: above 1, more of the levels are noisy ones; for larger pictures.",
        ge=0.05, le=20, step=0.1, scale="log",
    )  # fmt: skip
    sigma_data: float = knob(
        0.5, title="sigma data", help="EDM: the standard deviation of the images in [-1, 1].", ge=0.01, le=10, step=0.05
    )
    sigma_min: float = knob(
        0.002, title="sigma min", help="EDM: the least noise that sampling ends at.", ge=1e-5, le=1, scale="log"
    )
    sigma_max: float = knob(
        80.0, title="sigma max", help="EDM: the most noise, that sampling starts from.", ge=1, le=1000, scale="log"
    )
    rho: float = knob(
        7.0, title="rho", help="EDM: how much sampling dwells on small σ (Karras).", ge=1, le=20, step=0.5
    )
    P_mean: float = knob(-1.2, title="P mean", help="EDM: mean of ln σ in training.", ge=-10, le=10, step=0.1)
    P_std: float = knob(1.2, title="P std", help="EDM: spread of ln σ in training.", ge=0.05, le=5, step=0.1)

    @property
    def objective(self) -> Objective:
        """What the model is trained to answer: DDPM's choice, or what the process implies."""
        implied: dict[str, Objective] = {
            "FlowMatchEulerDiscreteScheduler": "flow",
            "EDMEulerScheduler": "edm",
            "UniformMixing": "sample",
        }
        return implied.get(self.class_name, self.prediction_type)


class Loss(Section):
    type: Literal["mse", "l1", "huber"] = knob(
        "mse", title="loss", help="Squared error, absolute error, or Huber's between them, calmer about outliers."
    )
    huber_delta: float = knob(
        1.0, title="huber delta", help="Where Huber's loss turns from square to straight.", ge=1e-4, le=10, scale="log"
    )
    weighting: Literal["none", "min_snr", "soft_min_snr", "p2", "snr", "edm", "sigmoid"] = knob(
        "none", title="weighting", help="Which noise levels count for more; the chart of loss share shows what it does."
    )
    snr_gamma: float = knob(
        5.0, title="SNR gamma", help="The cap of min_snr and soft_min_snr.", ge=0.1, le=100, step=0.5
    )
    p2_gamma: float = knob(1.0, title="P2 gamma", help="How strongly p2 holds fine detail down.", ge=0, le=4, step=0.1)
    p2_k: float = knob(1.0, title="P2 k", help="The SNR about which p2 begins to act.", ge=0.01, le=100, scale="log")
    sigmoid_bias: float = knob(
        -1.0, title="sigmoid bias", help="The log-SNR below which sigmoid weighting lets ε count in full.", ge=-10,
        le=10, step=0.5,
    )  # fmt: skip
    timestep_sampling: Literal["uniform", "logit_normal", "cosine", "importance"] = knob(
        "uniform",
        title="timestep sampling",
        help="Which timesteps training draws: all alike, the middle ones more, or those where the loss is large.",
    )
    logit_mean: float = knob(
        0.0, title="logit mean", help="logit_normal: below 0 more clean pictures, above more noisy ones.", ge=-5, le=5,
        step=0.1,
    )  # fmt: skip
    logit_std: float = knob(
        1.0, title="logit std", help="logit_normal: how wide about its mean.", ge=0.1, le=5, step=0.1
    )
    class_dropout: float = knob(
        0.0,
        title="class dropout",
        help="The share of images whose class is hidden, so that classifier-free guidance can be used; 0.1 is usual.",
        ge=0,
        le=1,
        step=0.05,
    )


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
    compile: Literal["auto", "off", "on"] = knob(
        "auto", title="compile", help="auto: where the device gains by it (CUDA); on: a CPU too, which takes minutes."
    )
    device: str = knob("auto", title="device", help="auto (CUDA, then MPS, then CPU), cpu, cuda, cuda:1, mps.")
    checkpointing_steps: int = knob(
        500, title="checkpoint every", help="Steps between checkpoints; 0: only at the end.", unit="steps", ge=0,
        le=10**9, step=50, live=True,
    )  # fmt: skip
    checkpoints_total_limit: int = knob(
        3,
        title="checkpoints kept",
        help="The oldest go first, but the one before the last live change, for undo; 0 keeps all.",
        ge=0,
        le=10**6,
        live=True,
    )
    guard: Literal["undo", "pause", "off"] = knob(
        "undo",
        title="guard",
        help="When the loss leaps up or is not finite: undo a recent change, or pause; pause always; or only say so.",
        live=True,
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
    guidance_scale: float = knob(
        1.0, title="guidance", help="Classifier-free guidance: 1 is the plain conditional model, 0 ignores the class.",
        ge=0, le=100, step=0.5, live=True,
    )  # fmt: skip
    guidance_schedule: Literal["constant", "linear", "cosine"] = knob(
        "constant", title="guidance schedule", live=True,
        help="linear and cosine begin at 1 where all is noise, and rise to the guidance at the picture's end.",
    )  # fmt: skip
    guidance_from: float = knob(
        0.0, title="guide from", help="Guidance acts above this share of the noise's time; 0 is the picture's end.",
        ge=0, le=1, step=0.05, live=True,
    )  # fmt: skip
    guidance_until: float = knob(
        1.0, title="guide until", help="Guidance acts below this share of the noise's time; 1 is the noise's end.",
        ge=0, le=1, step=0.05, live=True,
    )  # fmt: skip
    timestep_spacing: Literal["auto", "leading", "trailing", "linspace"] = knob(
        "auto", title="spacing", help="Which timesteps a sampler visits; auto: what suits the schedule.", live=True
    )
    sigma_schedule: Literal["auto", "karras", "exponential", "beta"] = knob(
        "auto", title="sigmas", help="How a solver spaces its noise levels; auto: the sampler's own way.", live=True
    )
    seed: int = knob(
        0, title="sampling seed", help="The noise that previews start from.", ge=0, le=2**31 - 1, live=True
    )
    num_images: int = knob(16, title="preview images", help="Images a preview.", unit="images", ge=1, le=256, live=True)
    every_steps: int = knob(
        100, title="preview every", help="Training steps between previews; 0: none by themselves.", unit="steps", ge=0,
        le=10**9, step=25, live=True,
    )  # fmt: skip
    previews_total_limit: int = knob(
        100, title="previews kept", help="Of more, evenly spaced ones go; 0 keeps all.", ge=0, le=10**6, live=True
    )


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
