"""Picking an image: where it comes from, and what is said of one of another size."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Static

from tests.pictures.made import ORIGIN
from tests.tui.conftest import until
from tests.tui.test_data_screen import some_images
from tui_lab.data import Images
from tui_lab.pictures import gallery
from tui_lab.pictures.sidecar import sidecar_of
from tui_lab.recipe import Dataset
from tui_lab.recipe.denoising import Denoising
from tui_lab.tui.screens.pick_image import PickImage
from tui_lab.tui.screens.pick_path import PickPath
from tui_lab.tui.theme import DARK
from tui_lab.tui.widgets.file_tree import FileTree

EIGHT = Dataset(resolution=8)
OpenedPicker = Callable[..., AbstractAsyncContextManager[tuple[PickImage, Pilot[Any], list[Any]]]]


@pytest.fixture
def open_picker(lab_home: Path) -> OpenedPicker:
    @asynccontextmanager
    async def opened(images: Images | None = None) -> AsyncIterator[tuple[PickImage, Pilot[Any], list[Any]]]:
        app: App[None] = App()
        app.register_theme(DARK)
        app.theme = DARK.name
        screen, got = PickImage(EIGHT, images, None), list[Any]()
        async with app.run_test(size=(90, 28)) as pilot:
            await app.push_screen(screen, got.append)
            await until(pilot, lambda: screen.is_mounted)
            yield screen, pilot, got

    return opened


def status(screen: PickImage) -> str:
    return str(screen.query_one("#pick-status", Static).visual)


def shown(screen: PickImage) -> str:
    """What stands in the grid's place."""
    grid = screen._grid(screen.view)
    return " ".join(strip.text for strip in grid.render_lines(grid.size.region))


def says(screen: PickImage, words: str) -> bool:
    return words in shown(screen)


def keep(side: int, seed: int) -> gallery.Kept:
    pictures = np.random.default_rng(seed).integers(0, 256, (1, side, side, 3), dtype=np.uint8)
    denoising = Denoising(source="heron", checkpoint=10, knobs={"seed": seed}, place=0)
    return gallery.keep(pictures[0], sidecar_of(denoising, ORIGIN, pictures))


async def test_a_picture_of_the_dataset_is_its_row(open_picker: OpenedPicker) -> None:
    async with open_picker(some_images(500)) as (screen, pilot, got):
        await pilot.press("right", "right", "right")
        await until(pilot, lambda: "#3 · dog" in status(screen))
        await pilot.press("pagedown", "enter")
        await until(pilot, lambda: got)
        assert got[0].kind == "data" and got[0].index > 8


async def test_a_kept_sample_of_another_size_is_said_and_fitted(open_picker: OpenedPicker) -> None:
    kept = keep(12, seed=0)
    async with open_picker() as (screen, pilot, got):
        await until(pilot, lambda: screen.view == "gallery" and "1 of 1" in status(screen))
        assert "is 12×12: fitted to 8×8" in status(screen)
        await pilot.press("enter")
        await until(pilot, lambda: got)
        assert got[0].path == str(kept.path) and got[0].sha256


async def test_what_is_not_there_says_how_to_come_by_it(open_picker: OpenedPicker) -> None:
    async with open_picker() as (screen, pilot, got):
        for key, words in (("1", "not at hand"), ("2", "Nothing was kept yet"), ("3", "No samples")):
            await pilot.press(key)
            await until(pilot, partial(says, screen, words))
            await pilot.press("enter")
        assert not got


async def test_a_file_is_fitted_and_one_that_is_no_picture_is_one_line(
    open_picker: OpenedPicker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("RGB", (40, 20), "red").save(tmp_path / "a.png")
    (tmp_path / "b.txt").write_text("no picture")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    async with open_picker() as (screen, pilot, got):
        await take_file(pilot, 2)
        await until(pilot, lambda: "not a picture" in complaint(screen))
        await take_file(pilot, 1)
        await until(pilot, lambda: got)
        assert got[0].path == str(tmp_path / "a.png")
        assert any("40×20: fitted to 8×8" in note.message for note in pilot.app._notifications)


def complaint(screen: PickImage) -> str:
    return str(screen.query_one("#pick-complaint", Static).visual)


async def take_file(pilot: Pilot[Any], down: int) -> None:
    """The file so many rows down in the picker of paths."""
    await pilot.press("f")
    await until(pilot, lambda: isinstance(pilot.app.screen, PickPath))
    tree = pilot.app.screen.query_one(FileTree)
    await until(pilot, lambda: len(tree.names) == 3)
    await pilot.press(*["down"] * down, "enter")
