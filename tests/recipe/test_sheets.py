"""What stands in the cells of a sheet, and why some stay empty."""

from __future__ import annotations

import pytest

from tui_lab.catalog.samplers import SAMPLERS, misfits
from tui_lab.errors import RecipeError
from tui_lab.recipe import Recipe, edited
from tui_lab.recipe.denoising import Denoising
from tui_lab.recipe.sheets import (
    SHEET_KNOBS,
    STEP_COUNTS,
    Axis,
    default_axis,
    idle_knobs,
    knob_sheet,
    parse_axis,
    sampler_sheet,
)

BASE = Denoising(source="amber-heron", checkpoint=750, knobs={"seed": 7})
COSINE = edited(Recipe(), {"noise_scheduler.beta_schedule": "squaredcos_cap_v2"})
FLOW = edited(
    Recipe(),
    {
        "noise_scheduler.class": "FlowMatchEulerDiscreteScheduler",
        "sampling.scheduler": "FlowMatchEulerDiscreteScheduler",
    },
)


def test_how_low_can_you_go_is_every_fitting_sampler_by_step_counts() -> None:
    sheet = sampler_sheet(BASE, Recipe())
    assert set(sheet.down.values) == {name for name, info in SAMPLERS.items() if "DDPMScheduler" in info.over}
    assert sheet.across.values == STEP_COUNTS
    for sampler, row in zip(sheet.down.values, sheet.rows, strict=True):
        for count, cell in zip(sheet.across.values, row, strict=True):
            assert cell.asked.knobs == {"seed": 7, "scheduler": sampler, "num_inference_steps": count}
            assert (cell.asked.source, cell.asked.checkpoint) == ("amber-heron", 750)


def test_a_cell_that_cannot_be_says_why() -> None:
    sheet = sampler_sheet(BASE, COSINE)
    reasons = {
        (sampler, count): cell.reason
        for sampler, row in zip(sheet.down.values, sheet.rows, strict=True)
        for count, cell in zip(sheet.across.values, row, strict=True)
    }
    assert reasons["PNDMScheduler", 2] == "PNDM takes at least 4 steps"
    assert reasons["PNDMScheduler", 5] == ""
    assert "breaks at the steep end" in reasons["KDPM2AncestralDiscreteScheduler", 10]
    few = edited(Recipe(), {"noise_scheduler.num_train_timesteps": 20, "sampling.num_inference_steps": 5})
    solver = Axis("scheduler", ("DPMSolverMultistepScheduler",))
    (row,) = knob_sheet(BASE, few, solver, Axis("num_inference_steps", (19, 20, 21))).rows
    assert row[0].reason == ""
    assert row[1].reason == "DPM-Solver++ takes at most 19 steps of 20 timesteps"
    assert "more than the 20 timesteps" in row[2].reason


def test_what_does_not_fit_the_objective_is_no_row_and_has_its_reason() -> None:
    assert "DDIMScheduler" not in sampler_sheet(BASE, FLOW).down.values
    barred = misfits(FLOW)
    assert barred["DDIMScheduler"] == "DDIM does not sample flow matching"
    assert "LCMScheduler" in barred and "FlowMatchEulerDiscreteScheduler" not in barred


def test_a_knob_that_changes_nothing_in_a_row_is_drawn_once() -> None:
    samplers = Axis("scheduler", ("DDIMScheduler", "EulerDiscreteScheduler"))
    ddim, euler = knob_sheet(BASE, Recipe(), samplers, Axis("eta", (0.0, 0.5, 1.0))).rows
    assert [cell.reason for cell in ddim] == ["", "", ""]
    assert [bool(cell.reason) for cell in euler] == [False, True, True]
    assert euler[1].reason == "as the first: eta changes nothing with Euler"


@pytest.mark.parametrize("name", SHEET_KNOBS)
def test_every_axis_begins_with_values_that_can_be_typed_again(name: str) -> None:
    axis = default_axis(name, BASE, Recipe())
    assert 2 <= len(axis.values) == len(set(axis.values))
    assert parse_axis(name, axis.text) == axis


def test_default_steps_go_by_what_the_sampler_needs_and_what_the_process_has() -> None:
    slow = BASE.turned(scheduler="DDPMScheduler")
    assert default_axis("num_inference_steps", slow, Recipe()).values == (40, 100, 200, 400, 1000)
    short = edited(Recipe(), {"noise_scheduler.num_train_timesteps": 100})
    assert default_axis("num_inference_steps", slow, short).values == (40, 100)
    assert default_axis("seed", BASE, Recipe()).values == (7, 8, 9, 10, 11)


def test_typed_axes_take_short_names_and_say_what_is_wrong() -> None:
    assert parse_axis("scheduler", "ddim, Euler").values == ("DDIMScheduler", "EulerDiscreteScheduler")
    assert parse_axis("num_inference_steps", "5, 5, 1").values == (5, 1)
    for name, text, words in (
        ("eta", "7", "0 to 1"),
        ("num_inference_steps", "0", "1 to 1000"),
        ("num_inference_steps", "1000000", "1 to 1000"),
        ("guidance_scale", "nan", "0 to 100"),
        ("seed", " , ", "at least one"),
        ("seed", ",".join(map(str, range(25))), "more than"),
    ):
        with pytest.raises(RecipeError, match=words):
            parse_axis(name, text)
    with pytest.raises(RecipeError, match="two knobs"):
        knob_sheet(BASE, Recipe(), Axis("eta", (0.0,)), Axis("eta", (1.0,)))


def test_knobs_that_change_nothing_with_a_model_are_told() -> None:
    assert "guidance_scale" in idle_knobs(BASE, Recipe()) and "eta" not in idle_knobs(BASE, Recipe())
    of_classes = edited(Recipe(), {"model.num_class_embeds": 11, "loss.class_dropout": 0.1})
    assert "guidance_scale" not in idle_knobs(BASE, of_classes)
    assert "eta" in idle_knobs(BASE, FLOW)
