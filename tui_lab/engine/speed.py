"""What was chosen to make a run fast on its device, in words that a person knows."""

from __future__ import annotations

import torch

from tui_lab.engine.crew import MEMBERS
from tui_lab.engine.learner import Learner
from tui_lab.engine.precision import Precision


def speed_of(learner: Learner, device: torch.device, precision: Precision) -> list[str]:
    """Short phrases, the most telling first: "bf16", "compiled", "2 half batches at a time"."""
    chosen: list[str] = ["float32" if precision == "no" else precision]
    if device.type == "cuda" and precision == "no" and torch.get_float32_matmul_precision() != "highest":
        chosen = ["TF32"]
    if learner.compiled:
        chosen.append("compiled")
    if learner.crew:
        chosen.append(f"{MEMBERS} half batches at a time")
    if not torch.backends.cuda.flash_sdp_enabled():
        chosen.append("attention by matrix products")
    return chosen
