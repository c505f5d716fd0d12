"""What can be sampled: a run's checkpoint, or a folder that it, or diffusers, wrote. The last ones stay loaded."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from tui_lab.diffusion.noise_schedulers import training_scheduler
from tui_lab.engine.devices import free_memory
from tui_lab.engine.precision import Precision, resolve_precision
from tui_lab.errors import DeviceError, RunError
from tui_lab.models import placed
from tui_lab.models.checkpoints import Weights, find_weights
from tui_lab.models.export import load_pipeline, with_weights
from tui_lab.models.sampler_model import SamplerModel
from tui_lab.recipe import Recipe
from tui_lab.runs.exports import is_export
from tui_lab.runs.folder import RunFolder

KEPT = 3
"""So many loaded sources stay: going up and down between neighbouring checkpoints loads none of them twice."""
SHARE = 0.25
"""Of the device's free memory that those which nobody asks for may hold."""

log = logging.getLogger(__name__)

_Stamp = tuple[str, int, int, int, int]


@dataclass(frozen=True, eq=False)
class Source:
    """A model to sample from, on its device. `recipe` is the run's; of a pipeline from elsewhere, one over the same
    noise process. `files` hold the weights; `step` is the checkpoint's."""

    model: nn.Module
    recipe: Recipe
    scheduler_config: dict[str, Any]
    weights: str
    step: int | None
    files: tuple[Path, ...]
    sha256: str

    @cached_property
    def sampler_model(self) -> SamplerModel:
        return SamplerModel(self.recipe.model, self.model, sampling_precision(self.recipe, self.device))

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    @property
    def nbytes(self) -> int:
        return sum(weight.numel() * weight.element_size() for weight in self.model.parameters())


class Sources:
    """Loaded sources, the one that was asked for last at the end. A file that was written anew is loaded anew."""

    def __init__(self) -> None:
        self._loaded: dict[tuple[object, ...], Source] = {}

    def get(self, name: str, checkpoint: int | None, device: torch.device) -> Source:
        """`name`: a folder's path, or a run's id or path; `checkpoint`: a run's step, None for its newest."""
        found = _find(name, checkpoint)
        key = (found.stamps, str(device))
        source = self._loaded.pop(key, None)
        if source is None:
            self._make_room(device)
            source = found.load(device)
        self._loaded[key] = source
        return source

    def _make_room(self, device: torch.device) -> None:
        """Let go of the oldest, until few are left and they hold little."""
        while self._loaded:
            there = [source for source in self._loaded.values() if source.device.type == device.type]
            held = sum(source.nbytes for source in there)
            if len(self._loaded) < KEPT and held < SHARE * (held + free_memory(device)):
                return
            self._loaded.pop(next(iter(self._loaded)))


class _Found(NamedTuple):
    stamps: tuple[_Stamp, ...]
    load: Callable[[torch.device], Source]


def _find(name: str, checkpoint: int | None) -> _Found:
    """Where it is, and what tells its files from others that come to lie there later."""
    path = Path(name).expanduser()
    if is_export(path):
        files = sorted(file for kind in ("json", "toml", "safetensors") for file in path.rglob(f"*.{kind}"))
        return _Found(_stamps(files), partial(_load_pipeline, path, files))
    run = RunFolder.open(name)
    while True:
        weights = find_weights(run, checkpoint)
        try:
            return _Found(_stamps([weights.path]), partial(_load_run, weights))
        except FileNotFoundError as error:  # pruned, this moment: then there is a newer one
            if checkpoint is not None or run.find_checkpoint(None) == weights.step:
                raise RunError(f"{weights.path} is gone; name another checkpoint") from error


def _stamps(files: Iterable[Path]) -> tuple[_Stamp, ...]:
    found = ((file, file.stat()) for file in files)
    return tuple((str(file), stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns) for file, stat in found)


def _load_run(weights: Weights, device: torch.device) -> Source:
    model = with_weights(weights.recipe, weights.load())
    process = dict(training_scheduler(weights.recipe.noise_scheduler).config)
    return _ready(model, device, weights.recipe, process, weights.weights, weights.step, [weights.path])


def _load_pipeline(folder: Path, files: list[Path], device: torch.device) -> Source:
    loaded = load_pipeline(folder)
    held = [file for file in files if file.suffix == ".safetensors"]
    return _ready(loaded.model, device, loaded.recipe, loaded.scheduler_config, "pipeline", None, held)


def _ready(
    model: nn.Module,
    device: torch.device,
    recipe: Recipe,
    process: dict[str, Any],
    weights: str,
    step: int | None,
    files: list[Path],
) -> Source:
    model = placed(model, device).eval().requires_grad_(False)
    return Source(model, recipe, process, weights, step, tuple(files), _sha256(model))


def _sha256(model: nn.Module) -> str:
    """Of the weights by their names: equal for equal weights, wherever they came from."""
    told = hashlib.sha256()
    for name, weight in sorted(model.state_dict().items()):
        told.update(name.encode())
        told.update(weight.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return told.hexdigest()


def sampling_precision(recipe: Recipe, device: torch.device) -> Precision:
    """That in which the model was trained, or what this device has in its place."""
    try:
        return resolve_precision(recipe.training.mixed_precision, device)
    except DeviceError:
        return resolve_precision("auto", device)
