"""Commands about recipes: recipes, schedule."""

from __future__ import annotations

from typing import Annotated

import typer

from tui_lab.cli.arguments import JsonOption, RecipeArgument, SetOption, assignments
from tui_lab.cli.output import put, put_json, put_table

SHOWN_TIMESTEPS = 9


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
    """What a recipe's noise schedule does to a picture, and what is wrong with it.

    \b
    Example: diffusion-lab schedule pixel-faces-16 --set noise_scheduler.beta_schedule=linear
    """
    from tui_lab.catalog.recipes import find_recipe
    from tui_lab.diffusion import schedules
    from tui_lab.recipe import load_recipe, replaced

    chosen = replaced(load_recipe(find_recipe(recipe)), assignments(set_))
    noise = chosen.noise_scheduler
    betas, alphas, snr = schedules.betas(noise), schedules.alphas_cumprod(noise), schedules.snr(noise)
    remarks = schedules.lint(chosen)
    if json:
        put_json(
            {
                "timesteps": list(range(noise.num_train_timesteps)),
                "betas": betas.tolist(),
                "alphas_cumprod": alphas.tolist(),
                "snr": snr.tolist(),
                "remarks": [{"level": remark.level, "text": remark.text} for remark in remarks],
            }
        )
        return
    log_snr = schedules.log_snr(noise)
    zero = " rescaled to zero terminal SNR" if noise.rescale_betas_zero_snr else ""
    put(f"{noise.beta_schedule}{zero}, T = {noise.num_train_timesteps}, predicts {noise.prediction_type}")
    rows = [
        (str(t), f"{betas[t]:.6f}", f"{alphas[t] ** 0.5:.5f}", f"{(1 - alphas[t]) ** 0.5:.5f}", f"{log_snr[t]:+.2f}")
        for t in schedules.spread_timesteps(noise.num_train_timesteps, SHOWN_TIMESTEPS)
    ]
    headings = ("t", "β", "√ᾱ", "√(1-ᾱ)", "log-SNR")
    put_table(headings, rows, right=headings)
    signs = {"ok": "✓", "warn": "!", "error": "✗"}
    for remark in remarks:
        put(f"{signs[remark.level]} {remark.text}")
