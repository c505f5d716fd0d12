"""In which number format the model computes."""

from __future__ import annotations

from typing import Literal

import torch

from tui_lab.errors import DeviceError

Precision = Literal["no", "bf16", "fp16"]


def resolve_precision(asked: str, device: torch.device) -> Precision:
    """What `training.mixed_precision` means on this device. auto takes what is faster there than float32.

    Raises DeviceError where the device cannot do what is asked.
    """
    match asked, device.type:
        case "no", _:
            return "no"
        case "auto", "cuda":
            return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
        case "auto", "cpu":
            return "bf16" if _cpu_multiplies_bf16() else "no"
        case "auto", _:
            return "no"
        case "bf16", "cuda" if not torch.cuda.is_bf16_supported():
            raise DeviceError(f"{device} cannot compute in bf16: set training.mixed_precision to fp16, no or auto")
        case "bf16", _:
            return "bf16"
        case "fp16", "cpu":
            raise DeviceError("the CPU does not train in fp16: set training.mixed_precision to bf16, no or auto")
        case "fp16", _:
            return "fp16"
    raise ValueError(f"unknown precision {asked!r}")


def _cpu_multiplies_bf16() -> bool:
    """Other CPUs only emulate it, slower than float32. AMX as torch asks for it comes with bf16."""
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
