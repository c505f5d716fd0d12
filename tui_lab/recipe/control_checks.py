"""What of a denoising's control its sampler and its size allow; a class or a file is checked where it is read."""

from __future__ import annotations

from tui_lab.catalog.samplers import SAMPLERS
from tui_lab.errors import RecipeError
from tui_lab.recipe.denoising import ClassLabel, Denoising, Mask
from tui_lab.recipe.schema import KNOBS, Recipe, Sampling
from tui_lab.sanitize import clean


def check_control(asked: Denoising, recipe: Recipe) -> None:
    """`recipe`: with the knobs of `asked`. Raises RecipeError, with the way out, for what cannot be."""
    start = asked.start
    if start.kind == "inversion":
        _check_inversion(recipe.sampling)
    elif start.kind == "image" and start.strength < 1.0 and SAMPLERS[recipe.sampling.scheduler].only_from_noise:
        short = SAMPLERS[recipe.sampling.scheduler].short
        raise RecipeError(f"start: {short} can only begin at noise, strength 1; take DDIM or DPM-Solver++ for less")
    if asked.keep is not None:
        _check_mask(asked.keep, recipe.dataset.size)
    if asked.between is not None and asked.variation is not None:
        raise RecipeError("between: a row is no variation of one picture; take one of the two")
    if asked.between is not None and asked.between.kind == "seeds":
        _check_seed(asked.between.to)


def _check_inversion(sampling: Sampling) -> None:
    """It goes back the way of a sampler that calls the model once at each level, and adds no noise of its own."""
    info = SAMPLERS[sampling.scheduler]
    if info.uses_eta and sampling.eta > 0.0:
        raise RecipeError(
            f"start: {info.short} with eta {sampling.eta:g} adds noise, and has no inversion; set eta to 0"
        )
    if info.stochastic or info.calls_per_step > 1 or info.only_from_noise:
        why = "adds noise on its way" if info.stochastic else "asks the model between its levels"
        way_out = "take DDIM, Euler or DPM-Solver++, for a flow flow Euler, for EDM EDM Euler"
        raise RecipeError(f"start: {info.short} {why}, and has no inversion; {way_out}")


def _check_mask(mask: Mask, size: tuple[int, int]) -> None:
    """`size`: (height, width) of the pictures."""
    if (mask.height, mask.width) != size:
        drawn, painted = f"{size[1]}×{size[0]}", f"{mask.width}×{mask.height}"
        raise RecipeError(f"keep: the mask is of {painted} pixels, and the pictures are of {drawn}; paint it anew")
    if mask.kept == 0:
        raise RecipeError("keep: the mask keeps no pixel; keep some, or leave the mask out")
    if mask.kept == mask.height * mask.width:
        raise RecipeError("keep: the mask keeps every pixel, and nothing is left to draw; clear some of it")


def _check_seed(seed: ClassLabel) -> None:
    knob = KNOBS["sampling.seed"]
    if not isinstance(seed, int) or not 0 <= seed <= (knob.maximum or 0):
        raise RecipeError(f"between.to is a seed, {knob.bounds}; not {clean(str(seed), 40)!r}")
