"""What will go wrong with a recipe, said before a step is spent: each remark with its cause and its mend."""

from __future__ import annotations

from tui_lab.diffusion.schedules.levels import levels
from tui_lab.diffusion.schedules.lint_loss import lint_loss
from tui_lab.diffusion.schedules.lint_process import lint_process
from tui_lab.diffusion.schedules.lint_sampling import lint_sampling
from tui_lab.diffusion.schedules.lint_training import lint_training
from tui_lab.diffusion.schedules.remark import Remark
from tui_lab.errors import RecipeError
from tui_lab.recipe.schema import Recipe


def lint(recipe: Recipe, train_images: int | None = None) -> list[Remark]:
    """Remarks on the noise process, the loss, the sampler and the run, errors first; "ok" ones only inform.

    `train_images`: how many images there are to train on, where that is known.
    """
    noise = recipe.noise_scheduler
    try:
        levels(noise)
    except RecipeError as error:  # knobs that are still being edited; there is no schedule to speak of
        key = "sigma_min" if noise.class_name == "EDMEulerScheduler" else "trained_betas"
        return [Remark("error", str(error), f"noise_scheduler.{key}")]
    remarks = [
        *lint_process(noise),
        *lint_loss(recipe),
        *lint_sampling(recipe),
        *lint_training(recipe, train_images),
    ]
    return sorted(remarks, key=lambda remark: ("error", "warn", "ok").index(remark.level))
