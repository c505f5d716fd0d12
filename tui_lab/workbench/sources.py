"""What can be sampled: a run's checkpoint, or a pipeline folder of diffusers'."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffusers.models.unets.unet_2d import UNet2DModel

from tui_lab.diffusion.noise_schedulers import training_scheduler
from tui_lab.models.checkpoints import find_weights
from tui_lab.models.export import load_pipeline, with_weights
from tui_lab.recipe import Recipe, replaced
from tui_lab.runs.folder import RunFolder


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A model to sample from. `recipe` is the run's; for a pipeline from elsewhere, one over the same noise process."""

    unet: UNet2DModel
    recipe: Recipe
    scheduler_config: dict[str, Any]
    image_shape: tuple[int, int, int]
    weights: str
    step: int | None


def load_source(name: str, checkpoint: int | None) -> Source:
    """`name`: a pipeline folder's path, or a run's id or path; `checkpoint`: a run's step, None for its newest."""
    path = Path(name).expanduser()
    if (path / "model_index.json").is_file():
        return _pipeline(path)
    found = find_weights(RunFolder.open(name), checkpoint)
    dataset = found.recipe.dataset
    return Source(
        unet=with_weights(found.recipe, found.load()),
        recipe=found.recipe,
        scheduler_config=dict(training_scheduler(found.recipe.noise_scheduler).config),
        image_shape=(dataset.channels, dataset.resolution, dataset.resolution),
        weights=found.weights,
        step=found.step,
    )


def _pipeline(folder: Path) -> Source:
    pipeline = load_pipeline(folder)
    config, unet = pipeline.scheduler_config, pipeline.unet
    size = unet.config.sample_size
    height, width = (size, size) if isinstance(size, int) else size
    timesteps = int(config.get("num_train_timesteps", 1000))
    process = {
        "noise_scheduler.num_train_timesteps": timesteps,
        "noise_scheduler.prediction_type": config.get("prediction_type", "epsilon"),
        "noise_scheduler.rescale_betas_zero_snr": bool(config.get("rescale_betas_zero_snr")),
        "sampling.num_inference_steps": min(Recipe().sampling.num_inference_steps, timesteps),
    }
    return Source(
        unet=unet,
        recipe=replaced(Recipe(), process),
        scheduler_config=config,
        image_shape=(int(unet.config.in_channels), height, width),
        weights="pipeline",
        step=None,
    )
