"""The gallery by its keys: opened again, drawn again, exported, removed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from textual.pilot import Pilot
from textual.widgets import Input, Static

from tests.drawer import STEPS, Drawer, picture
from tests.tui.bare_app import BareApp
from tests.tui.conftest import until
from tests.tui.pictures import pixels_shown
from tui_lab.pictures import gallery
from tui_lab.pictures.gallery import Kept
from tui_lab.pictures.sidecar import read_sidecar
from tui_lab.recipe.denoising import Denoising
from tui_lab.tui.desk import Desk
from tui_lab.tui.keeping import keep_sample
from tui_lab.tui.kept_samples import tiles_of
from tui_lab.tui.screens.ask import Ask, AskText
from tui_lab.tui.screens.gallery import GalleryGrid, GalleryScreen
from tui_lab.tui.widgets.pixel_view import PixelView
from tui_lab.workbench.client import Workbench

OpenedGallery = Callable[..., AbstractAsyncContextManager[tuple[GalleryScreen, Pilot[Any], list[Any], Drawer]]]


def asked(seed: int) -> Denoising:
    return Denoising(source="heron", checkpoint=10, knobs={"seed": seed})


async def kept_of(desk: Desk, seed: int, place: int = 0) -> Kept:
    cell = desk.cells.want(asked(seed))
    async with asyncio.timeout(10):
        while not cell.done:
            await asyncio.sleep(0)
    return keep_sample(cell, place)


@pytest.fixture
def open_gallery(lab_home: Path, monkeypatch: pytest.MonkeyPatch) -> OpenedGallery:
    """`async with open_gallery(seeds) as (screen, pilot, got, drawer)`: one sample of each seed was kept."""

    monkeypatch.setenv("DIFFUSION_LAB_COLOR", "truecolor")

    @asynccontextmanager
    async def opened(seeds: tuple[int, ...] = (1, 2)) -> AsyncIterator[tuple[GalleryScreen, Pilot[Any], Any, Drawer]]:
        drawer = Drawer()
        desk = Desk(cast(Workbench, drawer))
        for seed in seeds:
            await kept_of(desk, seed)
        app = BareApp()
        screen, got = GalleryScreen(desk), list[Any]()
        async with app.run_test(size=(100, 30)) as pilot:
            await app.push_screen(screen, got.append)
            await until(pilot, lambda: "gallery" in str(screen.query_one("#gallery-title", Static).visual))
            yield screen, pilot, got, drawer
        await desk.close()

    return opened


def status(screen: GalleryScreen) -> str:
    return str(screen.query_one("#gallery-status", Static).visual)


def marked(screen: GalleryScreen) -> Kept:
    found = screen._marked
    assert found is not None
    return found[0]


def colours_of(pixels: NDArray[np.uint8]) -> set[tuple[int, ...]]:
    return {tuple(pixel) for pixel in pixels.reshape(-1, 3).tolist()}


async def test_a_kept_sample_stands_there_in_its_pixels_with_its_words(open_gallery: OpenedGallery) -> None:
    async with open_gallery() as (screen, pilot, _, __):
        seed = marked(screen).sidecar.denoising.knobs["seed"]
        words = str(screen.query_one("#gallery-words", Static).visual)
        assert "heron @ 10" in words and "ema 000000000000" in words and f"{seed}\n" in words
        view = screen.query_one("#gallery-aside PixelView", PixelView)
        sample = picture(asked(seed), STEPS - 1)[0, 0]
        await until(pilot, lambda: colours_of(sample) <= colours_of(pixels_shown(view)))


async def test_enter_opens_all_that_it_was_drawn_with(open_gallery: OpenedGallery) -> None:
    async with open_gallery() as (screen, pilot, got, _):
        await pilot.press("right")
        one = marked(screen)
        await pilot.press("enter")
        await until(pilot, lambda: got)
        assert got == [one.sidecar.denoising] and got[0].place == 0


async def test_drawn_again_it_is_the_same_to_the_bit_or_not(
    open_gallery: OpenedGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_gallery((1,)) as (screen, pilot, _, drawer):
        before = len(drawer.asked)
        await pilot.press("r")
        await until(pilot, lambda: "the same to the bit" in status(screen))
        assert len(drawer.asked) == before + 1, "it was drawn, not looked up"
        monkeypatch.setattr("tests.drawer.picture", lambda asked, index: picture(asked, index + 1))
        await pilot.press("r")
        await until(pilot, lambda: "it is not the same" in status(screen))


async def test_drawing_again_can_be_stopped_and_a_pruned_checkpoint_is_one_line(open_gallery: OpenedGallery) -> None:
    async with open_gallery((1,)) as (screen, pilot, got, drawer):
        drawer.let = asyncio.Semaphore(2)
        await pilot.press("r")
        await until(pilot, lambda: "drawing it again 2/" in status(screen))
        closed = len(drawer.closed)
        await pilot.press("escape")
        await until(pilot, lambda: status(screen) == "stopped" and len(drawer.closed) == closed + 1)
        assert not got
        drawer.pruned.add(10)
        await pilot.press("r")
        await until(pilot, lambda: "no checkpoint of step 10" in status(screen))


async def test_export_writes_the_picture_and_what_makes_it_again(open_gallery: OpenedGallery, tmp_path: Path) -> None:
    async with open_gallery((1,)) as (screen, pilot, _, __):
        await pilot.press("e")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskText))
        pilot.app.screen.query_one(Input).value = str(tmp_path / "a.png")
        await pilot.press("enter")
        await until(pilot, lambda: "written" in status(screen))
        assert read_sidecar(tmp_path / "a.png") == marked(screen).sidecar
        await pilot.press("e")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskText))
        dialog = pilot.app.screen
        dialog.query_one(Input).value = str(tmp_path / "a.png")
        await pilot.press("enter")
        assert "there already" in str(dialog.query_one("#complaint", Static).visual)


def shows(screen: GalleryScreen, count: int) -> bool:
    return len(screen.query_one(GalleryGrid).rows) == count


async def test_removing_asks_first(open_gallery: OpenedGallery) -> None:
    async with open_gallery() as (screen, pilot, _, __):
        for key, left in (("n", 2), ("y", 1)):
            await pilot.press("d")
            await until(pilot, lambda: isinstance(pilot.app.screen, Ask))
            await pilot.press(key)
            await until(pilot, lambda: pilot.app.screen is screen)
            await until(pilot, partial(shows, screen, left))
            assert len(gallery.kept()) == left


async def test_an_empty_gallery_says_how_to_fill_it(open_gallery: OpenedGallery) -> None:
    async with open_gallery(()) as (screen, pilot, got, _):
        grid = screen.query_one(GalleryGrid)
        text = " ".join(strip.text for strip in grid.render_lines(grid.size.region))
        assert "Nothing was kept yet" in text
        await pilot.press("r", "d", "e", "enter")
        assert pilot.app.screen is screen and not got


def test_pictures_of_all_sizes_stand_on_tiles_of_one() -> None:
    pictures = [np.full((8, 8, 3), 9, np.uint8), np.full((16, 12, 1), 7, np.uint8), np.full((300, 300, 3), 5, np.uint8)]
    tiles = tiles_of(pictures)
    assert tiles.shape == (3, 128, 128, 4)
    assert (tiles[0] == (9, 9, 9, 255)).all()
    assert (tiles[1, :, 16:112] == (7, 7, 7, 255)).all() and not tiles[1, :, :16].any()
    assert (tiles[2, 64, 64] == (5, 5, 5, 255)).all()
