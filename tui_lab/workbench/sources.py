"""What can be sampled: a run's checkpoint, or a pipeline folder of diffusers'."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffusers.models.unets.unet_2d import UNet2DModel
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from tui_lab.diffusion.noise_schedulers import training_scheduler
from tui_lab.errors import RunError
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


@dataclass(frozen=True, slots=True)
class Weights:
    """A file of weights in a run's checkpoint; `weights` says which: ema or live."""

    recipe: Recipe
    path: Path
    weights: str
    step: int

    def load(self) -> dict[str, Tensor]:
        try:
            return load_file(self.path)
        except (OSError, SafetensorError) as error:
            raise RunError(f"{self.path} is damaged: {error}; name an earlier --checkpoint") from error


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


def find_weights(run: RunFolder, checkpoint: int | None) -> Weights:
    """The weights to draw from in that checkpoint, or the newest: the EMA where the run keeps one."""
    steps = run.checkpoint_steps()
    if not steps:
        raise RunError(f"{run.id} has no checkpoint yet: diffusion-lab checkpoint {run.id} asks a running one for it")
    if checkpoint is not None and checkpoint not in steps:
        raise RunError(f"{run.id} has no checkpoint at step {checkpoint}; there is {', '.join(map(str, steps))}")
    step = steps[-1] if checkpoint is None else checkpoint
    folder = run.checkpoint(step)
    ema = folder / "ema.safetensors"
    path, weights = (ema, "ema") if ema.is_file() else (folder / "model.safetensors", "live")
    return Weights(run.recipe(), path, weights, step)


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
