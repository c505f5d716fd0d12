"""What part of the training loss each noise level gets."""

from __future__ import annotations

from tui_lab.diffusion.schedules.betas import Float
from tui_lab.diffusion.schedules.levels import levels
from tui_lab.diffusion.schedules.timestep_density import density
from tui_lab.diffusion.schedules.weights import weights
from tui_lab.recipe.schema import Loss, NoiseScheduler


def loss_share(noise: NoiseScheduler, loss: Loss) -> Float:
    """density × weight of each level with shape (T,), summing to 1: its share of the loss of a model whose own answer
    is equally wrong everywhere.

    Importance sampling divides its weights by how often it draws, so its share is the one of uniform draws.
    """
    share = density(noise, loss) * weights(loss, noise.objective, levels(noise), noise.sigma_data)
    # Only the largest matters to a share; without this, weights of 1e200 would overflow their sum.
    share /= share.max()
    return share / share.sum()
