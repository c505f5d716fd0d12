"""What the theatre says, and where it puts it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.drawer import IMAGES, ORIGIN, STEPS, picture
from tui_lab.diffusion import schedules
from tui_lab.recipe import Recipe
from tui_lab.recipe.denoising import Between, Denoising, ImageRef, Mask, Pull, Start
from tui_lab.tui.denoising_choice import beside
from tui_lab.tui.pane_choice import SETS, next_panes, panes_for, panes_of
from tui_lab.tui.pane_layout import arrange, page_of
from tui_lab.tui.theatre_words import error_words, knob_words, source_words, state_words
from tui_lab.tui.widgets.schedule_position import positions
from tui_lab.tui.widgets.scrub_bar import cell_of
from tui_lab.tui.widgets.theatre_stage import in_columns, readings
from tui_lab.workbench.answers import DenoisedStep
from tui_lab.workbench.cell import Cell, Level

ASKED = Denoising(source="heron", checkpoint=750)


def test_a_name_from_outside_is_said_without_escapes() -> None:
    assert "\x1b" not in source_words(Denoising(source="/tmp/\x1b[31mred/"))
    assert (
        source_words(ASKED) == "heron @ 750" and source_words(ASKED.changed(checkpoint=None), live=True) == "heron now"
    )


def test_a_state_says_what_to_press() -> None:
    cell = Cell(ASKED)
    assert "turn" in state_words(cell)
    cell.begin(STEPS, ("x_t",), picture(ASKED, 0)[:1], 1 << 20)
    cell.add(Level(0, 1.0, 1.0, 1.0, 1.0), picture(ASKED, 0)[:1])
    cell.state = "drawing"
    assert state_words(cell) == "drawing 1/6 (esc stops)"
    cell.rest("stopped")
    assert "space draws it" in state_words(cell)
    cell.rest("failed", "no such thing")
    assert state_words(cell) == "no such thing"
    cell.rest("done")
    assert state_words(cell) == ""


def test_what_a_person_should_know_of_the_memory_and_of_a_busy_processor_is_said() -> None:
    cell, pixels = Cell(ASKED), picture(ASKED, 0)[:1]
    word = "drawn at the lowest priority: egret trains on this CPU"
    step = DenoisedStep(cell.asked, ORIGIN, 0, 2, 1.0, 1.0, 1.0, 1.0, ("x_t",), pixels, IMAGES, word)
    cell.hear(step, 1 << 20)
    cell.state = "drawing"
    assert state_words(cell) == f"drawing 1/2 (esc stops), {word}"
    assert "memory" not in dict(readings(cell, 0, None))
    cell.hear(replace(step, index=1, at_once=IMAGES // 2), 1 << 20)
    assert dict(readings(cell, 1, None))["memory"] == "full: 2 at a time"


def test_how_well_an_inversion_came_back_is_said_once_it_is_whole() -> None:
    cell = Cell(ASKED.changed(start=Start(kind="inversion", image=ImageRef(kind="data", index=3))))
    assert error_words(cell) == ""
    for index in (0, 1):
        pixels = picture(ASKED, index)[:1]
        rmse = 0.01 if index else None
        cell.hear(
            DenoisedStep(cell.asked, ORIGIN, index, 2, 1.0, 1.0, 1.0, 1.0, ("x_t",), pixels, 4, "", rmse), 1 << 20
        )
    assert error_words(cell) == "RMSE 0.0100, 40.0 dB"
    assert ("redrawn", "RMSE 0.0100, 40.0 dB") in readings(cell, 1, None)
    assert ("from", "inversion") in readings(cell, 1, None)


def test_what_steers_a_denoising_is_said() -> None:
    image = ImageRef(kind="data", index=3)
    asked = Denoising(
        source="heron",
        knobs={"seed": 4, "scheduler": "DDIMScheduler", "num_inference_steps": 20, "eta": 0.5, "guidance_scale": 3.0},
        class_labels=("hat", 2),
        negative_class=1,
        start=Start(kind="image", image=image, strength=0.4),
        keep=Mask(height=2, width=2, runs=(1, 3)),
        pull=Pull(kind="brightness"),
        between=Between(kind="seeds", to=9),
    )
    assert knob_words(asked) == [
        ("seed", "4"),
        ("sampler", "DDIM 20"),
        ("η", "0.5"),
        ("guidance", "3"),
        ("class", "hat, 2"),
        ("not", "1"),
        ("from", "image 0.4"),
        ("kept", "75%"),
        ("pull", "brightness 40"),
        ("to", "9"),
    ]


def test_readings_take_another_column_where_the_lines_are_full() -> None:
    rows = [("step", "1/20"), ("t", "999"), ("σ", "1")]
    assert str(in_columns(rows, 2)).split("\n") == ["step  1/20   σ  1", "t     999       "]
    assert str(in_columns(rows, 9)).count("\n") == 2


@pytest.mark.parametrize(
    ("step", "by", "found"), [(200, 1, 300), (200, -1, 100), (150, 1, 200), (300, 1, None), (50, -1, None)]
)
def test_the_next_checkpoint_also_of_one_that_is_gone(step: int, by: int, found: int | None) -> None:
    assert beside((100, 200, 300), step, by) == found


def test_panes_go_round_and_stay_where_the_terminal_lets_them() -> None:
    for layout, choices in SETS.items():
        now, seen = panes_for(layout, ""), []
        for _ in choices:
            seen.append(now)
            now = next_panes(layout, now)
        assert tuple(seen) == choices and now == choices[0]
    assert panes_for("wide", "x0") == "x0" and panes_for("narrow", "x_t x0") == "x_t"
    assert panes_of("x_t change", ("x_t", "change", "pull")) == ["x_t", "pull"]
    assert panes_of("x_t eps", ("x_t", "x0")) == ["x_t"]


def test_panes_are_laid_out_so_that_pictures_get_large() -> None:
    assert arrange(4, 16, 16, 16, 150, 56).columns == 2
    assert arrange(2, 16, 16, 16, 118, 28).columns == 2
    assert arrange(2, 1, 16, 16, 40, 60).columns == 1
    assert arrange(1, 64, 64, 64, 50, 20).shown >= 4  # reduced, but not to one alone
    assert page_of(7, 16, 6) == slice(6, 12) and page_of(15, 16, 6) == slice(12, 16)


@pytest.mark.parametrize("noise", ["DDPMScheduler", "FlowMatchEulerDiscreteScheduler", "EDMEulerScheduler"])
def test_a_step_stands_on_the_curve_where_its_noise_is(noise: str) -> None:
    section = Recipe().noise_scheduler.model_copy(update={"class_name": noise})
    levels = schedules.levels(section)
    asked = [
        Level(0, 0.0, float(levels.alpha[at]), float(levels.sigma[at]), 0.0) for at in (len(levels.alpha) - 1, 500, 3)
    ]
    assert np.allclose(positions(section, asked), [len(levels.alpha) - 1, 500, 3], atol=1e-6)


def test_pure_noise_stands_at_the_end_of_the_curve() -> None:
    assert positions(Recipe().noise_scheduler, [Level(0, 999.0, 0.0, 1.0, 0.0)]).tolist() == [999.0]


def test_the_bar_reaches_from_the_first_cell_to_the_last() -> None:
    assert [cell_of(place, 50, 80) for place in (-1, 0, 49)] == [-1, 0, 79]
