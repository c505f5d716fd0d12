"""The one-batch screen, by its keys; its workbench gives canned answers, its runs are the stand-in's."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from textual.widgets import Static

from tests.tui.canned import Asked, can_workbench
from tests.tui.conftest import Opened, until
from tui_lab.errors import WorkbenchError
from tui_lab.recipe import KNOBS
from tui_lab.runs.folder import RunFolder
from tui_lab.tui.screens.ask import Choose
from tui_lab.tui.screens.lab import LabScreen
from tui_lab.tui.screens.one_batch import OneBatchScreen
from tui_lab.tui.widgets.batch_stages import BatchStages
from tui_lab.tui.widgets.pixel_view import PixelView
from tui_lab.workbench.client import OneBatch, Workbench

SIZES = [(80, 24), (120, 40), (200, 60)]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    return can_workbench(monkeypatch)


def text(lab: LabScreen, part: str) -> str:
    return str(lab.app.screen.query_one(f"#{part}", Static).visual)


def stands(lab: LabScreen) -> bool:
    screen = lab.app.screen
    return isinstance(screen, OneBatchScreen) and any(
        one.shown for one in screen.query("#stages-pictures").results(PixelView)
    )


@pytest.mark.parametrize("size", SIZES)
async def test_b_shows_the_five_steps_on_one_batch(open_lab: Opened, asked: Asked, size: tuple[int, int]) -> None:
    async with open_lab(size) as (lab, pilot):
        await pilot.press("b")
        await until(pilot, lambda: stands(lab))
        said = "\n".join(text(lab, part) for part in ("stages-above", "stages-beside", "stages-below"))
        for words in ("1 batch", "2 noise", "3 noisy", "4 answer", "t 100", "0.25"):
            assert words in said
        assert "a fresh model" in text(lab, "batch-title") and "loss 0.25" in text(lab, "batch-title")
        await pilot.press("escape")
        await until(pilot, lambda: lab.app.screen is lab)


async def test_n_draws_another_batch(open_lab: Opened, asked: Asked) -> None:
    async with open_lab() as (lab, pilot):
        await pilot.press("b")
        await until(pilot, lambda: stands(lab))
        await pilot.press("n")
        await until(pilot, lambda: "batch 1" in text(lab, "batch-title"))
        await pilot.press("N")
        await until(pilot, lambda: "batch 0" in text(lab, "batch-title"))
        assert asked.of("one_batch") == [("", 0), ("", 1), ("", 0)]


async def test_one_picture_is_looked_at_large(open_lab: Opened, asked: Asked) -> None:
    async with open_lab() as (lab, pilot):
        await pilot.press("b")
        await until(pilot, lambda: stands(lab))
        stages = lab.app.screen.query_one(BatchStages)
        await pilot.press("enter", "right", "right", "left")
        await until(pilot, lambda: stages.chosen == 1 and stages.query_one("#stages-one", PixelView).shown == 5)
        await pilot.press("enter")
        await until(pilot, lambda: stages.chosen is None and stands(lab))
        await pilot.click("#stages-pictures", offset=(2, 2))
        await until(pilot, lambda: stages.chosen == 0)
        await pilot.click(BatchStages, offset=(5, 5))
        await until(pilot, lambda: stages.chosen is None)


async def test_a_batch_that_comes_as_the_screen_is_left_is_dropped(
    open_lab: Opened, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_batch = Workbench.one_batch
    begun = asyncio.Event()

    async def as_its_widgets_go(workbench: Workbench, *about: Any) -> OneBatch:
        screen = lab.app.screen
        begun.set()
        while screen.query(BatchStages):
            await asyncio.sleep(0)
        return await one_batch(workbench, *about)

    monkeypatch.setattr(Workbench, "one_batch", as_its_widgets_go)
    async with open_lab() as (lab, pilot):
        await pilot.press("b")
        await until(pilot, begun.is_set)
        await pilot.press("escape")
        await until(pilot, lambda: lab.app.screen is lab)
        await pilot.pause()
        assert not asked.of("one_batch")


async def test_weights_are_those_of_any_checkpoint(open_lab: Opened, asked: Asked) -> None:
    async with open_lab() as (lab, pilot):
        run = RunFolder.create(lab.draft.to_toml(), "amber-heron")
        run.checkpoint(250).mkdir(parents=True)
        await pilot.press("b")
        await until(pilot, lambda: stands(lab))
        await pilot.press("c")
        await until(pilot, lambda: isinstance(lab.app.screen, Choose))
        await pilot.press(*"amber", "enter")
        await until(pilot, lambda: ("amber-heron@250", 0) in asked.of("one_batch"))
        await until(pilot, lambda: "ema weights" in text(lab, "batch-title"))


async def test_space_looks_at_the_live_run_through_a_checkpoint_that_it_writes(open_lab: Opened, asked: Asked) -> None:
    async with open_lab() as (lab, pilot):
        lab.turn(KNOBS["training.max_train_steps"], 100_000)
        lab.turn(KNOBS["training.checkpointing_steps"], 0)
        await pilot.press("t")
        await until(pilot, lambda: lab.attached is not None and lab.attached.status.step > 3)
        assert lab.attached is not None
        await pilot.press("space")
        await until(pilot, lambda: lab.attached is not None and lab.attached.status.name == "paused")
        await pilot.press("b")
        await until(pilot, lambda: stands(lab))
        await pilot.press("space")
        await until(pilot, lambda: len(asked.of("one_batch")) == 2)
        (step,) = lab.attached.folder.checkpoint_steps()
        assert asked.of("one_batch")[1] == (f"{lab.attached.id}@{step}", 0)
        assert step >= lab.attached.status.step
        await pilot.press("escape")
        await until(pilot, lambda: lab.app.screen is lab)
        await pilot.press("x")
        await until(pilot, lambda: lab.attached is not None and not lab.attached.alive)


async def test_a_recipe_that_cannot_be_and_a_workbench_that_dies_are_said(
    open_lab: Opened, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def died(*_: object) -> None:
        raise WorkbenchError("the workbench was killed by SIGKILL")

    async with open_lab() as (lab, pilot):
        monkeypatch.setattr(Workbench, "one_batch", died)
        await pilot.press("b")
        await until(pilot, lambda: "killed by SIGKILL" in text(lab, "batch-words"))
        await pilot.press("escape")
        await until(pilot, lambda: lab.app.screen is lab)
        lab.turn(KNOBS["dataset.resolution"], 18)
        await pilot.press("b")
        await until(pilot, lambda: "no multiple of 4" in text(lab, "batch-words"))
