"""The denoising theatre over a run's folder and a workbench in the test's own process."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.drawer import IMAGES, STEPS, Drawer, picture
from tests.tui.conftest import until
from tests.tui.rank import Rank
from tests.tui.theatre import OpenedTheatre, finished, said, shown
from tui_lab.recipe.denoising import Denoising
from tui_lab.runs.folder import RunFolder
from tui_lab.tui.screens.ask import Choose
from tui_lab.tui.screens.theatre import TheatreScreen
from tui_lab.tui.widgets.denoising_panes import DenoisingPanes
from tui_lab.tui.widgets.line_chart import LineChart
from tui_lab.tui.widgets.scrub_bar import ScrubBar
from tui_lab.workbench.client import Workbench


async def test_a_denoising_comes_step_by_step_and_says_where_it_is(open_theatre: OpenedTheatre, drawer: Drawer) -> None:
    drawer.let = type(drawer.let)(0)
    async with open_theatre() as (theatre, pilot):
        await until(pilot, lambda: "reading the weights" in said(theatre))
        for index in range(STEPS):
            drawer.let.release()
            await until(pilot, lambda index=index: shown(theatre, 200, index))
        assert "step     6/6" in said(theatre) and "seed     0" in said(theatre)
        assert "heron @ 200" in said(theatre) and "checkpoint 2 of 3" in said(theatre)
        assert "drawing" not in said(theatre)


async def test_the_arrows_scrub_and_the_curve_is_marked_where_the_step_is(open_theatre: OpenedTheatre) -> None:
    async with open_theatre() as (theatre, pilot):
        await finished(theatre, pilot)
        chart = theatre.query_one(LineChart)
        clean = chart.cursor
        await pilot.press("left", "left")
        assert shown(theatre, 200, 3) and "step     4/6" in said(theatre)
        assert chart.cursor > clean and len(chart.rug) == STEPS
        await pilot.press("home")
        assert shown(theatre, 200, 0)
        await pilot.press("right", "end")
        assert shown(theatre, 200, STEPS - 1)


async def test_space_plays_from_the_noise_to_the_picture(open_theatre: OpenedTheatre) -> None:
    async with open_theatre() as (theatre, pilot):
        await finished(theatre, pilot)
        places: list[int] = []
        theatre.watch(theatre.query_one(ScrubBar), "where", lambda where: places.append(where[0]), init=False)
        await pilot.press("space")
        await until(pilot, lambda: places[-1:] == [STEPS - 1])
        assert places == list(range(STEPS))


async def test_up_and_down_go_through_the_checkpoints_at_the_same_step(open_theatre: OpenedTheatre) -> None:
    async with open_theatre() as (theatre, pilot):
        await finished(theatre, pilot)
        await pilot.press("left", "left", "up")
        await until(pilot, lambda: shown(theatre, 100, 3))
        assert "heron @ 100" in said(theatre)
        await pilot.press("up")
        assert theatre.asked.checkpoint == 100
        await pilot.press("down", "down")
        await until(pilot, lambda: shown(theatre, 300, 3))


async def test_the_neighbours_are_drawn_ahead_and_the_present_one_once(
    open_theatre: OpenedTheatre, drawer: Drawer
) -> None:
    async with open_theatre() as (theatre, pilot):
        await finished(theatre, pilot)
        await until(pilot, lambda: drawer.closed == [200, 300, 100])
        await pilot.press("down")
        assert shown(theatre, 300, STEPS - 1) and drawer.asked == [200, 300, 100]


async def test_what_is_opened_over_it_does_not_wait_for_the_neighbours(
    open_theatre: OpenedTheatre, drawer: Drawer
) -> None:
    drawer.let = type(drawer.let)(STEPS)
    async with open_theatre() as (theatre, pilot):
        await finished(theatre, pilot)
        await until(pilot, lambda: drawer.asked == [200, 300])
        await pilot.press("h")
        await until(pilot, lambda: drawer.asked == [200, 300, 200])
        assert drawer.closed == [200, 300]


async def test_a_checkpoint_that_was_pruned_says_so(open_theatre: OpenedTheatre, drawer: Drawer) -> None:
    drawer.pruned = {100}
    async with open_theatre() as (theatre, pilot):
        await finished(theatre, pilot)
        await pilot.press("up")
        await until(pilot, lambda: "heron has no checkpoint of step 100" in said(theatre))
        await pilot.press("down")
        assert shown(theatre, 200, STEPS - 1)


async def test_other_seeds_are_other_noise(open_theatre: OpenedTheatre) -> None:
    async with open_theatre() as (theatre, pilot):
        await finished(theatre, pilot)
        await pilot.press("right_square_bracket", "right_square_bracket")
        await finished(theatre, pilot, seed=2)
        await pilot.press("left_square_bracket")
        await finished(theatre, pilot, seed=1)
        assert "seed     1" in said(theatre)


async def test_a_locked_seed_is_held(open_theatre: OpenedTheatre) -> None:
    async with open_theatre() as (theatre, pilot):
        await finished(theatre, pilot, seed=0)
        await pilot.press("l", "right_square_bracket", "x")
        assert theatre.asked.knobs.get("seed", 0) == 0
        await pilot.press("l", "right_square_bracket")
        await finished(theatre, pilot, seed=1)


async def test_escape_stops_the_drawing_first_and_space_draws_it(open_theatre: OpenedTheatre, drawer: Drawer) -> None:
    drawer.let = type(drawer.let)(2)
    async with open_theatre() as (theatre, pilot):
        await until(pilot, lambda: shown(theatre, 200, 1))
        await pilot.press("escape")
        assert "stopped at 2/6" in said(theatre)
        await pilot.press("space")
        for _ in range(3 * STEPS):
            drawer.let.release()
        await finished(theatre, pilot)
        await pilot.press("escape")
        assert theatre.app.screen is not theatre


async def test_one_picture_alone_and_another_one(open_theatre: OpenedTheatre) -> None:
    async with open_theatre() as (theatre, pilot):
        await finished(theatre, pilot)
        panes = theatre.query_one(DenoisingPanes)
        await pilot.press("enter", "shift+right")
        drawn = picture(theatre.asked, STEPS - 1)
        assert np.array_equal(panes.pictures["x_t"], drawn[0, 1:2]) and f"picture  2/{IMAGES}" in said(theatre)
        await pilot.press("escape")
        assert shown(theatre, 200, STEPS - 1)


async def test_what_is_seen_of_a_step_goes_round(open_theatre: OpenedTheatre) -> None:
    async with open_theatre() as (theatre, pilot):
        await finished(theatre, pilot)
        panes = theatre.query_one(DenoisingPanes)
        seen = []
        for _ in range(6):
            seen.append(" ".join(panes.pictures))
            await pilot.press("v")
        assert seen == ["x_t x0", "x_t x0 eps change", "x_t", "x0", "eps", "change"]


@pytest.mark.parametrize(
    ("size", "names"), [((80, 24), "x_t"), ((120, 40), "x_t x0"), ((200, 60), "x_t x0 eps change")]
)
async def test_as_many_panes_as_the_terminal_has_room_for(
    open_theatre: OpenedTheatre, size: tuple[int, int], names: str
) -> None:
    async with open_theatre(size) as (theatre, pilot):
        await finished(theatre, pilot)
        panes = theatre.query_one(DenoisingPanes)
        assert " ".join(panes.pictures) == names
        await until(pilot, lambda: all(pane.view.shown == IMAGES for pane in panes._panes()))


async def test_a_run_that_is_gone_is_said(open_theatre: OpenedTheatre) -> None:
    async with open_theatre(asked=Denoising(source="egret", checkpoint=1)) as (theatre, pilot):
        await until(pilot, lambda: any("egret" in note.message for note in theatre.app._notifications))


@pytest.fixture
def drawing_workbench(drawer: Drawer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lab's own workbench draws as the drawer does."""
    monkeypatch.setattr(Workbench, "denoise", lambda _, asked, panes, device: drawer.denoise(asked, panes, device))


