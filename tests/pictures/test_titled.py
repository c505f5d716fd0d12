"""A sheet as a file: each picture pixel for pixel, titles around them, what makes each again beside it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tui_lab.errors import LabError, RunError
from tui_lab.pictures.origin import Origin
from tui_lab.pictures.sidecar import read_sheet, sidecar_of, write_sidecar
from tui_lab.pictures.titled import TitledSheet, save_sheet, write_sheet_sidecar
from tui_lab.recipe.denoising import Denoising

ORIGIN = Origin("ema", "0" * 64, "1" * 16, None, "cpu", "a processor", {})


def sheet(channels: int = 3, title: str = "How low") -> TitledSheet:
    noise = np.random.default_rng(0)
    pictures = {
        (row, column): noise.integers(0, 256, (4, 16, 16, channels), dtype=np.uint8)
        for row, column in ((0, 0), (0, 1), (1, 1))
    }
    words = {(1, 0): "PNDM takes at least 4 steps"}
    return TitledSheet(title, "sampling steps", ("DDIM", "PNDM"), ("2", "10"), pictures, words)


def place_of(pixels: np.ndarray, wanted: np.ndarray) -> tuple[int, int]:
    """(y, x) of the one place where these pixels stand."""
    height, width = wanted.shape[:2]
    found = [
        (int(y), int(x))
        for y, x in np.argwhere((pixels == wanted[0, 0]).all(-1))
        if np.array_equal(pixels[y : y + height, x : x + width], wanted)
    ]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_stand_in_rows_and_columns_enlarged_by_a_whole_factor(tmp_path: Path, channels: int) -> None:
    made = sheet(channels)
    save_sheet(tmp_path / "a.png", made)
    pixels = np.array(Image.open(tmp_path / "a.png"))
    places = {}
    for at, pictures in made.pictures.items():
        first = np.broadcast_to(pictures[0], (16, 16, 3)).repeat(4, 0).repeat(4, 1)
        places[at] = place_of(pixels, first)
    assert places[0, 0][0] == places[0, 1][0] < places[1, 1][0]
    assert places[0, 0][1] < places[0, 1][1] == places[1, 1][1]


def test_titles_and_reasons_are_written_where_there_is_no_picture(tmp_path: Path) -> None:
    save_sheet(tmp_path / "a.png", sheet())
    pixels = np.array(Image.open(tmp_path / "a.png"))
    assert (pixels[:30] != 255).any() and (pixels[:, :60] != 255).any()  # the title, and those of the rows
    save_sheet(tmp_path / "b.png", sheet(title=""))
    assert (np.array(Image.open(tmp_path / "b.png"))[:30] == 255).all()


def test_a_long_reason_stays_within_its_place(tmp_path: Path) -> None:
    made = sheet()
    save_sheet(tmp_path / "short.png", made)
    save_sheet(tmp_path / "long.png", replace(made, words={(1, 0): "breaks at the steep end of its schedule " * 9}))
    short, long = (np.array(Image.open(tmp_path / name)) for name in ("short.png", "long.png"))
    y, x = np.nonzero((short != long).any(-1))
    high, wide = 2 * 16 * 4, 2 * 16 * 4  # a grid of four pictures, enlarged
    assert np.ptp(y) < high and np.ptp(x) < wide and np.ptp(y) > high / 2


def test_each_place_can_be_made_again(tmp_path: Path) -> None:
    made = sheet()
    asked = Denoising(source="heron", checkpoint=5, knobs={"seed": 3})
    sidecars = {at: sidecar_of(asked, ORIGIN, pictures) for at, pictures in made.pictures.items()}
    beside = write_sheet_sidecar(tmp_path / "a.png", made, sidecars)
    assert beside.name == "a.png.json"
    titles = ("DDIM · 2", "DDIM · 10", "PNDM · 10")
    assert read_sheet(tmp_path / "a.png") == read_sheet(beside) == dict(zip(titles, sidecars.values(), strict=True))


def test_what_is_no_sheet_s_has_no_places_and_a_damaged_one_is_told(tmp_path: Path) -> None:
    made, asked = sheet(), Denoising(source="heron")
    alone = write_sidecar(tmp_path / "b.png", sidecar_of(asked, ORIGIN, made.pictures[0, 0]))
    assert read_sheet(alone) == read_sheet(tmp_path / "none.json") == {}
    beside = write_sheet_sidecar(tmp_path / "a.png", made, {(0, 0): sidecar_of(asked, ORIGIN, made.pictures[0, 0])})
    told = json.loads(beside.read_text())
    del told["cells"][0]["title"]
    beside.write_text(json.dumps(told))
    with pytest.raises(RunError, match="no whole sidecar of a sheet"):
        read_sheet(beside)


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="cannot write"):
        save_sheet(tmp_path / "missing" / "a.png", sheet())
