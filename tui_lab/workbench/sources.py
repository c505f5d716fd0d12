"""What can be sampled: a run's checkpoint, or a folder that it, or diffusers, wrote."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from tui_lab.diffusion.noise_schedulers import training_scheduler
from tui_lab.models.checkpoints import find_weights
from tui_lab.models.export import load_pipeline, with_weights
from tui_lab.recipe import Recipe
from tui_lab.runs.exports import is_export
from tui_lab.runs.folder import RunFolder


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A model to sample from. `recipe` is the run's; of a pipeline from elsewhere, one over the same noise process."""

    model: nn.Module
    recipe: Recipe
    scheduler_config: dict[str, Any]
    weights: str
    step: int | None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return self.recipe.dataset.channels, *self.recipe.dataset.size


def load_source(name: str, checkpoint: int | None) -> Source:
    """`name`: a folder's path, or a run's id or path; `checkpoint`: a run's step, None for its newest."""
    path = Path(name).expanduser()
    if is_export(path):
        loaded = load_pipeline(path)
        return Source(loaded.model, loaded.recipe, loaded.scheduler_config, "pipeline", None)
    found = find_weights(RunFolder.open(name), checkpoint)
    return Source(
        model=with_weights(found.recipe, found.load()),
        recipe=found.recipe,
        scheduler_config=dict(training_scheduler(found.recipe.noise_scheduler).config),
        weights=found.weights,
        step=found.step,
    )
