"""The Schedule panel, by its keys."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from tests.tui.conftest import Opened, told, until
from tui_lab.diffusion import schedules
from tui_lab.recipe import KNOBS
from tui_lab.tui.screens.ask import Choose
from tui_lab.tui.screens.lab import LabScreen
from tui_lab.tui.widgets.knob_list import KnobList
from tui_lab.tui.widgets.line_chart import LineChart
from tui_lab.tui.widgets.pixel_view import PixelView
from tui_lab.tui.widgets.remark_list import RemarkList
from tui_lab.tui.widgets.schedule_panel import SchedulePanel, elided_middle
from tui_lab.tui.widgets.schedule_pictures import SchedulePictures, rows_for

SIZES = [(80, 24), (120, 40), (200, 60)]


def chart(lab: LabScreen) -> LineChart:
    return lab.query_one("#schedule-curves", LineChart)


def names(lab: LabScreen) -> list[str]:
    return [one.name for one in chart(lab).series]


def words(lab: LabScreen) -> str:
    return str(lab.query_one("#schedule-words", Static).visual)


def shown(lab: LabScreen, view: str) -> int:
    """Pictures of a view that are in sight."""
    found = lab.query_one(f"#schedule-{view}", PixelView)
    return found.shown if found.size.height else 0


async def standing(lab: LabScreen, pilot: Pilot[Any]) -> None:
    """The panel in focus, with a picture in its strip."""
    await pilot.press("2")
    await until(pilot, lambda: shown(lab, "strip"))


@pytest.mark.parametrize("size", SIZES)
async def test_g_goes_through_the_sets_of_curves(open_lab: Opened, size: tuple[int, int]) -> None:
    async with open_lab(size) as (lab, pilot):
        await pilot.press("2")
        seen = [names(lab)]
        for _ in range(5):
            await pilot.press("g")
            await pilot.pause()
            seen.append(names(lab))
        assert seen[:3] == [["√ᾱ", "√(1-ᾱ)", "log-SNR"], ["ᾱ", "β"], ["SNR", "σ/α"]]
        assert seen[4][0] == "loss share" and seen[5] == seen[0]
        await pilot.press("G")
        await pilot.pause()
        assert names(lab)[0] == "loss share"
        assert "loss share" in str(lab.query_one(SchedulePanel).border_title)


async def test_both_axes_are_linear_or_logarithmic(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        await pilot.press("2", "g", "g")
        assert chart(lab).log_y  # SNR spans decades
        await pilot.press("l", "L")
        await pilot.pause()
        assert not chart(lab).log_y and chart(lab).log_x
        assert "log t" in str(lab.query_one(SchedulePanel).border_title)
        await pilot.press("g", "G", "L")
        assert not chart(lab).log_y and not chart(lab).log_x  # as it was left


@pytest.mark.parametrize("size", SIZES)
async def test_the_brush_shows_what_is_in_one_noisy_picture(open_lab: Opened, size: tuple[int, int]) -> None:
    async with open_lab(size) as (lab, pilot):
        await standing(lab, pilot)
        await pilot.press("left")
        await until(pilot, lambda: shown(lab, "brush") == 4)
        await pilot.press("escape")
        await until(pilot, lambda: shown(lab, "strip") and not shown(lab, "brush"))


async def test_the_brush_reads_exact_values_a_timestep_at_a_time(open_lab: Opened) -> None:
    async with open_lab((80, 24)) as (lab, pilot):
        await standing(lab, pilot)
        await pilot.press("left", "comma", "comma", "comma", "full_stop")
        await pilot.pause()
        assert lab.query_one(SchedulePanel).level == 997
        alpha = schedules.levels(lab.draft.recipe.noise_scheduler).alpha[997]
        assert "t 997" in words(lab) and f"√ᾱ {alpha:.4g}" in words(lab)
        await pilot.press("L")
        await pilot.pause()
        assert lab.query_one(SchedulePanel).level == 997  # the brush stays on its timestep


async def test_the_brush_stays_while_a_knob_turns(open_lab: Opened) -> None:
    async with open_lab((200, 60)) as (lab, pilot):
        await standing(lab, pilot)
        await pilot.press("left")
        before = words(lab)
        lab.turn(KNOBS["noise_scheduler.beta_schedule"], "linear")
        await pilot.pause()
        assert lab.query_one(SchedulePanel).level == 999 and words(lab) != before


async def test_the_curve_from_before_a_knob_was_touched_is_drawn_behind(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        await pilot.press("2")
        lab.turn(KNOBS["noise_scheduler.beta_schedule"], "linear")
        await pilot.pause()
        assert names(lab)[-1] == "before"
        await pilot.press("h")
        await pilot.pause()
        assert "before" not in names(lab)


async def test_a_pinned_schedule_is_compared_with_until_it_is_taken_away(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        await pilot.press("2", "h", "K")
        await until(pilot, lambda: told(lab, "k pins the present one"))
        await pilot.press("k")
        lab.turn(KNOBS["noise_scheduler.beta_schedule"], "linear")
        await pilot.pause()
        assert names(lab)[-1].startswith("cosine")
        await pilot.press("K")
        await until(pilot, lambda: isinstance(lab.app.screen, Choose))
        await pilot.press("enter")
        await until(pilot, lambda: not any(name.startswith("cosine") for name in names(lab)))


async def test_where_the_sampler_calls_follows_its_knobs(open_lab: Opened) -> None:
    async with open_lab((80, 24)) as (lab, pilot):
        await pilot.press("2")
        await pilot.pause()
        assert chart(lab).rug == tuple(schedules.visits(lab.draft.recipe).index)
        assert "DPM-Solver++, 20 calls at t = 999 949" in words(lab)
        lab.turn(KNOBS["sampling.num_inference_steps"], 5)
        await pilot.pause()
        assert len(chart(lab).rug) == 5 and "5 calls" in words(lab)
        await pilot.press("y")
        assert chart(lab).rug == ()


async def test_a_sampler_that_does_not_fit_draws_no_ticks(open_lab: Opened) -> None:
    async with open_lab((80, 24)) as (lab, pilot):
        await pilot.press("2")
        lab.turn_all({"noise_scheduler.class": "EDMEulerScheduler", "sampling.scheduler": "DDIMScheduler"})
        await pilot.pause()
        assert chart(lab).rug == () and names(lab)[0] == "1/√(1+σ²)"


async def test_another_of_ones_own_pictures_and_more_timesteps(open_lab: Opened) -> None:
    async with open_lab((200, 60)) as (lab, pilot):
        await standing(lab, pilot)
        pictures = lab.query_one(SchedulePictures)
        assert pictures.picture is not None
        first = pictures.picture.copy()
        await pilot.press("i")
        assert not np.array_equal(pictures.picture, first)
        await pilot.press("I")
        assert np.array_equal(pictures.picture, first)
        await pilot.press("minus", "minus")
        await until(pilot, lambda: shown(lab, "strip") == 6)
        clipped = lab.query_one("#schedule-strip", PixelView)._images
        await pilot.press("e")
        unclipped = lab.query_one("#schedule-strip", PixelView)._images
        assert clipped is not None and unclipped is not None
        # Unclipped, no more than the largest values of a noisy picture reach the ends of the scale.
        ends = [((one[-1] == 0) | (one[-1] == 255)).mean() for one in (clipped, unclipped)]
        assert ends[0] > 0.2 > 0.01 > ends[1]


async def test_a_remark_leads_to_its_knob(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        lab.turn_all({"noise_scheduler.beta_schedule": "linear", "noise_scheduler.beta_end": 0.002})
        await pilot.press("2")
        remark = lab.query_one(RemarkList).chosen
        assert remark is not None and remark.level == "warn" and remark.key
        await pilot.press("j")
        await until(pilot, lambda: lab.panel == "recipe")
        assert lab.query_one(KnobList).chosen == remark.key and lab.query_one(KnobList).has_focus


async def test_knobs_that_allow_no_schedule_keep_the_last_one_and_say_why(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        await pilot.press("2")
        before = chart(lab).series[0].y
        lab.turn_all({"noise_scheduler.trained_betas": (0.1, 0.2)})
        await pilot.pause()
        remark = lab.query_one(RemarkList).chosen
        assert remark is not None and remark.level == "error" and "2 β for 1000 timesteps" in remark.text
        np.testing.assert_array_equal(chart(lab).series[0].y, before)
        lab.turn_all({"noise_scheduler.num_train_timesteps": 2})
        await until(pilot, lambda: len(chart(lab).series[0].y) == 2)


async def test_where_all_is_well_there_is_nothing_to_mend(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        await pilot.press("2", "j")
        await until(pilot, lambda: told(lab, "Nothing here asks"))
        assert lab.panel == "schedule"


@pytest.mark.bench
async def test_a_key_redraws_all_within_a_tenth_of_a_second(open_lab: Opened) -> None:
    async with open_lab((200, 60)) as (lab, pilot):
        await standing(lab, pilot)
        await pilot.press("z", "left")
        panel, times = lab.query_one(SchedulePanel), []
        for schedule in ("linear", "scaled_linear", "sigmoid", "laplace", "squaredcos_cap_v2"):
            lab.draft.set("noise_scheduler.beta_schedule", schedule)
            begun = time.perf_counter()
            panel.show(lab.draft.recipe)
            chart(lab)._draw()
            times.append(time.perf_counter() - begun)
        assert sorted(times)[2] < 0.1


@pytest.mark.parametrize(
    ("room", "rows"),
    [((76, 7), 5), ((38, 10), 10), ((196, 34), 34), ((196, 9), 9), ((76, 1), 0)],
)
def test_the_strip_takes_the_rows_that_its_pictures_fill(room: tuple[int, int], rows: int) -> None:
    assert rows_for(8, 16, 16, *room) == rows


def test_words_are_left_out_from_the_middle() -> None:
    told = ["999", "949", "899", "849", "50"]
    assert elided_middle(told, 99) == "999 949 899 849 50"
    assert elided_middle(told, 14) == "999 949 … 50"
    assert elided_middle(told, 3) == "…"
