"""Denoisings side by side in lock step, over a workbench in the test's own process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList, Static

from tests.drawer import PANES, Drawer, picture
from tests.tui.bare_app import BareApp
from tests.tui.conftest import until
from tui_lab.recipe import Recipe, dump_recipe, replaced
from tui_lab.recipe.denoising import Denoising
from tui_lab.runs.folder import RunFolder
from tui_lab.tui.desk import Desk
from tui_lab.tui.lock_step import noise_share, step_at
from tui_lab.tui.screens.ask import AskText, Choose
from tui_lab.tui.screens.comparing import ComparingScreen, open_comparison
from tui_lab.tui.screens.control import ControlScreen
from tui_lab.tui.screens.sheet import SheetScreen
from tui_lab.tui.screens.theatre import TheatreScreen
from tui_lab.tui.widgets.compare_pane import ComparePane
from tui_lab.tui.widgets.denoising_form import DenoisingForm

BASE = Denoising(source="heron", checkpoint=200, knobs={"num_inference_steps": 6})
EDM = {"noise_scheduler.class": "EDMEulerScheduler", "sampling.scheduler": "EDMEulerScheduler"}
Opened = Callable[..., AbstractAsyncContextManager[tuple[ComparingScreen, Pilot[Any]]]]


@pytest.fixture
def drawer() -> Drawer:
    drawer = Drawer()
    drawer.by_knob = True
    return drawer


@pytest.fixture
def open_panes(drawer: Drawer, lab_home: Path) -> Opened:
    """`async with open_panes(pinned, base=…) as (screen, pilot)`, over a run with three checkpoints."""

    @asynccontextmanager
    async def opened(
        pinned: Sequence[Denoising] = (), base: Denoising | None = BASE, size: tuple[int, int] = (120, 40)
    ) -> AsyncIterator[tuple[ComparingScreen, Pilot[Any]]]:
        run = RunFolder.create(dump_recipe(Recipe()), name="heron")
        for step in (100, 200, 300):
            run.checkpoint(step).mkdir(parents=True)
        wren = RunFolder.create(dump_recipe(replaced(Recipe(), EDM)), name="wren")
        wren.checkpoint(50).mkdir(parents=True)
        app, desk = BareApp(), Desk(drawer)  # type: ignore[arg-type]
        async with app.run_test(size=size) as pilot:
            desk.pins.replace(pinned)
            open_comparison(app, desk, base)
            await until(pilot, lambda: isinstance(app.screen, ComparingScreen) and app.screen.is_mounted)
            assert isinstance(app.screen, ComparingScreen)
            yield app.screen, pilot
            await desk.close()

    return opened


def panes(screen: ComparingScreen) -> list[ComparePane]:
    return [pane for pane in screen.query(ComparePane) if pane.display]


def shows(screen: ComparingScreen, number: int, index: int, pane: str = "x0") -> bool:
    """Whether that pane shows this step of what is asked for in it."""
    drawn = picture(screen.comparison.asked[number], index)[PANES.index(pane)]
    pictures = panes(screen)[number].pictures
    return pictures is not None and np.array_equal(pictures, drawn)


async def drawn(screen: ComparingScreen, pilot: Pilot[Any]) -> None:
    """All panes are at their ends."""
    ends = [int(asked.knobs["num_inference_steps"]) - 1 for asked in screen.comparison.asked]
    await until(pilot, lambda: all(shows(screen, at, end) for at, end in enumerate(ends)))


def title(screen: ComparingScreen) -> str:
    return str(screen.query_one("#compare-title", Static).visual)


async def test_from_nothing_two_panes_of_what_is_looked_at(open_panes: Opened) -> None:
    async with open_panes() as (screen, pilot):
        await drawn(screen, pilot)
        first, second = panes(screen)
        assert "as the others" in first.head and "as the others" in second.head
        assert "RMSE 0.000" in second.head and "RMSE" not in first.head
        assert "heron @ 200" in title(screen) and "seed 0" in title(screen)


async def test_titles_say_what_differs_and_a_sign_that_the_noise_does(open_panes: Opened) -> None:
    pinned = [BASE.turned(scheduler="DDIMScheduler"), BASE.turned(scheduler="DDIMScheduler", seed=4, eta=0.5)]
    async with open_panes(pinned) as (screen, pilot):
        await drawn(screen, pilot)
        first, second = panes(screen)
        assert "DDIM" in title(screen) and "DDIM" not in first.head
        assert "seed 0" in first.head and "≠ noise" not in first.head
        assert "seed 4" in second.head and "eta 0.5" in second.head and "≠ noise" in second.head


async def test_arrows_go_through_all_of_them_at_the_same_noise(open_panes: Opened) -> None:
    slow, quick = BASE.turned(num_inference_steps=12), BASE.turned(num_inference_steps=3, scheduler="DDIMScheduler")
    async with open_panes([slow, quick]) as (screen, pilot):
        await drawn(screen, pilot)

        def share(index: int, count: int) -> float:
            sigma = (count - index) / (count + 1)
            return noise_share(1 - sigma, sigma)

        few = [share(index, 3) for index in range(3)]
        for index in range(10, 0, -1):
            await pilot.press("left")
            assert shows(screen, 0, index) and shows(screen, 1, step_at(share(index, 12), few))
            assert f"{index + 1}/12" in panes(screen)[0].head
        await pilot.press("home")
        assert shows(screen, 0, 0) and shows(screen, 1, 0)
        await pilot.press("end")
        assert shows(screen, 0, 11) and shows(screen, 1, 2)


async def test_space_plays_all_panes_to_their_ends(open_panes: Opened) -> None:
    async with open_panes([BASE, BASE.turned(seed=1)]) as (screen, pilot):
        await drawn(screen, pilot)
        await pilot.press("home", "space")
        await until(pilot, lambda: shows(screen, 0, 3) and shows(screen, 1, 3))
        await until(pilot, lambda: shows(screen, 0, 5) and shows(screen, 1, 5))


async def test_a_knob_that_is_turned_draws_its_pane_anew_and_no_other(open_panes: Opened, drawer: Drawer) -> None:
    async with open_panes() as (screen, pilot):
        await drawn(screen, pilot)
        asked = len(drawer.asked)
        await pilot.press("enter", "up", "right")
        await until(pilot, lambda: screen.comparison.asked[1].checkpoint == 300)
        await drawn(screen, pilot)
        assert drawer.asked[asked:] == [300]
        assert "@ 200" in panes(screen)[0].head and "@ 300" in panes(screen)[1].head
        await pilot.press("escape")
        assert not screen.editing


async def test_what_changes_nothing_is_greyed_and_what_cannot_be_is_barred_with_its_reason(open_panes: Opened) -> None:
    async with open_panes() as (screen, pilot):
        await pilot.press("enter", "down", "down")
        form = screen.query_one(DenoisingForm)
        assert form.rows.row is not None and form.rows.row.title == "eta"
        assert "it is DDIM's" in str(form.query_one("#form-words", Static).visual)
        await pilot.press("right")
        assert "eta" not in screen.comparison.asked[1].knobs
        await pilot.press("up", "up", "enter")
        await until(pilot, lambda: isinstance(screen.app.screen, Choose))
        listed = screen.app.screen.query_one(OptionList)
        edm = listed.get_option("EDMEulerScheduler")
        assert edm.disabled and "does not sample discrete diffusion" in str(edm.prompt)
        assert not listed.get_option("DDIMScheduler").disabled
        await pilot.press(*"ddim", "enter")
        await until(pilot, lambda: screen.comparison.asked[1].knobs.get("scheduler") == "DDIMScheduler")


async def test_a_typed_value_that_cannot_be_drawn_is_refused_in_place(open_panes: Opened) -> None:
    async with open_panes() as (screen, pilot):
        await pilot.press("enter", "down", "enter")
        await until(pilot, lambda: isinstance(screen.app.screen, AskText))
        await pilot.press(*"1000", "enter")
        complaint = screen.app.screen.query_one("#complaint", Static)
        await until(pilot, lambda: "at most 999 steps" in str(complaint.visual))
        await pilot.press("escape")
        assert screen.comparison.asked[1].knobs["num_inference_steps"] == 6


async def test_another_run_takes_a_sampler_along_that_fits_it(open_panes: Opened) -> None:
    async with open_panes(base=BASE.turned(scheduler="DDIMScheduler")) as (screen, pilot):
        await pilot.press("enter", "home", "enter")
        await until(pilot, lambda: isinstance(screen.app.screen, Choose))
        await pilot.press(*"wren", "enter")
        await until(pilot, lambda: screen.comparison.asked[1].source == "wren")
        assert screen.comparison.asked[1].checkpoint == 50
        assert screen.comparison.asked[1].knobs["scheduler"] == "EDMDPMSolverMultistepScheduler"


async def test_panes_are_added_up_to_four_and_what_is_put_together_stays_pinned(open_panes: Opened) -> None:
    async with open_panes() as (screen, pilot):
        for _ in range(2):
            await pilot.press("plus", "escape")
        assert len(panes(screen)) == 4
        await pilot.press("plus", "d")
        assert len(panes(screen)) == 3
        desk = screen._desk
        await drawn(screen, pilot)
        await pilot.press("escape")
        await until(pilot, lambda: not screen.is_attached)
        assert len(desk.pins) == 3


async def test_what_was_only_looked_at_is_not_pinned(open_panes: Opened) -> None:
    async with open_panes() as (screen, pilot):
        await drawn(screen, pilot)
        desk = screen._desk
        await pilot.press("escape")
        await until(pilot, lambda: not screen.is_attached)
        assert not desk.pins.pinned


async def test_another_seed_is_all_panes_and_they_still_begin_alike(open_panes: Opened) -> None:
    async with open_panes([BASE, BASE.turned(scheduler="DDIMScheduler")]) as (screen, pilot):
        await pilot.press("right_square_bracket", "right_square_bracket")
        await drawn(screen, pilot)
        assert [asked.knobs["seed"] for asked in screen.comparison.asked] == [2, 2]
        assert "seed 2" in title(screen) and "≠ noise" not in panes(screen)[1].head


async def test_the_difference_from_the_first_is_grey_where_they_are_alike(open_panes: Opened) -> None:
    async with open_panes([BASE, BASE.turned(scheduler="DDIMScheduler"), BASE.turned(seed=1)]) as (screen, pilot):
        await drawn(screen, pilot)
        await pilot.press("v")
        assert shows(screen, 0, 5, "x_t")
        await pilot.press("v", "v", "v")
        assert "difference from A" in title(screen)
        alike, other = (pane.pictures for pane in panes(screen)[1:])
        assert alike is not None and (alike == 128).all()
        assert other is not None and other.min() == 0 and other.max() == 255


async def test_one_picture_is_looked_at_in_all_panes(open_panes: Opened) -> None:
    async with open_panes([BASE, BASE.turned(seed=1)]) as (screen, pilot):
        await drawn(screen, pilot)
        await pilot.press("z", "shift+right", "shift+right")
        for number, pane in enumerate(panes(screen)):
            assert pane.pictures is not None and len(pane.pictures) == 1
            assert np.array_equal(pane.pictures[0], picture(screen.comparison.asked[number], 5)[1, 2])
            assert "picture 3" in pane.head
        await pilot.press("z")
        assert shows(screen, 0, 5)


async def test_the_chosen_pane_is_steered_opened_and_made_a_sheet_of(open_panes: Opened) -> None:
    async with open_panes([BASE, BASE.turned(seed=1)]) as (screen, pilot):
        await drawn(screen, pilot)
        await pilot.click(panes(screen)[0], offset=(3, 3))
        assert screen.comparison.chosen == 0
        for key, kind in (("o", TheatreScreen), ("h", SheetScreen), ("k", ControlScreen)):
            await pilot.press(key)
            await until(pilot, lambda kind=kind: isinstance(screen.app.screen, kind))
            if kind is not ControlScreen:
                screen.app.pop_screen()
                await until(pilot, lambda: screen.app.screen is screen)
        screen.app.screen.dismiss(BASE.turned(seed=8))
        await until(pilot, lambda: "seed 8" in panes(screen)[0].head)
        await drawn(screen, pilot)


async def test_a_pane_that_fails_says_why_and_the_others_are_drawn(open_panes: Opened, drawer: Drawer) -> None:
    drawer.pruned = {100}
    async with open_panes([BASE, BASE.changed(checkpoint=100)]) as (screen, pilot):
        words = panes(screen)[1].query_one(".pane-words", Static)
        await until(pilot, lambda: "heron has no checkpoint of step 100" in str(words.visual))
        await until(pilot, lambda: shows(screen, 0, 5))


async def test_escape_stops_the_drawing_first_and_space_takes_it_up(open_panes: Opened, drawer: Drawer) -> None:
    drawer.let = type(drawer.let)(2)
    async with open_panes() as (screen, pilot):
        await until(pilot, lambda: shows(screen, 0, 1))
        await pilot.press("escape")
        assert "stopped" in panes(screen)[0].head
        await pilot.press("space")
        for _ in range(12):
            drawer.let.release()
        await drawn(screen, pilot)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_four_panes_have_room_for_pictures_on_every_screen(open_panes: Opened, size: tuple[int, int]) -> None:
    pinned = [BASE.turned(seed=seed) for seed in range(4)]
    async with open_panes(pinned, size=size) as (screen, pilot):
        await drawn(screen, pilot)
        await until(pilot, lambda: all(pane.view.shown == 4 for pane in panes(screen)))
        await pilot.press("enter")
        await until(pilot, lambda: len(panes(screen)) == (1 if size[0] == 80 else 4))
        await until(pilot, lambda: all(pane.view.shown for pane in panes(screen)))


async def test_nothing_pinned_and_nothing_shown_says_which_key_pins(lab_home: Path, drawer: Drawer) -> None:
    app, desk = BareApp(), Desk(drawer)  # type: ignore[arg-type]
    async with app.run_test() as pilot:
        open_comparison(app, desk, None)
        await until(pilot, lambda: "Nothing is pinned" in app.notes)
        open_comparison(app, desk, Denoising(source="teal-heron"))
        await until(pilot, lambda: "no run named teal-heron" in app.notes)
