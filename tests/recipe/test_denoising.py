"""A denoising as plain values: what it asks of its fields, and when two of them draw the same."""

from __future__ import annotations

import json

import pytest

from tui_lab.errors import RecipeError
from tui_lab.recipe import Recipe
from tui_lab.recipe.denoising import DRAWING_KNOBS, Denoising, Mask, parse_denoising


def test_it_survives_json() -> None:
    asked = parse_denoising(
        {
            "source": "amber-heron",
            "checkpoint": 500,
            "knobs": {"seed": 3, "scheduler": "DDIMScheduler"},
            "class_labels": ["hat", 2],
            "start": {"kind": "image", "image": {"kind": "data", "index": 17}, "strength": 0.5},
            "keep": {"height": 2, "width": 3, "runs": [1, 5]},
            "pull": {"kind": "colour", "colour": [255, 0, 0]},
        }
    )
    again = parse_denoising(json.loads(json.dumps(asked.to_json())))
    assert again == asked and again.key() == asked.key()
    assert again.keep is not None and again.keep.kept == 5


def test_what_draws_the_same_has_one_key() -> None:
    asked = Denoising(source="a", knobs={"seed": 1, "eta": 0.5})
    assert asked.key() == Denoising(source="a", knobs={"eta": 0.5, "seed": 1}, place=3).key()
    assert asked.key() != asked.turned(seed=2).key()


def test_the_knobs_are_those_of_the_recipe() -> None:
    asked = Denoising(source="a", checkpoint=None).turned(num_inference_steps=7)
    recipe = asked.recipe_of(Recipe())
    assert recipe.sampling.num_inference_steps == 7
    resolved = asked.resolved(recipe, 500)
    assert set(resolved.knobs) == set(DRAWING_KNOBS) and resolved.checkpoint == 500
    with pytest.raises(RecipeError, match="num_inference_steps"):
        asked.turned(num_inference_steps=0).recipe_of(Recipe())
    with pytest.raises(RecipeError, match="guidance_scale"):
        asked.turned(guidance_scale=float("nan")).recipe_of(Recipe())


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"knobs": {"every_steps": 5}}, "'every_steps' is no knob"),
        ({"start": {"kind": "image"}}, "start: a start from an image needs an image"),
        ({"start": {"kind": "noise", "strength": 1.5}}, "start.strength: "),
        ({"keep": {"height": 2, "width": 2, "runs": [4]}}, "a mask needs an image"),
        ({"keep": {"height": 2, "width": 2, "runs": [3]}}, "the mask has 3 pixels, not 2×2"),
        ({"pull": {"kind": "likeness"}}, "needs an image"),
        ({"pull": {"kind": "file"}}, "needs its path"),
        ({"checkpoint": -1}, "checkpoint: "),
        ({"colour": 1}, "colour: "),
    ],
)
def test_what_cannot_be_meant_is_one_line(fields: dict[str, object], said: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_denoising({"source": "a", **fields})
    assert said in caught.value.message and "\n" not in caught.value.message


def test_a_mask_counts_what_stays() -> None:
    assert Mask(height=1, width=4, runs=(0, 4)).kept == 4
    assert Mask(height=1, width=4, runs=(4,)).kept == 0
