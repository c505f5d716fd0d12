"""The course's five steps on one batch: clean pictures, noise, both mixed, what the model predicts, its error."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tui_lab import models
from tui_lab.data import load_images
from tui_lab.diffusion.forward import over, to_uint8
from tui_lab.diffusion.objective import loss_per_sample, predicted_x0, target
from tui_lab.diffusion.process import noise_process
from tui_lab.engine.batches import training_batch
from tui_lab.engine.learner import fresh_model
from tui_lab.models.base import load_base
from tui_lab.models.checkpoints import find_weights, run_and_step
from tui_lab.models.export import with_weights
from tui_lab.recipe import Recipe
from tui_lab.runs.folder import RunFolder
from tui_lab.workbench.client import OneBatch

PICTURES = 8


@torch.no_grad()
def five_steps(recipe: Recipe, source: str, seed: int) -> OneBatch:
    """`seed` is the training step whose pictures are taken, and seeds the noise. The noise levels are even from the
    least to the most. `source`: "" for the recipe's model with the weights that training would begin with, or a run or
    run@step for its model on its own data."""
    if source:
        name, step = run_and_step(source)
        found = find_weights(RunFolder.open(name), step)
        recipe, model = found.recipe, with_weights(found.recipe, found.load())
        weights, at = str(found.weights), found.step
    else:
        model, weights, at = _untrained(recipe), "base" if recipe.model.base_checkpoint else "fresh", None
    made = training_batch(recipe, load_images(recipe.dataset), torch.device("cpu"), seed)
    x0 = made.x0[:PICTURES]
    labels = None if made.labels is None else made.labels[:PICTURES]
    process = noise_process(recipe.noise_scheduler)
    levels = process.levels(torch.linspace(0, process.T - 1, len(x0)).round().long())
    noise = process.noise(tuple(x0.shape), torch.Generator().manual_seed(seed), "cpu")
    x_t = process.corrupt(x0, noise, levels)
    said = models.answer(recipe.model, model, process.model_input(x_t, levels), levels.t, labels)
    foreseen = predicted_x0(process, said, x_t, levels).clamp(-1.0, 1.0)
    losses = loss_per_sample(recipe.loss, said, target(process, x0, noise, levels))
    loud = (levels.alpha**2 + levels.sigma**2).sqrt().clamp(min=1.0)  # EDM's x_t is far out of a picture's range
    rows = torch.stack([x0, noise, x_t / over(loud, x_t), foreseen, _error(foreseen, x0)])
    pixels = to_uint8(rows).permute(0, 1, 3, 4, 2).contiguous().numpy()
    return OneBatch(tuple(levels.t.tolist()), tuple(losses.tolist()), pixels, weights, at)


def _untrained(recipe: Recipe) -> nn.Module:
    """As a run of this recipe begins."""
    model = fresh_model(recipe)
    if recipe.model.base_checkpoint:
        model.load_state_dict(load_base(recipe))
    return model.eval()


def _error(foreseen: Tensor, x0: Tensor) -> Tensor:
    """|error|, meaned over channels, from 0 to 2 as -1 to 1 in all of them; an alpha channel is opaque."""
    error = (foreseen - x0).abs().mean(dim=1, keepdim=True) - 1.0
    shown = error.expand_as(x0).clone()
    if x0.shape[1] == 4:
        shown[:, 3] = 1.0
    return shown
