"""The Dataset panel: pictures that follow the knobs, reading with progress and a way to stop."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from tests.tui.conftest import Opened, told, until
from tests.tui.pictures import paint_folder
from tests.waiting import PATIENCE_SECONDS
from tui_lab.data import Images, Progress, load_images
from tui_lab.recipe import KNOBS, Dataset
from tui_lab.tui.aside import Stopped
from tui_lab.tui.screens import loading
from tui_lab.tui.screens.lab import LabScreen
from tui_lab.tui.widgets.dataset_panel import DatasetPanel, page_size, progress_words, shape_words, thousands
from tui_lab.tui.widgets.knob_list import KnobList
from tui_lab.tui.widgets.panel import Panel
from tui_lab.tui.widgets.pixel_view import PixelView


class SlowReading:
    """Stands in for `load_images`: says how far it is until it is told to go on, or stopped."""

    def __init__(self) -> None:
        self.begun, self.go_on, self.stopped = threading.Event(), threading.Event(), threading.Event()

    def __call__(self, dataset: Dataset, progress: Progress) -> Images:
        self.begun.set()
        try:
            while not self.go_on.wait(0.01):
                progress(300, 1200)
        except Stopped:
            self.stopped.set()
            raise
        return load_images(dataset, progress)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> SlowReading:
    reading = SlowReading()
    monkeypatch.setattr(loading, "load_images", reading)
    monkeypatch.setattr(loading, "SETTLED_SECONDS", 0.05)
    return reading


async def take_folder(lab: LabScreen, pilot: Pilot[Any], folder: Path) -> None:
    await until(pilot, lambda: lab.images is not None)
    lab.turn(KNOBS["dataset.path"], str(folder))
    await pilot.pause()


def words_of(lab: LabScreen, id: str = "dataset-words") -> str:
    return str(lab.query_one(f"#{id}", Static).visual)


async def test_first_pictures_stand_while_the_rest_is_read(open_lab: Opened, slow: SlowReading, tmp_path: Path) -> None:
    folder = paint_folder(tmp_path / "photos")
    async with open_lab() as (lab, pilot):
        await take_folder(lab, pilot, folder)
        await until(pilot, slow.begun.is_set)
        await until(pilot, lambda: "300 of 1\u202f200" in words_of(lab, "dataset-progress"))
        assert "esc stops" in words_of(lab, "dataset-progress")
        assert "First 20 pictures" in words_of(lab)
        assert lab.query_one("#dataset-page", PixelView).shown
        slow.go_on.set()
        await until(pilot, lambda: "18 train · 2 held out" in words_of(lab))
        assert not lab.query_one(DatasetPanel).has_class("-reading")


async def test_keys_work_while_the_set_is_read_and_escape_stops_it(
    open_lab: Opened, slow: SlowReading, tmp_path: Path
) -> None:
    async with open_lab() as (lab, pilot):
        await take_folder(lab, pilot, paint_folder(tmp_path / "photos"))
        await until(pilot, slow.begun.is_set)
        await pilot.press("3")
        assert lab.panel == "loss"
        await pilot.press("escape")
        await until(pilot, slow.stopped.is_set)
        await until(pilot, lambda: "Stopped reading" in words_of(lab))
        assert lab.query_one("#dataset-page", PixelView).shown  # the first pictures stay
        assert not lab.query_one(DatasetPanel).has_class("-reading")
        await pilot.press("e")
        await until(pilot, lambda: told(lab, "There are no pictures: d chooses data"))


async def test_stopped_while_its_files_are_listed_a_folder_shows_no_pictures_of_the_set_before(
    open_lab: Opened, slow: SlowReading, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_lab() as (lab, pilot):
        await until(pilot, lambda: lab.images is not None)
        monkeypatch.setattr(loading, "load_cached", slow)
        await take_folder(lab, pilot, paint_folder(tmp_path / "photos"))
        await until(pilot, slow.begun.is_set)
        await pilot.press("escape")
        await until(pilot, lambda: "Stopped reading" in words_of(lab))
        assert not lab.query_one("#dataset-page", PixelView).shown
        assert "pixel-faces" not in str(lab.query_one(DatasetPanel).border_title)


async def test_pictures_follow_a_shaping_knob_before_the_set_is_read(
    open_lab: Opened, slow: SlowReading, tmp_path: Path
) -> None:
    async with open_lab() as (lab, pilot):
        await take_folder(lab, pilot, paint_folder(tmp_path / "photos", side=40))
        view = lab.query_one("#dataset-page", PixelView)
        shown: set[tuple[int, ...]] = set()
        for key, value, shape in (
            ("dataset.resolution", 32, (32, 32, 3)),
            ("dataset.width", 20, (32, 20, 3)),
            ("dataset.channels", 1, (32, 20, 1)),
        ):
            slow.begun.clear()
            lab.turn(KNOBS[key], value)
            await until(pilot, lambda shape=shape: view._images is not None and view._images.shape[1:] == shape)
            shown.add(shape)
            await until(pilot, slow.begun.is_set)
        assert len(shown) == 3 and lab.images is None


async def test_another_turn_of_the_knob_stops_the_reading_before(
    open_lab: Opened, slow: SlowReading, tmp_path: Path
) -> None:
    async with open_lab() as (lab, pilot):
        await take_folder(lab, pilot, paint_folder(tmp_path / "photos"))
        await until(pilot, slow.begun.is_set)
        lab.turn(KNOBS["dataset.resolution"], 8)
        await until(pilot, slow.stopped.is_set)
        slow.go_on.set()
        await until(pilot, lambda: lab.images is not None and lab.images.shape == (8, 8, 3))


async def test_leaving_the_lab_stops_the_reading(open_lab: Opened, slow: SlowReading, tmp_path: Path) -> None:
    async with open_lab() as (lab, pilot):
        await take_folder(lab, pilot, paint_folder(tmp_path / "photos"))
        await until(pilot, slow.begun.is_set)
    assert slow.stopped.wait(PATIENCE_SECONDS)


async def test_pictures_that_come_as_the_lab_is_left_are_dropped(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        await until(pilot, lambda: lab.images is not None)
        images = lab.images
    assert images is not None
    assert not lab.query("DatasetPanel, SchedulePanel")
    lab.data_awaited("Reading …")
    lab.data_previewed("faces", images.take(images.train_rows[:4]))
    lab.data_read(1, 2)
    lab.reading_over()
    lab.data_stopped("Stopped")
    lab.data_there(images)


async def test_what_was_left_out_is_counted_and_harmless(open_lab: Opened, tmp_path: Path) -> None:
    folder = paint_folder(tmp_path / "photos")
    (folder / "red" / "[bold]x.png").write_bytes(b"")
    async with open_lab() as (lab, pilot):
        await take_folder(lab, pilot, folder)
        await until(pilot, lambda: "1 left out: red/[bold]x.png an empty file" in words_of(lab))


async def test_classes_stand_below_their_pictures(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        view = lab.query_one("#dataset-page", PixelView)
        await until(pilot, lambda: view.shown)
        assert lab.images is not None
        first = lab.images.classes[lab.images.train_labels[0]]
        assert view._labels[0] == first


async def test_on_a_small_terminal_pictures_stand_beside_the_knobs_that_shape_them(open_lab: Opened) -> None:
    async with open_lab((80, 24)) as (lab, pilot):
        await pilot.press("4")
        lab.query_one(KnobList).chosen = "dataset.resolution"
        await until(
            pilot, lambda: [panel.id for panel in lab.query(Panel) if panel.region.area] == ["dataset", "recipe"]
        )
        lab.query_one(KnobList).chosen = "optimizer.learning_rate"
        await until(pilot, lambda: [panel.id for panel in lab.query(Panel) if panel.region.area] == ["recipe"])


@pytest.mark.parametrize(("shape", "words"), [((8, 8, 1), "8×8 grey"), ((16, 24, 3), "24×16"), ((8, 8, 4), "8×8 RGBA")])
def test_a_shape_in_words(shape: tuple[int, ...], words: str) -> None:
    assert shape_words(shape) == words


def test_progress_in_words() -> None:
    assert str(progress_words(300, 1200, 40)).endswith(" 300 of 1\u202f200")
    assert str(progress_words(300, 1200, 200)).count("━") == 10
    assert str(progress_words(4000, 0, 40)) == "4\u202f000 found …"
    assert str(progress_words(1, 2, 40, "counting")).startswith("counting ━")


def test_a_page_holds_at_least_a_few() -> None:
    assert page_size(16, 16, 35, 10) >= 4  # two would fit as they are: they are reduced
    assert page_size(8, 8, 35, 10) == 8
    assert page_size(512, 512, 40, 12) == 1
    assert thousands(1234567) == "1\u202f234\u202f567"
