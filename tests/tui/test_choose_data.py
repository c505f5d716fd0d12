"""Choosing data by its keys: known and recent sets, a tree of folders, a hub name; and what happens where it fails."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

from tests.tui.conftest import Opened, told, until
from tests.tui.pictures import paint_folder
from tui_lab.catalog import datasets
from tui_lab.tui.data_choice import DataChoice
from tui_lab.tui.memory import Memory
from tui_lab.tui.screens.choose_data import ChooseData, entries, typed_entry
from tui_lab.tui.screens.hub_name import HubName
from tui_lab.tui.screens.lab import LabScreen
from tui_lab.tui.screens.pick_path import PickPath
from tui_lab.tui.widgets.dataset_panel import DatasetPanel
from tui_lab.tui.widgets.file_tree import FileTree


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The person's home folder, with pictures in it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    paint_folder(tmp_path / "photos")
    return tmp_path


async def open_chooser(lab: LabScreen, pilot: Pilot[Any], typed: str = "") -> ChooseData:
    await pilot.press("d")
    await until(pilot, lambda: isinstance(lab.app.screen, ChooseData) and lab.app.screen.query_one(OptionList).options)
    chooser = lab.app.screen
    assert isinstance(chooser, ChooseData)
    if typed:
        chooser.query_one(Input).value = typed
        await pilot.pause()
    return chooser


def rows_of(chooser: ChooseData) -> str:
    return "\n".join(str(option.prompt) for option in chooser.query_one(OptionList).options)


async def test_a_known_set_is_one_edit_that_one_undo_takes_back(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        await open_chooser(lab, pilot, "digits")
        await pilot.press("enter")
        await until(pilot, lambda: lab.draft.recipe.dataset.name == "digits")
        assert (lab.draft.recipe.dataset.resolution, lab.draft.recipe.dataset.channels) == (8, 1)
        assert lab.draft.problems == []
        await until(pilot, lambda: "digits 8×8 grey" in str(lab.query_one(DatasetPanel).border_title))
        await pilot.press("u")
        assert lab.draft.changes == {}


async def test_typing_narrows_the_list(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        chooser = await open_chooser(lab, pilot)
        assert "fashion-mnist" in rows_of(chooser) and "a hub name" in rows_of(chooser)
        await pilot.press(*"8x8")
        await until(pilot, lambda: "fashion-mnist" not in rows_of(chooser))
        assert "digits" in rows_of(chooser)
        await pilot.press("escape")
        await until(pilot, lambda: lab.app.screen is lab)
        assert lab.draft.changes == {}


async def test_a_set_that_is_not_here_says_what_to_install(open_lab: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "_has_fashion_mnist", lambda: False)
    info = datasets.DATASETS["fashion-mnist"]
    (row,) = [
        row for row in entries(DataChoice(), [], {name: name != info.name for name in datasets.DATASETS}) if row.missing
    ]
    assert row.missing == info.needs
    async with open_lab() as (lab, pilot):
        chooser = await open_chooser(lab, pilot)
        chooser._entries = [row]
        chooser._fill("")
        await pilot.press("enter")
        await until(pilot, lambda: info.needs in str(chooser.query_one("#data-words", Static).visual))
        assert lab.app.screen is chooser


async def test_a_folder_is_picked_from_the_tree_by_arrows(open_lab: Opened, home: Path) -> None:
    async with open_lab() as (lab, pilot):
        await open_chooser(lab, pilot, "a folder or")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(lab.app.screen, PickPath))
        tree = lab.app.screen.query_one(FileTree)
        await until(pilot, lambda: "photos/" in tree.names)
        await pilot.press("down", "right")
        await until(pilot, lambda: tree.names[1:] == ["photos/", "blue/", "red/"])
        words = lab.app.screen.query_one("#path-words", Static)
        await until(pilot, lambda: "20 images in 2 folders (blue, red)" in str(words.visual))
        await pilot.press("enter")
        await until(pilot, lambda: lab.draft.recipe.dataset.path == str(home / "photos"))
        assert lab.draft.recipe.dataset.size == (12, 12)
        await until(pilot, lambda: lab.images)
        assert "18 train · 2 held out · 2 classes" in str(lab.query_one("#dataset-words", Static).visual)


async def test_the_tree_shows_hidden_names_on_request_and_goes_up(open_lab: Opened, home: Path) -> None:
    (home / ".cache").mkdir()
    async with open_lab() as (lab, pilot):
        await open_chooser(lab, pilot, "a folder or")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(lab.app.screen, PickPath))
        tree = lab.app.screen.query_one(FileTree)
        await until(pilot, lambda: "photos/" in tree.names)
        assert ".cache/" not in tree.names
        await pilot.press("full_stop")
        await until(pilot, lambda: ".cache/" in tree.names)
        await pilot.press("left")
        await until(pilot, lambda: tree.highlighted == home.parent and f"{home.name}/" in tree.names)
        await pilot.press("escape", "escape")
        await until(pilot, lambda: lab.app.screen is lab)


async def test_a_typed_path_is_taken_and_remembered_first(open_lab: Opened, home: Path) -> None:
    async with open_lab() as (lab, pilot):
        await open_chooser(lab, pilot, "~/photos")
        await pilot.press("enter")
        await until(pilot, lambda: lab.images is not None and lab.draft.recipe.dataset.path)
        lab.remember()
        assert Memory.load().recent_data[0]["path"] == str(home / "photos")
        chooser = await open_chooser(lab, pilot)
        assert rows_of(chooser).split("\n")[:2] == [
            "recent",
            f" ✓ {'~/photos':<36} {'12×12 RGB':<10} pictures of your own",
        ]


async def test_a_table_comes_in_the_shape_of_its_pictures(open_lab: Opened, home: Path) -> None:
    picture = BytesIO()
    Image.new("L", (12, 12)).save(picture, "PNG")
    parquet.write_table(pa.table({"image": [picture.getvalue()] * 4}), home / "grey.parquet")
    async with open_lab() as (lab, pilot):
        await open_chooser(lab, pilot, "~/grey.parquet")
        await pilot.press("enter")
        await until(pilot, lambda: lab.images is not None and lab.draft.recipe.dataset.path)
        assert lab.images is not None and lab.images.shape == (12, 12, 1)


async def test_what_cannot_be_read_is_said_and_the_choice_stays(open_lab: Opened, home: Path) -> None:
    (home / "empty").mkdir()
    async with open_lab() as (lab, pilot):
        await until(pilot, lambda: lab.images is not None)
        before = lab.images
        await open_chooser(lab, pilot, "~/empty")
        await pilot.press("enter")
        await until(pilot, lambda: told(lab, "no images under"))
        assert told(lab, "pixel-faces stays")
        assert lab.draft.changes == {} and lab.images is before
        chooser = await open_chooser(lab, pilot, "/no/such/place")
        await pilot.press("enter")
        await until(pilot, lambda: "there is nothing at /no" in str(chooser.query_one("#data-words", Static).visual))
        assert lab.app.screen is chooser


async def test_a_hub_set_that_cannot_be_reached_leaves_the_present_choice(
    open_lab: Opened, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    async with open_lab() as (lab, pilot):
        await open_chooser(lab, pilot, "a hub name")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(lab.app.screen, HubName))
        await pilot.press(*"nobody/nothing", "down", *"big", "enter")
        await until(pilot, lambda: told(lab, "pixel-faces stays"))
        assert lab.draft.changes == {}


async def test_a_hub_form_says_what_a_name_is(open_lab: Opened) -> None:
    async with open_lab() as (lab, pilot):
        await open_chooser(lab, pilot, "a hub name")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(lab.app.screen, HubName))
        await pilot.press(*"mnist", "enter")
        words = lab.app.screen.query_one("#hub-complaint", Static)
        await until(pilot, lambda: "it is owner/name" in str(words.visual))


def test_what_is_typed_offers_itself() -> None:
    assert [row.choice for row in typed_entry("a/b, big")] == [DataChoice(name="a/b", config="big")]
    assert typed_entry("/tmp")[0].choice == DataChoice(path="/tmp")
    assert typed_entry("faces") == []
    assert typed_entry("a/b/c")[0].way == "hub"
