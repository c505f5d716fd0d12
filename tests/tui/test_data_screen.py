"""The data in full: every view by its keys."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

from tests.tui.conftest import Opened, until
from tests.tui.pictures import paint_folder
from tui_lab.data import Images, Progress, Rejected, load_images
from tui_lab.data.statistics import Statistics
from tui_lab.errors import WorkbenchError
from tui_lab.recipe import Dataset
from tui_lab.tui.aside import Stopped
from tui_lab.tui.data_facts import DataFacts
from tui_lab.tui.screens.ask import AskText, Choose
from tui_lab.tui.screens.data import DataScreen
from tui_lab.tui.theme import DARK, LIGHT
from tui_lab.tui.widgets import data_statistics
from tui_lab.tui.widgets.dataset_panel import DatasetPanel, thousands
from tui_lab.tui.widgets.duplicate_groups import DuplicateGroups
from tui_lab.tui.widgets.left_out import LeftOut
from tui_lab.tui.widgets.one_picture import OnePicture
from tui_lab.tui.widgets.panel_tabs import PanelTabs
from tui_lab.tui.widgets.picture_grid import PictureGrid
from tui_lab.tui.widgets.pixel_view import PixelView

OpenedData = Callable[..., AbstractAsyncContextManager[tuple[DataScreen, Pilot[Any]]]]


def some_images(count: int = 500, side: int = 8, classes: tuple[str, ...] = ("cat", "dog"), **changes: Any) -> Images:
    """Pictures whose every pixel says which row they are; each tenth is held out."""
    pixels = np.zeros((count, side, side, 3), np.uint8)
    pixels[..., 0], pixels[..., 1] = (np.arange(count) % 256)[:, None, None], (np.arange(count) // 256)[:, None, None]
    rows = np.arange(count)
    given: dict[str, Any] = {
        "name": "made",
        "origin": "made here",
        "pixels": pixels,
        "labels": rows % len(classes) if classes else np.full(count, -1),
        "classes": classes,
        "train_rows": rows[rows % 10 != 0],
        "held_out_rows": rows[rows % 10 == 0],
        "rejected": (),
        "content_hash": "made",
    }
    return Images(**{**given, **changes})


@pytest.fixture
def open_data() -> OpenedData:
    """`async with open_data(images, size=…, batch=…) as (screen, pilot)`: the screen without the lab below it."""

    @asynccontextmanager
    async def opened(
        images: Images, size: tuple[int, int] = (100, 30), batch: Any = None, row: int | None = None
    ) -> AsyncIterator[tuple[DataScreen, Pilot[Any]]]:
        async def first(step: int) -> NDArray[np.uint8]:
            return images.take(images.train_rows[step * 4 : step * 4 + 4])

        app: App[None] = App()
        app.register_theme(DARK)
        app.register_theme(LIGHT)
        app.theme = DARK.name
        screen = DataScreen(images, batch or first, "half of them mirrored", row)
        async with app.run_test(size=size) as pilot:
            await app.push_screen(screen)
            await until(pilot, lambda: screen.query_one(PictureGrid).in_view[1])
            yield screen, pilot

    return opened


def status_of(screen: DataScreen) -> str:
    return str(screen.query_one("#data-status", Static).visual)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_the_grid_goes_through_the_whole_set(open_data: OpenedData, size: tuple[int, int]) -> None:
    async with open_data(some_images(), size) as (screen, pilot):
        grid = screen.query_one(PictureGrid)
        assert grid.in_view[0] == 0 and grid.in_view[1] >= 8
        page = grid.in_view[1]
        await pilot.press("pagedown")
        assert grid.in_view == (page, 2 * page)
        await pilot.press("end")
        assert grid.at == 499 and grid.in_view[1] == 500
        assert "#499 · dog · train" in status_of(screen)
        await pilot.press("home", "right", "down")
        assert grid.at == 1 + grid.tiling.columns


async def test_the_frame_goes_with_the_marked_picture(open_data: OpenedData) -> None:
    async with open_data(some_images()) as (screen, pilot):
        grid = screen.query_one(PictureGrid)

        def marked() -> int:
            line = next(strip.text for strip in grid.render_lines(grid.size.region) if "▸" in strip.text)
            return line.index("▸") // (grid.tiling.width + 1)

        assert marked() == 0
        await pilot.press("right", "right")
        assert marked() == 2


async def test_few_pictures_are_shown_as_large_as_all_of_them_fit(open_data: OpenedData) -> None:
    async with open_data(some_images(3, side=8)) as (screen, pilot):
        grid = screen.query_one(PictureGrid)
        assert grid.in_view == (0, 3) and grid.tiling.enlarge >= 3
        await pilot.press("plus")
        assert grid.tiling.page < 3


async def test_only_the_page_in_view_is_read(open_data: OpenedData) -> None:
    images = some_images(60_000)
    async with open_data(images) as (screen, pilot):
        read: list[int] = []
        grid = screen.query_one(PictureGrid)
        before = Images.take

        def counted(self: Images, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
            read.append(len(rows))
            return before(self, rows)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Images, "take", counted)
            await pilot.press("pagedown", "pagedown", "end", "left")
        assert sum(read) <= 4 * grid.tiling.page


async def test_pictures_are_enlarged_and_reduced(open_data: OpenedData) -> None:
    async with open_data(some_images(side=32)) as (screen, pilot):
        grid = screen.query_one(PictureGrid)
        before = grid.tiling.width
        await pilot.press("plus")
        assert grid.tiling.width > before
        await pilot.press(*["minus"] * 20)
        assert grid.tiling.width == 8
        await pilot.press(*["plus"] * 30)
        assert grid.tiling.page >= 1 and grid.tiling.width + 3 <= grid.size.width


async def test_a_class_and_a_side_of_the_split_narrow_the_grid(open_data: OpenedData) -> None:
    async with open_data(some_images()) as (screen, pilot):
        grid = screen.query_one(PictureGrid)
        await pilot.press("c")
        await until(pilot, lambda: isinstance(screen.app.screen, Choose))
        await pilot.press(*"dog", "enter")
        await until(pilot, lambda: len(grid.rows) == 250)
        await pilot.press("s")
        assert len(grid.rows) == 250  # all that are held out are cats
        assert "showing: train, dog" in status_of(screen)
        await pilot.press("s")
        assert len(grid.rows) == 0
        assert "no picture is held out, dog" in status_of(screen)
        await pilot.press("enter", "right")
        assert screen.view == "grid"


async def test_a_picture_is_jumped_to_by_its_index(open_data: OpenedData) -> None:
    async with open_data(some_images()) as (screen, pilot):
        await pilot.press("g")
        await until(pilot, lambda: isinstance(screen.app.screen, AskText))
        dialog = screen.app.screen
        dialog.query_one(Input).value = "500"
        await pilot.press("enter")
        assert "the last one is 499" in str(dialog.query_one("#complaint", Static).visual)
        dialog.query_one(Input).value = "321"
        await pilot.press("enter")
        await until(pilot, lambda: screen.query_one(PictureGrid).at == 321)


async def test_one_picture_stands_large_with_its_numbers(open_data: OpenedData) -> None:
    async with open_data(some_images()) as (screen, pilot):
        await pilot.press("right", "right", "enter")
        words = screen.query_one(OnePicture).query_one(Static)
        await until(pilot, lambda: "2" in str(words.visual))
        shown = str(words.visual)
        assert "class    cat" in shown and "split    train" in shown and "size     8×8" in shown
        assert "red         2.0   0.0    2    2" in shown
        await pilot.press("right")
        assert "red         3.0   0.0    3    3" in str(words.visual)
        await pilot.press("escape")
        assert screen.view == "grid" and screen.query_one(PictureGrid).at == 3
        await pilot.press("escape")
        await until(pilot, lambda: screen.app.screen is not screen)


async def test_a_click_marks_a_picture_and_another_opens_it(open_data: OpenedData) -> None:
    async with open_data(some_images()) as (screen, pilot):
        grid = screen.query_one(PictureGrid)
        offset = (2 * (grid.tiling.width + 1) + 2, 2)
        await pilot.click(PictureGrid, offset=offset)
        assert grid.at == 2 and screen.view == "grid"
        await pilot.click(PictureGrid, offset=offset)
        await until(pilot, lambda: screen.view == "picture")
        await pilot.click(PanelTabs, offset=(3, 0))
        await until(pilot, lambda: screen.view == "grid")


async def test_a_click_on_the_bar_goes_there(open_data: OpenedData) -> None:
    async with open_data(some_images()) as (screen, pilot):
        grid = screen.query_one(PictureGrid)
        await pilot.click(PictureGrid, offset=(grid.size.width - 1, grid.size.height - 1))
        assert grid.in_view[1] == 500


async def test_the_set_is_counted(open_data: OpenedData) -> None:
    async with open_data(some_images(), (120, 40)) as (screen, pilot):
        await pilot.press("3")
        classes = screen.query_one("#card-classes", Static)
        await until(pilot, lambda: "cat" in str(classes.visual))
        assert "250  50.0%" in str(classes.visual)
        assert "red" in str(screen.query_one("#card-values", Static).visual)
        red = np.arange(500) % 256
        assert f"{red.mean():8.1f}{red.std():8.1f}" in str(screen.query_one("#card-numbers", Static).visual)
        assert not screen.query_one("#card-sizes", Static).display  # this set came without files


async def test_beside_a_scrollbar_the_bars_leave_room_for_their_numbers(open_data: OpenedData) -> None:
    async with open_data(some_images(), (80, 24)) as (screen, pilot):
        await pilot.press("3")
        classes = screen.query_one("#card-classes", Static)
        await until(
            pilot, lambda: "cat" in str(classes.visual) and screen.query_one("#statistics").show_vertical_scrollbar
        )
        assert max(map(len, str(classes.visual).splitlines())) <= classes.content_size.width


def test_a_share_of_all_has_room() -> None:
    lines = data_statistics.count_lines({"RGB": 70_000}, 40, plain=False)
    assert [line.cell_length for line in lines] == [40]
    assert lines[0].plain.endswith("100.0%")


async def test_leaving_stops_the_counting(open_data: OpenedData, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, stopped = threading.Event(), threading.Event()

    def endless(images: Images, progress: Progress) -> Statistics:
        begun.set()
        try:
            while True:
                progress(100, 500)
                time.sleep(0.05)
        except Stopped:
            stopped.set()
            raise

    monkeypatch.setattr(data_statistics, "statistics_of", endless)
    async with open_data(some_images()) as (screen, pilot):
        await pilot.press("3")
        words = screen.query_one("#statistics-words", Static)
        await until(pilot, lambda: begun.is_set() and "counting" in str(words.visual))
        assert "100 of 500" in str(words.visual)
        await pilot.press("escape")
        await until(pilot, stopped.is_set)


async def test_duplicates_are_shown_as_pictures_and_told_across_the_split(open_data: OpenedData) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (12_000, 8, 8, 3), dtype=np.uint8)
    noise[11_000] = noise[10_007]  # row 11 000 is held out
    async with open_data(some_images(12_000, pixels=noise), (120, 40)) as (screen, pilot):
        await pilot.press("4")
        groups = screen.query_one(DuplicateGroups)
        words = groups.query_one("#duplicate-words", Static)
        await until(pilot, lambda: "1 group of the very same pictures" in str(words.visual))
        assert f"1 of {thousands(12_000)} pictures could go" in str(words.visual)
        assert "both sides of the split" in str(words.visual)
        await until(pilot, lambda: groups.query_one(PixelView).shown == 2)
        assert "#10007" in str(groups.query_one(OptionList).get_option_at_index(0).prompt)
        assert groups.query_one(OptionList).virtual_size.height == 1  # "both sides" stands behind it, on its line
        await pilot.press("enter")
        await until(pilot, lambda: screen.view == "picture" and "#10007 " in status_of(screen))


async def test_a_set_without_duplicates_says_so(open_data: OpenedData) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (30, 8, 8, 3), dtype=np.uint8)
    async with open_data(some_images(30, pixels=noise)) as (screen, pilot):
        await pilot.press("4")
        words = screen.query_one("#duplicate-words", Static)
        await until(pilot, lambda: "No duplicates: all 30 pictures differ" in str(words.visual))
        assert not screen.query_one("#hint").region.area


async def test_the_split_shows_both_sides(open_data: OpenedData) -> None:
    async with open_data(some_images()) as (screen, pilot):
        await pilot.press("5")
        await until(pilot, lambda: screen.query_one("#held-out-look", PixelView).shown)
        assert "train  450  90.0%" in str(screen.query_one("#train-words", Static).visual)
        assert "held out  50  10.0%" in str(screen.query_one("#held-out-words", Static).visual)
        assert "cat 100%" in str(screen.query_one("#held-out-words", Static).visual)
        before = screen.query_one("#train-look", PixelView)._images
        await pilot.press("n")
        assert not np.array_equal(before, screen.query_one("#train-look", PixelView)._images)


async def test_what_was_left_out_scrolls_and_is_safe(open_data: OpenedData) -> None:
    rejected = tuple(Rejected(f"{n}[bold]\x1b[31m.png", "an empty file [/]") for n in range(1000))
    async with open_data(some_images(rejected=rejected)) as (screen, pilot):
        await pilot.press("6")
        left_out = screen.query_one(LeftOut)
        await until(pilot, lambda: left_out.size.height)
        assert (
            "0[bold]�[31m.png" in left_out.render_line(0).text and "an empty file [/]" in left_out.render_line(0).text
        )
        await pilot.press("end")
        await until(pilot, lambda: "999[bold]" in left_out.render_line(left_out.size.height - 1).text)
        assert "1\u202f000 left out" in status_of(screen)


async def test_what_the_model_sees_is_drawn_step_by_step(open_data: OpenedData) -> None:
    asked: list[int] = []
    images = some_images()

    async def batch(step: int) -> NDArray[np.uint8]:
        asked.append(step)
        if step == 2:
            raise WorkbenchError("the workbench ended")
        return images.take(np.arange(4))

    async with open_data(images, batch=batch) as (screen, pilot):
        assert asked == []
        await pilot.press("7")
        view = screen.query_one("#model-sees PixelView", PixelView)
        await until(pilot, lambda: view.shown == 4)
        words = screen.query_one("#sees-words", Static)
        assert "step 1" in str(words.visual) and "half of them mirrored" in str(words.visual)
        await pilot.press("n")
        await until(pilot, lambda: asked == [0, 1])
        await pilot.press("n")
        await until(pilot, lambda: "the workbench ended" in view._empty)
        await pilot.press("b")
        await until(pilot, lambda: view.shown == 4)


async def test_names_and_first_sizes_come_from_the_cache(tmp_path: Path) -> None:
    images = load_images(Dataset(path=str(paint_folder(tmp_path / "photos", side=20)), resolution=8))
    facts = DataFacts(images).of(0)
    assert facts.name == "blue/000.png" and facts.label == "blue" and facts.native == (20, 20)


@pytest.mark.parametrize(
    ("channels", "classes", "theme"), [(1, (), "lab-light"), (4, ("a",), "lab-dark"), (3, ("one",), "lab-light")]
)
async def test_every_view_stands_for_any_pictures(
    open_data: OpenedData, channels: int, classes: tuple[str, ...], theme: str
) -> None:
    pixels = np.full((1, 8, 12, channels), 7, np.uint8)
    one = some_images(1, classes=classes, pixels=pixels, train_rows=np.array([0]), held_out_rows=np.zeros(0, np.int64))
    async with open_data(one, (80, 24)) as (screen, pilot):
        screen.app.theme = theme
        for key in "124567":
            await pilot.press(key)
            await pilot.pause()
            assert screen.app.export_screenshot()
        await pilot.press("3")
        await until(pilot, lambda: screen.query_one("#card-values").display)


async def test_the_panel_opens_it_and_a_click_opens_that_picture(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        await until(pilot, lambda: lab.query_one("#dataset-page", PixelView).shown)
        await pilot.press("1", "right", "enter")
        await until(pilot, lambda: isinstance(lab.app.screen, DataScreen))
        await pilot.press("escape")
        await until(pilot, lambda: lab.app.screen is lab)
        first = lab.query_one(DatasetPanel)._first
        await pilot.click("#dataset-page", offset=(2, 2))
        await until(pilot, lambda: isinstance(lab.app.screen, DataScreen) and lab.app.screen.view == "picture")
        assert isinstance(lab.app.screen, DataScreen)
        assert f"#{first} " in status_of(lab.app.screen)
