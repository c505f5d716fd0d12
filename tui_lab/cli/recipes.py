"""Commands about recipes: recipes, schedule."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tui_lab.cli.arguments import JsonOption, RecipeArgument, SetOption, assignments
from tui_lab.cli.output import put, put_json, put_table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tui_lab.diffusion.schedules import Remark
    from tui_lab.recipe.schema import NoiseScheduler, Recipe

SHOWN_TIMESTEPS = 9
SHOWN_VISITS = 12


def recipes(
    knobs: Annotated[bool, typer.Option("--knobs", help="List all knobs that a recipe has instead.")] = False,
    json: JsonOption = False,
) -> None:
    """List the recipes: those that came with the lab, and your own.

    \b
    Example: diffusion-lab recipes --knobs
    """
    if knobs:
        _knobs(json)
        return
    from tui_lab.catalog.recipes import list_recipes

    found = list_recipes()
    if json:
        put_json(
            [
                {
                    "name": recipe.name,
                    "path": str(recipe.path),
                    "description": recipe.description,
                    "own": recipe.own,
                    "problem": recipe.problem,
                }
                for recipe in found
            ]
        )
        return
    rows = [(recipe.name, "yours" if recipe.own else "", recipe.problem or recipe.description) for recipe in found]
    put_table(("recipe", "", "about"), rows)


def _knobs(json: bool) -> None:
    from tui_lab.recipe import KNOBS

    if json:
        put_json(
            [
                {
                    "key": knob.key,
                    "title": knob.title,
                    "help": knob.help,
                    "kind": knob.kind,
                    "unit": knob.unit,
                    "default": knob.default,
                    "minimum": knob.minimum,
                    "maximum": knob.maximum,
                    "choices": list(knob.choices),
                    "live": knob.live,
                }
                for knob in KNOBS.values()
            ]
        )
        return
    rows = [("●" if knob.live else "○", key, knob.format(knob.default), knob.help) for key, knob in KNOBS.items()]
    put_table(("", "knob", "default", "about"), rows)
    put()
    put("● live: diffusion-lab set RUN K=V while it runs   ○ a new run or a fork: --set K=V")


def schedule(recipe: RecipeArgument, set_: SetOption = None, json: JsonOption = False) -> None:
    """What a recipe's noise process does to a picture, where its sampler goes, and what is wrong with it.

    \b
    Example: diffusion-lab schedule pixel-faces-16 --set noise_scheduler.beta_schedule=linear
    """
    from tui_lab.catalog.recipes import find_recipe
    from tui_lab.diffusion import schedules
    from tui_lab.recipe import load_recipe, replaced

    chosen = replaced(load_recipe(find_recipe(recipe)), assignments(set_))
    remarks = schedules.lint(chosen)
    if json:
        put_json(_schedule_numbers(chosen, remarks))
        return
    _put_schedule(chosen)
    signs = {"ok": "✓", "warn": "!", "error": "✗"}
    for remark in remarks:
        put(f"{signs[remark.level]} {remark.text}")


def _schedule_numbers(recipe: Recipe, remarks: list[Remark]) -> dict[str, Any]:
    """A number a level, cleanest first, but for `visits`, in the order of calls; null for what is not finite."""
    from tui_lab.diffusion import schedules

    noise = recipe.noise_scheduler
    levels, visited = schedules.levels(noise), schedules.visits(recipe)
    numbers: dict[str, Any] = {"timesteps": list(range(noise.num_train_timesteps))}
    if noise.class_name == "DDPMScheduler":
        numbers |= {
            "betas": _finite(schedules.betas(noise)),
            "alphas_cumprod": _finite(schedules.alphas_cumprod(noise)),
        }
    else:
        numbers |= {"betas": None, "alphas_cumprod": None, "told": _finite(levels.timesteps)}
    return numbers | {
        "snr": _finite(levels.snr),
        "log_snr": _finite(levels.log_snr),
        "alpha": _finite(levels.alpha),
        "sigma": _finite(levels.sigma),
        "loss_share": _finite(schedules.loss_share(noise, recipe.loss)),
        "visits": {
            "timesteps": _finite(visited.timesteps),
            "sigma": _finite(visited.sigma),
            "index": _finite(visited.index),
        },
        "remarks": [{"level": remark.level, "text": remark.text, "key": remark.key} for remark in remarks],
    }


def _finite(values: NDArray[np.float64]) -> list[float | None]:
    """As a list, with None in place of ∞, for which JSON has no word."""
    return [value if math.isfinite(value) else None for value in values.tolist()]


def _put_schedule(recipe: Recipe) -> None:
    """The process in a line, a table of some of its levels, and where the sampler calls the model."""
    from tui_lab.diffusion import schedules

    noise, sampling = recipe.noise_scheduler, recipe.sampling
    levels, share = schedules.levels(noise), schedules.loss_share(noise, recipe.loss)
    betas = schedules.betas(noise) if noise.class_name == "DDPMScheduler" else None
    put(f"{_process_words(noise)}, T = {noise.num_train_timesteps}, predicts {noise.objective}")
    rows = []
    for t in schedules.spread_timesteps(noise.num_train_timesteps, SHOWN_TIMESTEPS).tolist():
        alpha, sigma = f"{levels.alpha[t]:.5f}", f"{levels.sigma[t]:.5f}"
        first = f"{betas[t]:.6f}" if betas is not None else f"{levels.timesteps[t]:.4g}"
        # Loss share beside that of even draws and weights: 1 where a level gets what its number gives it.
        rows.append((str(t), first, alpha, sigma, f"{levels.log_snr[t]:+.2f}", f"{share[t] * len(share):.3g}"))
    names = ("β", "√ᾱ", "√(1-ᾱ)") if betas is not None else ("told", "α", "σ")
    headings = ("t", *names, "log-SNR", "loss ×")
    put_table(headings, rows, right=headings)
    index = schedules.visits(recipe).index
    shown = [f"{t:.4g}" for t in index.tolist()]
    middle = ["…"] if len(shown) > SHOWN_VISITS else []
    ends = [*shown[: SHOWN_VISITS // 2], *middle, *shown[-SHOWN_VISITS // 2 :]] if middle else shown
    put(f"{sampling.scheduler} calls the model {len(index)} times, at t = {' '.join(ends)}")


def _process_words(noise: NoiseScheduler) -> str:
    match noise.class_name:
        case "DDPMScheduler":
            name = "custom betas" if noise.trained_betas else noise.beta_schedule
            return name + (" rescaled to zero terminal SNR" if noise.rescale_betas_zero_snr else "")
        case "FlowMatchEulerDiscreteScheduler":
            return f"flow matching, shift {noise.shift:g}"
        case "EDMEulerScheduler":
            return f"EDM, σ {noise.sigma_min:g} to {noise.sigma_max:g}"
        case "UniformMixing":
            return "uniform mixing"
