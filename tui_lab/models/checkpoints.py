"""A run's weights as its checkpoints hold them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from tui_lab.errors import RunError
from tui_lab.recipe import Recipe
from tui_lab.runs.folder import RunFolder


@dataclass(frozen=True, slots=True)
class Weights:
    """A file of weights, and the recipe that they were learnt by; `weights` says which of the two kinds it is."""

    recipe: Recipe
    path: Path
    weights: Literal["ema", "live"]
    step: int

    def load(self) -> dict[str, Tensor]:
        try:
            return load_file(self.path)
        except (OSError, SafetensorError) as error:
            raise RunError(f"{self.path} is damaged: {error}; name an earlier checkpoint") from error


def run_and_step(name: str) -> tuple[str, int | None]:
    """("amber-heron", 500) of "amber-heron@500", and no step of a name without one; a path may stand for the name."""
    found = re.fullmatch(r"(.+)@(\d+)", name)
    return (found[1], int(found[2])) if found else (name, None)


def find_weights(run: RunFolder, checkpoint: int | None) -> Weights:
    """The weights to draw from in the checkpoint of that step, or the newest: the EMA where the run keeps one."""
    step = run.find_checkpoint(checkpoint)
    folder = run.checkpoint(step)
    ema = folder / "ema.safetensors"
    if ema.is_file():
        return Weights(run.recipe(), ema, "ema", step)
    return Weights(run.recipe(), folder / "model.safetensors", "live", step)