async def test_the_labs_key_asks_what_to_denoise_with(open_lab: Any, heron: RunFolder, drawing_workbench: None) -> None:
    async with open_lab() as (lab, pilot):
        await pilot.press("n")
        await until(pilot, lambda: isinstance(lab.app.screen, Choose))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(lab.app.screen, TheatreScreen))
        assert lab.app.screen.asked == Denoising(source="heron", checkpoint=300)


async def test_enter_in_the_denoising_panel_opens_the_run_with_the_knobs_as_they_are(
    open_lab: Any, heron: RunFolder, drawing_workbench: None
) -> None:
    async with open_lab(target="heron") as (lab, pilot):
        await until(pilot, lambda: lab.attached is not None)
        lab.draft.set("sampling.num_inference_steps", 7)
        await pilot.press("5", "enter")
        await until(pilot, lambda: isinstance(lab.app.screen, TheatreScreen))
        asked = lab.app.screen.asked
        assert (asked.source, asked.checkpoint) == ("heron", 300)
        assert asked.knobs["num_inference_steps"] == 7 and asked.knobs["seed"] == 0


async def test_a_live_run_draws_itself_and_lies_after_its_newest_checkpoint(
    open_theatre: OpenedTheatre, heron: RunFolder, drawer: Drawer
) -> None:
    live = SimpleNamespace(folder=heron, id="heron", alive=True, status=SimpleNamespace(device="cpu"))
    rank = Rank(heron)
    async with open_theatre(asked=Denoising(source="heron", knobs={"seed": 5}), run=live) as (theatre, pilot):
        await until(pilot, lambda: "heron now" in said(theatre))
        rank.shows(2)
        await until(pilot, lambda: shown(theatre, 140, 2, seed=5))
        rank.records(rank.asked())
        await finished(theatre, pilot, checkpoint=140, seed=5)
        await pilot.press("up")
        await finished(theatre, pilot, checkpoint=300, seed=5)
        assert drawer.asked == [300]  # no neighbours while the run has the processor
        await pilot.press("down")
        await until(pilot, lambda: "heron now" in said(theatre))
        assert rank.asked().data["denoising"]["checkpoint"] is None
