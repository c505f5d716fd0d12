"""The control form: keys turn what steers a denoising, and what comes back can be drawn."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input, OptionList, Static

from tests.drawer import IMAGES, Drawer
from tests.tui.conftest import until
from tui_lab.pictures import gallery
from tui_lab.recipe import Recipe, dump_recipe, replaced
from tui_lab.recipe.denoising import Between, Denoising, ImageRef, Start, Variation
from tui_lab.runs.folder import RunFolder
from tui_lab.tui.desk import Desk
from tui_lab.tui.screens.ask import Ask, AskText, Choose
from tui_lab.tui.screens.control import ControlScreen
from tui_lab.tui.screens.help import HelpScreen
from tui_lab.tui.screens.paint_mask import PaintMask
from tui_lab.tui.screens.pick_image import PickImage
from tui_lab.tui.theme import DARK
from tui_lab.tui.widgets.control_list import ControlList
from tui_lab.tui.widgets.line_chart import LineChart
from tui_lab.tui.widgets.pixel_view import PixelView
from tui_lab.workbench.client import Workbench

CLASSES = {"model.num_class_embeds": 5, "loss.class_dropout": 0.1}
OpenedControl = Callable[..., AbstractAsyncContextManager[tuple[ControlScreen, Pilot[Any], list[Denoising | None]]]]


@pytest.fixture
def heron(lab_home: Path) -> Callable[[dict[str, Any]], str]:
    """A run without a checkpoint: its recipe is all that a form reads of it."""

    def made(changes: dict[str, Any]) -> str:
        return RunFolder.create(dump_recipe(replaced(Recipe(), changes))).id

    return made


@pytest.fixture
def open_control(heron: Callable[[dict[str, Any]], str]) -> OpenedControl:
    """`async with open_control(changes=…, drawn=True, …) as (screen, pilot, got)`: `drawn` has samples on the desk."""

    @asynccontextmanager
    async def opened(
        changes: dict[str, Any] = CLASSES, size: tuple[int, int] = (100, 34), drawn: bool = False, **fields: Any
    ) -> AsyncIterator[tuple[ControlScreen, Pilot[Any], list[Denoising | None]]]:
        asked = Denoising(source=heron(changes), checkpoint=10, **fields)
        desk = Desk(cast(Workbench, Drawer()))
        app: App[None] = App()
        app.register_theme(DARK)
        app.theme = DARK.name
        screen, got = ControlScreen(desk, asked), list[Denoising | None]()
        async with app.run_test(size=size) as pilot:
            if drawn:
                cell = desk.cells.want(asked)
                await until(pilot, lambda: cell.done)
            await app.push_screen(screen, got.append)
            await until(pilot, lambda: screen._draft is not None and screen._draft.subject.images is not None)
            yield screen, pilot, got
            await desk.close()

    return opened


def asked_of(screen: ControlScreen) -> Denoising:
    assert screen._draft is not None
    return screen._draft.asked


def complaint(screen: ControlScreen) -> str:
    return str(screen.query_one("#control-complaint", Static).visual)


def lines(screen: ControlScreen) -> list[str]:
    rows = screen.query_one(ControlList)
    return [rows.render_line(y).text.rstrip() for y in range(rows.size.height)]


def go(screen: ControlScreen, key: str) -> None:
    screen.query_one(ControlList).go(key)


def says(dialog: Screen[Any], words: str) -> bool:
    return words in str(dialog.query_one("#complaint", Static).visual)


async def answer(pilot: Pilot[Any], kind: type, *keys: str) -> None:
    """Press keys in the dialog, once it is there, and wait until it is gone."""
    await until(pilot, lambda: isinstance(pilot.app.screen, kind))
    dialog = pilot.app.screen
    await pilot.press(*keys)
    await until(pilot, lambda: pilot.app.screen is not dialog)


async def test_classes_and_guidance_by_keys_and_d_draws_them(open_control: OpenedControl) -> None:
    async with open_control() as (screen, pilot, got):
        await pilot.press("enter")
        await answer(pilot, Choose, *"hat_gl", "enter")
        go(screen, "sampling.guidance_scale")
        await pilot.press("right", "right", "right", "right", "down", "right", "d")
        await until(pilot, lambda: got)
        asked = got[0]
        assert asked is not None and asked.class_labels == (2,)
        assert asked.knobs == {"guidance_scale": 3.0, "guidance_schedule": "linear"}


async def test_another_sampler_in_fewer_steps_and_what_cannot_be_is_grey(open_control: OpenedControl) -> None:
    async with open_control() as (screen, pilot, got):
        go(screen, "sampling.scheduler")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, Choose))
        listed = pilot.app.screen.query_one(OptionList)
        barred = {str(one.prompt) for one in listed.options if one.disabled}
        assert any("flow Heun" in words and "does not sample discrete diffusion" in words for words in barred)
        assert any("LCMScheduler" in words and "distilled" in words for words in barred)
        await answer(pilot, Choose, *"DDIM", "enter")
        await pilot.press("down", "left", "down", "right", "right")
        assert any("DDIM" in line for line in lines(screen))
        await pilot.press("d")
        await until(pilot, lambda: got)
        asked = got[0]
        assert asked is not None
        assert asked.knobs == {"scheduler": "DDIMScheduler", "num_inference_steps": 19, "eta": 0.2}


async def test_a_text_to_image_folder_is_told_prompts(text_folder: Path, lab_home: Path) -> None:
    app: App[None] = App()
    app.register_theme(DARK)
    app.theme = DARK.name
    screen, got = ControlScreen(Desk(cast(Workbench, Drawer())), Denoising(source=str(text_folder))), []
    async with app.run_test(size=(100, 34)) as pilot:
        await app.push_screen(screen, got.append)
        await until(pilot, lambda: screen._draft is not None)
        await pilot.press("enter")
        await answer(pilot, AskText, *"a hat", "enter")
        await pilot.press("down", "enter")
        await answer(pilot, AskText, *"glasses", "enter")
        assert sum("prompts alone steer it" in line for line in lines(screen)) == 2, "once for each section"
        go(screen, "pull")
        await pilot.press("right", "enter")
        assert "loss: prompts alone steer it" in complaint(screen) and asked_of(screen).pull is None
        go(screen, "sampling.guidance_scale")
        await pilot.press("right", "d")
        await until(pilot, lambda: got)
        assert (got[0].prompt, got[0].negative_prompt, got[0].knobs) == ("a hat", "glasses", {"guidance_scale": 8.0})


async def test_guidance_has_its_curve(open_control: OpenedControl) -> None:
    async with open_control(knobs={"guidance_scale": 3.0, "guidance_until": 0.5}) as (screen, pilot, _):
        go(screen, "sampling.guidance_until")
        await until(pilot, lambda: len(screen.query_one(LineChart).series) == 2)
        scale, _plain = screen.query_one(LineChart).series
        assert set(np.unique(scale.y)) == {1.0, 3.0}
        assert (scale.y[scale.x > 0.5] == 1.0).all()


async def test_what_a_model_cannot_is_grey_and_says_why(open_control: OpenedControl) -> None:
    async with open_control(changes={}) as (screen, pilot, _):
        shown = lines(screen)
        assert sum("unconditional" in line for line in shown) == 2, "once for each section"
        go(screen, "classes")
        await pilot.press("right", "enter")
        assert "class: this model is unconditional" in complaint(screen)
        assert asked_of(screen).class_labels == ()


async def test_a_bad_value_is_one_line_where_it_is_typed(open_control: OpenedControl) -> None:
    async with open_control() as (screen, pilot, _):
        go(screen, "sampling.guidance_scale")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskText))
        dialog = pilot.app.screen
        for text, line in (("nan", "guidance_scale"), ("many", "takes a number"), ("101", "guidance_scale")):
            dialog.query_one(Input).value = text
            await pilot.press("enter")
            await until(pilot, partial(says, dialog, line))
        await pilot.press("escape")
        assert asked_of(screen).knobs == {}


async def test_an_image_is_picked_a_mask_painted_and_both_undone(open_control: OpenedControl) -> None:
    async with open_control() as (screen, pilot, got):
        go(screen, "image")
        await pilot.press("enter")
        await answer(pilot, PickImage, "right", "right", "enter")
        image = ImageRef(kind="data", index=2)
        await until(pilot, lambda: image in screen._images)
        assert asked_of(screen).start == Start(kind="image", image=image)
        assert screen.query_one("#control-pictures", PixelView).shown == 2
        await pilot.press("down", "right", "down", "enter")
        await answer(pilot, PaintMask, "space", "enter")
        await until(pilot, lambda: asked_of(screen).keep is not None)
        assert any("255 of 256 pixels stay" in line for line in lines(screen))
        await pilot.press("u", "u")
        assert asked_of(screen).keep is None and asked_of(screen).start.strength == 0.6
        await pilot.press("d")
        await until(pilot, lambda: got)


async def test_a_sample_is_kept_when_it_becomes_the_image(open_control: OpenedControl) -> None:
    async with open_control(changes={"dataset.resolution": 8}, drawn=True) as (screen, pilot, _):
        go(screen, "image")
        await pilot.press("enter")
        await answer(pilot, PickImage, "3", "right", "enter")
        (kept,) = gallery.kept()
        assert kept.sidecar.denoising.place == 1
        image = asked_of(screen).start.image
        assert image is not None and image.path == str(kept.path)


async def test_variations_of_the_sample_that_was_chosen(open_control: OpenedControl) -> None:
    async with open_control(drawn=True, changes={"dataset.resolution": 8}, place=2) as (screen, pilot, _):
        go(screen, "variation")
        await pilot.press("right", "down", "right")
        assert asked_of(screen).variation == Variation(seed=0, place=2, amount=0.25)
        assert screen.query_one("#control-pictures", PixelView).shown == 1
        go(screen, "seed")
        go(screen, "sampling.seed")
        await until(pilot, lambda: screen.query_one("#control-pictures", PixelView).shown == IMAGES)


async def test_seeds_by_keys_and_between_two(open_control: OpenedControl) -> None:
    async with open_control() as (screen, pilot, _):
        await pilot.press("n", "n", "N")
        assert asked_of(screen).knobs["seed"] == 1
        await pilot.press("N", "N")
        assert "seed" in complaint(screen) and asked_of(screen).knobs["seed"] == 0
        await pilot.press("x")
        assert asked_of(screen).knobs["seed"] > 0
        go(screen, "between")
        await pilot.press("right", "down", "enter")
        await answer(pilot, AskText, *["backspace"] * 20, *"77", "enter")
        assert asked_of(screen).between == Between(kind="seeds", to=77)


async def test_a_locked_seed_is_held_until_it_is_let_go(open_control: OpenedControl) -> None:
    async with open_control(knobs={"seed": 3}) as (screen, pilot, _):
        go(screen, "sampling.seed")
        await pilot.press("l", "n", "x", "right")
        assert asked_of(screen).knobs["seed"] == 3 and "it is locked" in complaint(screen)
        await pilot.press("l", "n")
        assert asked_of(screen).knobs["seed"] == 4


async def test_plain_takes_all_of_it_back_but_the_seed(open_control: OpenedControl) -> None:
    async with open_control(class_labels=(1,), knobs={"seed": 5, "guidance_scale": 2.0}) as (screen, pilot, _):
        await pilot.press("p")
        assert asked_of(screen) == Denoising(source=asked_of(screen).source, checkpoint=10, knobs={"seed": 5})
        go(screen, "pull")
        await pilot.press("right", "delete")
        assert asked_of(screen).pull is None


async def test_every_key_stands_in_the_help(open_control: OpenedControl) -> None:
    async with open_control() as (screen, pilot, _):
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))
        words = " ".join(str(one.visual) for one in pilot.app.screen.query(Static))
        assert "The next seed: other noise" in words and "The chosen row as it is by itself" in words
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen)


async def test_leaving_asks_only_where_something_was_turned(open_control: OpenedControl) -> None:
    async with open_control() as (_, pilot, got):
        await pilot.press("n", "escape")
        await answer(pilot, Ask, "n")
        assert not got
        await pilot.press("escape")
        await answer(pilot, Ask, "y")
        await until(pilot, lambda: got)
        assert got == [None]
    async with open_control() as (_, pilot, got):
        await pilot.press("escape")
        await until(pilot, lambda: got)


async def test_an_image_that_is_gone_is_one_line(open_control: OpenedControl, tmp_path: Path) -> None:
    gone = ImageRef(kind="file", path=str(tmp_path / "gone.png"))
    async with open_control(start=Start(kind="image", image=gone)) as (screen, pilot, _):
        await until(pilot, lambda: "gone.png" in complaint(screen))
        go(screen, "mask")
        await pilot.press("enter")
        await until(pilot, lambda: "gone.png" in complaint(screen))
        assert pilot.app.screen is screen
