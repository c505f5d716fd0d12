"""A denoising into files: what is written is what was drawn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from PIL import Image
from textual.widgets import Input

from tests.drawer import IMAGES, ORIGIN, SIDE, STEPS, Drawer, picture
from tests.tui.conftest import told, until
from tests.tui.theatre import OpenedTheatre, finished
from tui_lab.errors import RunError
from tui_lab.pictures.sidecar import is_same, read_sidecar
from tui_lab.recipe.denoising import Denoising
from tui_lab.tui.exporting import KINDS, Meant, suggested, write
from tui_lab.tui.screens.export_pictures import ExportPictures
from tui_lab.workbench.answers import DenoisedStep
from tui_lab.workbench.cell import Cell
from tui_lab.workbench.cells import PANES

ASKED = Denoising(source="heron", checkpoint=200, knobs={"seed": 7})
KIND = {kind.name: kind for kind in KINDS}


@pytest.fixture
def cell() -> Cell:
    """Drawn to its end."""
    cell = Cell(ASKED)
    for index in range(STEPS):
        drawn = picture(ASKED, index)
        cell.hear(DenoisedStep(ASKED, ORIGIN, index, STEPS, 0.0, 1.0, 1.0, 1.0, PANES, drawn, IMAGES, ""), 1 << 20)
    cell.rest("done")
    return cell


@pytest.fixture
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    yield tmp_path


def test_a_grid_is_the_step_on_the_screen_and_its_sidecar_makes_it_again(cell: Cell, tmp_path: Path) -> None:
    path, beside = write(Meant(cell, 2, ("x0", "eps"), None), KIND["grid"], tmp_path / "a.png")
    large = np.asarray(Image.open(path))
    factor = large.shape[0] // (2 * SIDE)
    assert np.array_equal(large[::factor, ::factor][:SIDE, SIDE:], picture(ASKED, 2)[1, 1])
    assert is_same(read_sidecar(beside), picture(ASKED, STEPS - 1)[0])


def test_one_picture_alone_is_written_alone(cell: Cell, tmp_path: Path) -> None:
    path, beside = write(Meant(cell, STEPS - 1, ("x_t",), 3), KIND["singles"], tmp_path / "one")
    assert [each.name for each in path.iterdir()] == ["000.png"]
    assert np.array_equal(np.asarray(Image.open(path / "000.png")), picture(ASKED, STEPS - 1)[0, 3])
    assert read_sidecar(beside).denoising.place == 3


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_all_steps_as_a_film_of_the_panes_on_the_screen(cell: Cell, tmp_path: Path, kind: str) -> None:
    path, _ = write(Meant(cell, 0, ("x_t", "x0"), 0), KIND[kind], tmp_path / f"film.{kind}")
    with Image.open(path) as film:
        assert film.n_frames == STEPS and film.width == 2 * film.height
        if kind == "webp":
            film.seek(4)
            factor = film.height // SIDE
            shown = np.asarray(film.convert("RGB"))[::factor, ::factor]
            assert np.array_equal(shown, np.concatenate(list(picture(ASKED, 4)[:2, 0]), axis=1))


def test_a_strip_has_as_many_columns_as_asked(cell: Cell, tmp_path: Path) -> None:
    path, _ = write(Meant(cell, 0, ("x0",), None), KIND["strip"], tmp_path / "s.png", 3)
    with Image.open(path) as strip:
        assert strip.width * IMAGES == strip.height * 3


def test_what_is_drawn_in_part_gets_no_sidecar(cell: Cell, tmp_path: Path) -> None:
    cell.rest("stopped")
    assert len(write(Meant(cell, 2, ("x_t",), None), KIND["grid"], tmp_path / "a.png")) == 1


@pytest.mark.parametrize(("kind", "path"), [("grid", "a.gif"), ("gif", "a.png"), ("grid", "none/a.png")])
def test_a_path_that_cannot_be_is_said_before_anything_is_written(
    cell: Cell, tmp_path: Path, kind: str, path: str
) -> None:
    with pytest.raises(RunError, match=path.rpartition("/")[2].rpartition(".")[0]):
        write(Meant(cell, 0, ("x_t",), None), KIND[kind], tmp_path / path)


def test_names_tell_one_from_another(cell: Cell) -> None:
    names = {suggested(Meant(cell, 2, ("x_t",), one), kind) for kind in KINDS for one in (None, 1)}
    assert "heron-200-seed7-step3.png" in names and "heron-200-seed7-picture2.gif" in names


async def test_the_dialog_writes_says_where_and_copies_the_path(open_theatre: OpenedTheatre, in_a_folder: Path) -> None:
    async with open_theatre() as (theatre, pilot):
        await finished(theatre, pilot)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(theatre.app.screen, ExportPictures))
        with mock.patch.object(type(theatre.app), "copy_to_clipboard") as copied:
            await pilot.press("down", "down", "enter")
            typed = theatre.app.screen.query_one("#path", Input).value
            assert typed == str(in_a_folder / "heron-200-seed0.gif")
            await pilot.press("enter")
            await until(pilot, lambda: told(theatre, f"its path copied: {typed}"))
        copied.assert_called_once_with(typed)
        with Image.open(typed) as film:
            assert film.n_frames == STEPS


async def test_the_grid_is_left_behind_for_the_shell(open_theatre: OpenedTheatre, drawer: Drawer) -> None:
    async with open_theatre() as (theatre, pilot):
        await finished(theatre, pilot)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(theatre.app.screen, ExportPictures))
        await pilot.press("end", "enter")
        await until(pilot, lambda: told(theatre, "when you leave the lab"))
        (left,) = theatre.app.left_behind
        assert np.array_equal(left[:SIDE, :SIDE], picture(theatre.asked, STEPS - 1)[0, 0])


async def test_a_chosen_sample_is_kept(open_theatre: OpenedTheatre) -> None:
    async with open_theatre() as (theatre, pilot):
        await finished(theatre, pilot)
        await pilot.press("shift+right", "shift+right", "s")
        await until(pilot, lambda: told(theatre, "Picture 2 is in the gallery"))
