"""A run from the lab's screen: started, watched, steered, left and found again. The engine is the stand-in."""

from __future__ import annotations

import os

import pytest
from textual.widgets import Footer, Static

from tests.tui.conftest import Opened, nudged, told, until
from tests.waiting import wait_until
from tui_lab.errors import DiskFullError
from tui_lab.recipe import KNOBS
from tui_lab.runs.folder import RunFolder, list_runs
from tui_lab.runs.journal import Journal, JournalReader
from tui_lab.runs.lifecycle import Lifecycle
from tui_lab.runs.lock import hold_lock
from tui_lab.runs.status import status_of
from tui_lab.tui import attached
from tui_lab.tui.screens.ask import Ask, Choose
from tui_lab.tui.screens.log import LogScreen
from tui_lab.tui.screens.runs import RunsScreen
from tui_lab.tui.widgets.denoising_panel import DenoisingPanel
from tui_lab.tui.widgets.header import LabHeader
from tui_lab.tui.widgets.line_chart import LineChart
from tui_lab.tui.widgets.run_strip import RunStrip


async def test_one_key_trains_and_the_curve_grows(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        await pilot.press("t")
        chart = lab.query_one("#loss-curves", LineChart)
        await until(pilot, lambda: chart.series and len(chart.series[0].x) > 3)
        assert lab.alive
        state = lab.query_one(LabHeader).state
        assert state.status == "running" and state.run == list_runs()[0].id
        assert "/750" in state.progress


async def test_pause_goes_on_and_stop_ends_with_a_checkpoint(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        await pilot.press("t")
        await until(pilot, lambda: lab.attached is not None and lab.attached.status.name == "running")
        await pilot.press("space")
        await until(pilot, lambda: lab.attached.status.name == "paused")
        await pilot.press("space")
        await until(pilot, lambda: lab.attached.status.name == "running")
        await pilot.press("x")
        await until(pilot, lambda: lab.attached.status.name == "stopped" and not lab.alive)
        assert lab.attached.folder.checkpoint_steps()
        await pilot.press("space")  # and on from there
        await until(pilot, lambda: lab.attached.status.name == "running")


async def test_a_live_knob_reaches_the_run_and_marks_the_curve(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        await pilot.press("t")
        await until(pilot, lambda: lab.attached is not None and lab.attached.status.name == "running")
        before = lab.draft.get("optimizer.learning_rate")
        lower = nudged("optimizer.learning_rate", before, -1, -1)
        await pilot.press("4", "left", "left")
        await until(pilot, lambda: lab.attached.curves.live == {"optimizer.learning_rate": lower})
        chart = lab.query_one("#loss-curves", LineChart)
        await until(pilot, lambda: any("learning_rate" in mark.text for mark in chart.marks))
        assert lab.draft.changes == {}, "the knob stands as the run runs"
        await pilot.press("u", "u")
        await until(pilot, lambda: lab.attached.curves.live == {"optimizer.learning_rate": before})


async def test_nudges_in_quick_succession_are_one_command(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        await pilot.press("t")
        await until(pilot, lambda: lab.attached is not None and lab.attached.status.name == "running")
        for rate in (3e-3, 2e-3, 1e-3):
            lab.turn(KNOBS["optimizer.learning_rate"], rate)
        await until(pilot, lambda: lab.attached.curves.live == {"optimizer.learning_rate": 1e-3})
        sent = [r for r in JournalReader(lab.attached.folder).read_new() if r.kind == "command"]
        assert [record.data["data"]["changes"] for record in sent] == [{"optimizer.learning_rate": 1e-3}]


async def test_a_knob_that_is_not_live_waits_for_a_new_run_or_a_fork(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        await pilot.press("t")
        await until(pilot, lambda: lab.attached is not None and lab.attached.status.name == "running")
        parent = lab.attached.id
        lab.turn(KNOBS["loss.type"], "huber")
        assert lab.draft.changes == {"loss.type": "huber"}
        await until(pilot, lambda: told(lab, "t trains a new run with it, f forks"))
        await pilot.press("c")
        await until(pilot, lambda: lab.attached.folder.checkpoint_steps())
        await pilot.press("f")
        await until(pilot, lambda: lab.attached.id != parent)
        assert lab.attached.folder.parent()["run"] == parent
        assert lab.attached.folder.recipe().loss.type == "huber"


async def test_training_while_a_run_goes_on_asks_first(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        await pilot.press("t")
        await until(pilot, lambda: lab.attached is not None and lab.attached.status.name == "running")
        first = lab.attached.id
        await pilot.press("t")
        await until(pilot, lambda: isinstance(lab.app.screen, Ask))
        await pilot.press("escape")
        await pilot.pause()
        assert len(list_runs()) == 1
        await pilot.press("t")
        await until(pilot, lambda: isinstance(lab.app.screen, Ask))
        await pilot.press("s")
        await until(pilot, lambda: lab.attached.id != first)
        (old,) = [folder for folder in list_runs() if folder.id == first]
        await until(pilot, lambda: status_of(old).name == "stopped")


async def test_a_preview_plays_and_can_be_scrubbed(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        await pilot.press("t")
        await until(pilot, lambda: lab.attached is not None and lab.attached.status.name == "running")
        await pilot.press("p")
        panel = lab.query_one(DenoisingPanel)
        await until(pilot, lambda: panel.trajectory is not None)
        last = len(panel.trajectory.pixels) - 1
        assert panel.index == last
        await pilot.press("5", "left", "left")
        assert panel.index == last - 2
        await pilot.press("home")
        assert panel.index == 0 and panel.is_scrubbing
        await pilot.press("end")
        assert not panel.is_scrubbing


async def test_leaving_lets_the_run_go_on_and_coming_back_finds_it_whole(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        await pilot.press("t")
        await until(pilot, lambda: lab.attached is not None and len(lab.attached.curves.steps) > 3)
        name = lab.attached.id
        await pilot.press("q")
        await until(pilot, lambda: isinstance(lab.app.screen, Ask))
        await pilot.press("q")
        await pilot.pause()
    folder = list_runs()[0]
    step = status_of(folder).step
    wait_until(lambda: status_of(folder).step > step + 5)
    async with open_lab() as (lab, pilot):
        await until(pilot, lambda: lab.attached is not None)
        assert lab.attached.id == name and lab.alive
        seen = JournalReader(folder).read_new()
        first = next(record for record in seen if record.kind == "metrics")
        assert lab.attached.curves.steps[0] == first.step


async def test_two_windows_steer_one_run(open_lab: Opened) -> None:
    async with open_lab() as (one, pilot_one):
        await pilot_one.press("t")
        await until(pilot_one, lambda: one.attached is not None and one.attached.status.name == "running")
        async with open_lab() as (two, pilot_two):
            await until(pilot_two, lambda: two.attached is not None)
            lower = nudged("optimizer.learning_rate", two.draft.get("optimizer.learning_rate"), -1)
            await pilot_two.press("4", "left")
            await until(pilot_one, lambda: one.draft.get("optimizer.learning_rate") == lower)
            await pilot_one.press("space")
            await until(pilot_two, lambda: two.attached.status.name == "paused")


async def test_the_runs_screen_lists_opens_and_gives_a_recipe_back(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        await pilot.press("r")
        await until(pilot, lambda: isinstance(lab.app.screen, RunsScreen))
        await pilot.press("escape")
        lab.turn(KNOBS["training.max_train_steps"], 5)
        await pilot.press("t")
        await until(pilot, lambda: lab.attached is not None and lab.attached.status.name == "finished")
        name = lab.attached.id
        await pilot.press("r")
        await until(pilot, lambda: isinstance(lab.app.screen, RunsScreen) and lab.app.screen.chosen == name)
        await pilot.press("b")
        await until(pilot, lambda: lab.app.screen is lab)
        assert lab.draft.recipe.training.max_train_steps == 5


async def test_a_run_that_fails_says_so_in_one_line_and_shows_its_log(
    open_lab: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STANDIN_EXIT_AT", "3")
    async with open_lab() as (lab, pilot):
        await pilot.press("t")
        await until(pilot, lambda: lab.attached is not None and lab.attached.status.name == "failed")
        assert lab.query_one(LabHeader).state.status == "failed"
        await pilot.press("v")
        await until(pilot, lambda: isinstance(lab.app.screen, LogScreen))


async def test_whoever_comes_to_a_run_that_a_guard_paused_is_told_why(open_lab: Opened) -> None:
    run = RunFolder.create('[recipe]\nname = "a-test"\n', "heron")
    journal, held = Journal(run), hold_lock(run)
    Lifecycle(run).append("started", rank=0, supervisor={}, pid=1)
    journal.append("started", 0, device="cpu")
    journal.append("paused", 9, message="5 losses in a row were not finite: lower the learning rate, then resume")
    async with open_lab(target="heron") as (lab, pilot):
        await until(pilot, lambda: told(lab, "heron is paused: 5 losses in a row were not finite"))
    assert held is not None
    os.close(held)


async def test_a_run_folder_that_goes_away_is_said_and_survived(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        lab.turn(KNOBS["training.max_train_steps"], 5)
        await pilot.press("t")
        await until(pilot, lambda: lab.attached is not None and lab.attached.status.name == "finished")
        lab.attached.folder.path.rename(lab.attached.folder.path.with_name("elsewhere"))
        await until(pilot, lambda: lab.attached is None)
        await until(pilot, lambda: told(lab, "is gone"))


async def test_a_command_that_cannot_be_written_is_said_and_the_lab_goes_on(
    open_lab: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_lab() as (lab, pilot):
        await pilot.press("t")
        await until(pilot, lambda: lab.attached is not None and lab.attached.status.name == "running")

        def no_room(*_: object) -> str:
            raise DiskFullError("no room left on the disk")

        with monkeypatch.context() as full:
            full.setattr(attached, "submit", no_room)
            await pilot.press("space")
            await until(pilot, lambda: told(lab, "cannot be told to pause: no room left on the disk"))
        await pilot.press("space")
        await until(pilot, lambda: lab.attached.status.name == "paused")


async def test_a_narrow_terminal_keeps_the_run_in_sight(open_lab: Opened) -> None:
    async with open_lab((80, 24)) as (lab, pilot):
        await pilot.press("t")
        strip = lab.query_one(RunStrip)
        await until(pilot, lambda: strip.region.height == 2 and "loss" in strip.words)
        assert strip.region.bottom == lab.query_one(Footer).region.y, "both of its lines are in sight"
        assert "/750" in strip.words


async def test_rewind_says_what_goes_and_the_same_run_is_back_before_the_change(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        await pilot.press("t")
        await until(pilot, lambda: lab.attached is not None and lab.attached.curves.step >= 3)
        await pilot.press("U")
        await until(pilot, lambda: told(lab, "nothing was changed while the run ran"))
        await pilot.press("c")
        await until(pilot, lambda: lab.attached.folder.checkpoint_steps())
        (at,) = lab.attached.folder.checkpoint_steps()
        before = lab.draft.get("optimizer.learning_rate")
        lab.turn(KNOBS["optimizer.learning_rate"], 0.5)
        await until(pilot, lambda: lab.attached.curves.live == {"optimizer.learning_rate": 0.5})
        await pilot.press("U")
        await until(pilot, lambda: isinstance(lab.app.screen, Ask))
        words = str(lab.app.screen.query_one(".body", Static).visual)
        assert f"Back to its checkpoint at step {at}, before learning_rate" in words and "steps go" in words
        await pilot.press("u")
        await until(pilot, lambda: lab.attached.curves.live == {})
        assert any(mark.kind == "rewound" for mark in lab.attached.curves.marks)
        await until(pilot, lambda: lab.draft.get("optimizer.learning_rate") == before)


async def test_a_fork_begins_at_the_checkpoint_that_was_picked(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        await pilot.press("t")
        for count in (1, 2):
            await until(pilot, lambda: lab.attached is not None and lab.attached.status.name == "running")
            await pilot.press("c")
            await until(pilot, lambda count=count: len(lab.attached.folder.checkpoint_steps()) == count)
        parent, first = lab.attached.id, lab.attached.folder.checkpoint_steps()[0]
        await pilot.press("F")
        await until(pilot, lambda: isinstance(lab.app.screen, Choose))
        await pilot.press("down", "enter")
        await until(pilot, lambda: lab.attached.id != parent)
        assert lab.attached.folder.parent() == {"run": parent, "step": first}
