"""The rows of a form over a denoising: what they show, and where turning them leads."""

from __future__ import annotations

from pathlib import Path

import pytest

from tui_lab.catalog.samplers import DDPM, SAMPLERS
from tui_lab.errors import RecipeError
from tui_lab.recipe import Recipe, dump_recipe, edited
from tui_lab.recipe.denoising import Denoising
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.source_recipe import source_recipe
from tui_lab.tui.denoising_rows import nudged, over, rows_of, typed

BASE = Denoising(source="heron", checkpoint=200)


@pytest.fixture
def heron(lab_home: Path) -> RunFolder:
    run = RunFolder.create(dump_recipe(Recipe()), name="heron")
    for step in (100, 200, 300):
        run.checkpoint(step).mkdir(parents=True)
    return run


def test_rows_show_what_is_drawn_with_and_grey_what_changes_nothing(heron: RunFolder) -> None:
    rows = {row.key: row for row in rows_of(BASE.turned(seed=5), Recipe())}
    assert (rows["source"].value, rows["checkpoint"].value, rows["seed"].value) == ("heron", "200", "5")
    assert rows["scheduler"].value == "DPM-Solver++" and not rows["scheduler"].idle
    assert rows["eta"].idle == "DPM-Solver++ has none: it is DDIM's"
    assert rows["guidance_scale"].idle == "this model knows no classes"
    ddim = {row.key: row for row in rows_of(BASE.turned(scheduler="DDIMScheduler"), Recipe())}
    assert not ddim["eta"].idle


def test_the_sampler_is_turned_through_those_that_can_draw_it(heron: RunFolder) -> None:
    asked, met = BASE, []
    for _ in SAMPLERS:
        turned = nudged(asked, Recipe(), "scheduler", 1)
        assert turned is not None
        asked = turned
        met.append(asked.knobs["scheduler"])
    assert set(met) == {name for name, info in SAMPLERS.items() if DDPM in info.over}


def test_a_nudge_goes_over_values_that_cannot_be_drawn(heron: RunFolder) -> None:
    pndm = BASE.turned(scheduler="PNDMScheduler", num_inference_steps=4)
    assert nudged(pndm, Recipe(), "num_inference_steps", -1) is None
    up = nudged(pndm, Recipe(), "num_inference_steps", 1)
    assert up is not None and up.knobs["num_inference_steps"] == 5
    spaced = nudged(
        BASE.turned(scheduler="DDIMScheduler", timestep_spacing="trailing"), Recipe(), "timestep_spacing", 1
    )
    assert spaced is not None and spaced.knobs["timestep_spacing"] == "auto"  # DDIM knows no linspace


def test_checkpoints_are_those_that_there_are(heron: RunFolder) -> None:
    later = nudged(BASE, Recipe(), "checkpoint", 1)
    assert later is not None and later.checkpoint == 300
    assert nudged(later, Recipe(), "checkpoint", 1) is None


def test_a_class_is_one_of_those_that_the_model_knows_or_each_in_turn(heron: RunFolder) -> None:
    plain = next(row for row in rows_of(BASE, Recipe()) if row.key == "class")
    assert plain.idle == "this model knows no classes"
    three = edited(Recipe(), {"model.num_class_embeds": 4, "loss.class_dropout": 0.1, "dataset.name": "owner/gone"})
    asked, met = BASE, []
    for _ in range(4):
        met.append(next(row.value for row in rows_of(asked, three) if row.key == "class"))
        turned = nudged(asked, three, "class", 1)
        assert turned is not None
        asked = turned
    assert met == ["each in turn", "0", "1", "2"] and asked == BASE


def test_a_typed_value_is_checked_against_the_whole(heron: RunFolder) -> None:
    assert typed(BASE, Recipe(), "num_inference_steps", "7").knobs["num_inference_steps"] == 7
    for key, text, words in (
        ("num_inference_steps", "0", "1 to 1000"),
        ("num_inference_steps", "1000000", "1 to 1000"),
        ("eta", "nan", "0 to 1"),
        ("seed", "x", "whole number"),
    ):
        with pytest.raises(RecipeError, match=words):
            typed(BASE, Recipe(), key, text)


def test_another_model_keeps_what_fits_it() -> None:
    wren = Denoising(source="wren", checkpoint=50)
    asked = BASE.turned(scheduler="DDIMScheduler", seed=9)
    assert over(asked, wren, Recipe()) == asked.changed(source="wren", checkpoint=50)
    flow = edited(
        Recipe(),
        {
            "noise_scheduler.class": "FlowMatchEulerDiscreteScheduler",
            "sampling.scheduler": "FlowMatchEulerDiscreteScheduler",
        },
    )
    mended = over(asked, wren, flow)
    assert mended.knobs["seed"] == 9 and mended.knobs["scheduler"] == "DPMSolverMultistepScheduler"
    assert over(asked.changed(class_labels=(3,)), wren, Recipe()) == over(asked, wren, Recipe())


def test_over_texts_only_the_knobs_stay_and_from_there_no_prompt(heron: RunFolder, text_folder: Path) -> None:
    texts = Denoising(source=str(text_folder), prompt="a hat", negative_prompt="glasses")
    recipe = source_recipe(str(text_folder))
    asked = BASE.turned(seed=5).changed(class_labels=(1,), pull={"kind": "symmetry"})
    assert over(asked, Denoising(source=str(text_folder)), recipe) == Denoising(
        source=str(text_folder), knobs={"seed": 5}
    )
    assert over(texts, BASE, Recipe()) == BASE
    row = next(row for row in rows_of(texts, recipe) if row.key == "class")
    assert (row.title, row.value) == ("prompt", "a hat") and "k on the panes" in row.idle
