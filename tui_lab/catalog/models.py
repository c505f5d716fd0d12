"""Networks by scale: knobs that belong together, to begin from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ModelPreset:
    """`knobs` says all of [model] that its class reads, but for the classes, which are the data's.

    `resolution` is the size of images that it is meant for; `parameters` are counted there, with
    `channels` channels and no classes but those that the knobs name.
    """

    name: str
    title: str
    help: str
    resolution: int
    channels: int
    parameters: int
    knobs: Mapping[str, Any]


def _unet(widths: tuple[int, ...], attention: str, layers: int = 1, **others: Any) -> dict[str, Any]:
    """`attention`: one letter a resolution, A for a block that attends and D for one that does not, the largest first;
    the way up mirrors it."""
    knobs = {
        "class": "UNet2DModel",
        "base_checkpoint": "",
        "block_out_channels": widths,
        "down_block_types": tuple("AttnDownBlock2D" if letter == "A" else "DownBlock2D" for letter in attention),
        "up_block_types": tuple("AttnUpBlock2D" if letter == "A" else "UpBlock2D" for letter in reversed(attention)),
        "layers_per_block": layers,
        "add_attention": True,
        "attention_head_dim": 8,
        "norm_num_groups": 32,
        "dropout": 0.0,
        "time_embedding_type": "positional",
        "resnet_time_scale_shift": "default",
        "flip_sin_to_cos": True,
        "freq_shift": 0,
        "downsample_padding": 1,
        "norm_eps": 1e-5,
        "timestep_conditioning": True,
    }
    return {f"model.{name}": value for name, value in {**knobs, **others}.items()}


def _dit(layers: int, heads: int, head_dim: int, patch: int) -> dict[str, Any]:
    return {
        "model.class": "DiTTransformer2DModel",
        "model.base_checkpoint": "",
        "model.num_layers": layers,
        "model.num_attention_heads": heads,
        "model.attention_head_dim": head_dim,
        "model.patch_size": patch,
        "model.dropout": 0.0,
        "model.timestep_conditioning": True,
    }


_BASIC = {
    "model.class": "BasicUNet",
    "model.base_checkpoint": "",
    "model.timestep_conditioning": False,
    "model.num_class_embeds": 0,
    "loss.class_dropout": 0.0,
}

_LIST = (
    ModelPreset(
        "nano",
        "nano",
        "a UNet for a first look and for the slowest machines: seconds to a first picture",
        16,
        3,
        280_755,
        _unet((16, 32, 32), "DDA", norm_num_groups=8),
    ),
    ModelPreset(
        "micro",
        "micro",
        "a UNet for pictures of 16 to 32 px on a CPU: minutes",
        16,
        3,
        1_113_955,
        _unet((32, 64, 64), "DDA", norm_num_groups=8, attention_head_dim=32),
    ),
    ModelPreset(
        "small",
        "small",
        "a UNet for pictures of 32 px on a small GPU",
        32,
        3,
        6_803_715,
        _unet((64, 128, 128), "DAA", 2),
    ),
    ModelPreset(
        "u1-basic",
        "BasicUNet of the course",
        "six convolutions that know no timestep, for the toy corruption",
        28,
        1,
        309_057,
        _BASIC,
    ),
    ModelPreset(
        "u1-toy",
        "toy UNet of the course",
        "the course's UNet2DModel for MNIST, after its BasicUNet",
        28,
        1,
        1_707_009,
        _unet((32, 64, 64), "DAA", 2),
    ),
    ModelPreset(
        "u1-32",
        "butterflies at 32 px, of the course",
        "the course's first model: a laptop's GPU, ten minutes",
        32,
        3,
        18_536_323,
        _unet((64, 128, 128, 256), "DDAA", 2),
    ),
    ModelPreset(
        "u1-64",
        "butterflies at 64 px, of the course",
        "six resolutions: diffusers' own example, and its guide's",
        64,
        3,
        113_673_219,
        _unet((128, 128, 256, 256, 512, 512), "DDDDAD", 2),
    ),
    ModelPreset(
        "u2-class",
        "MNIST by class, of the course",
        "the toy UNet with ten digits and one label for none of them",
        28,
        1,
        1_708_417,
        {**_unet((32, 64, 64), "DAA", 2), "model.num_class_embeds": 11, "loss.class_dropout": 0.1},
    ),
    ModelPreset(
        "cifar10-ddpm",
        "DDPM's for CIFAR-10",
        "Ho et al. 2020: FID 3.17 after 800k steps of batch 128",
        32,
        3,
        35_746_307,
        _unet(
            (128, 256, 256, 256),
            "DADD",
            2,
            attention_head_dim=0,
            dropout=0.1,
            flip_sin_to_cos=False,
            freq_shift=1,
            downsample_padding=0,
            norm_eps=1e-6,
        ),
    ),
    ModelPreset(
        "adm-64",
        "ADM-like, 64 px",
        "Dhariwal & Nichol 2021: attention at 32, 16 and 8, the time scales and shifts",
        64,
        3,
        276_419_523,
        _unet(
            (192, 384, 576, 768), "DAAA", 3, attention_head_dim=64, dropout=0.1, resnet_time_scale_shift="scale_shift"
        ),
    ),
    ModelPreset(
        "dit-nano",
        "nano transformer",
        "a DiT for a first look, for square pictures of 16 px",
        16,
        3,
        391_628,
        _dit(4, 4, 16, 2),
    ),
    ModelPreset(
        "dit-micro",
        "micro transformer",
        "a DiT for square pictures of 16 to 32 px",
        16,
        3,
        2_115_212,
        _dit(6, 4, 32, 2),
    ),
    ModelPreset(
        "dit-small",
        "DiT-S/2",
        "Peebles & Xie 2023's smallest, here on pixels: 32 px on a GPU",
        32,
        3,
        35_192_460,
        _dit(12, 6, 64, 2),
    ),
)

MODEL_PRESETS: dict[str, ModelPreset] = {preset.name: preset for preset in _LIST}
