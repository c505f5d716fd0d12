"""What part of the training loss each noise level gets."""

from __future__ import annotations

from typing import Protocol

from tui_lab.diffusion.schedules.betas import Float
from tui_lab.diffusion.schedules.levels import levels
from tui_lab.diffusion.schedules.timestep_density import density
from tui_lab.diffusion.schedules.weights import weights
from tui_lab.recipe.schema import Loss, NoiseScheduler


class TrainedRecipe(Protocol):
    """The sections of a recipe that fix what its loss is made of."""

    @property
    def noise_scheduler(self) -> NoiseScheduler: ...
    @property
    def loss(self) -> Loss: ...


def loss_share(recipe: TrainedRecipe) -> Float:
    """density × weight of each level with shape (T,), summing to 1: its share of the loss of a model whose own answer
    is equally wrong everywhere.

    Importance sampling divides its weights by how often it draws, so its share is the one of uniform draws.
    """
    noise, loss = recipe.noise_scheduler, recipe.loss
    share = density(noise, loss) * weights(loss, noise.objective, levels(noise), noise.sigma_data)
    # Only the largest matters to a share; without this, weights of 1e200 would overflow their sum.
    share /= share.max()
    return share / share.sum()
