"""How low can you go, and any two knobs: sheets filled by a workbench in the test's own process."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from textual.pilot import Pilot
from textual.widgets import Input, Static

from tests.drawer import IMAGES, PANES, STEPS, Drawer, picture
from tests.tui.bare_app import BareApp
from tests.tui.conftest import until
from tests.tui.pictures import pixels_shown
from tui_lab.pictures.sidecar import pixels_sha256
from tui_lab.recipe import Recipe, dump_recipe, edited
from tui_lab.recipe.denoising import Denoising
from tui_lab.recipe.sheets import Axis, knob_sheet
from tui_lab.runs.folder import RunFolder
from tui_lab.tui.desk import Desk
from tui_lab.tui.screens.ask import AskText
from tui_lab.tui.screens.choose_axes import ChooseAxes
from tui_lab.tui.screens.sheet import SheetScreen, open_sheet
from tui_lab.tui.screens.theatre import TheatreScreen
from tui_lab.tui.widgets.sheet_grid import Place, SheetGrid

BASE = Denoising(source="heron", checkpoint=200)
SMALL = Axis("scheduler", ("DDIMScheduler", "PNDMScheduler")), Axis("num_inference_steps", (2, 5, 10))
Opened = Callable[..., AbstractAsyncContextManager[tuple[SheetScreen, Pilot[Any]]]]


@pytest.fixture
def drawer() -> Drawer:
    return Drawer()


@pytest.fixture
def open_small(drawer: Drawer, lab_home: Path) -> Opened:
    """`async with open_small(size=…, axes=…) as (screen, pilot)`: DDIM and PNDM at 2, 5 and 10 steps."""

    @asynccontextmanager
    async def opened(
        size: tuple[int, int] = (120, 40), axes: tuple[Axis, Axis] | None = SMALL, **recipe: Any
    ) -> AsyncIterator[tuple[SheetScreen, Pilot[Any]]]:
        run = RunFolder.create(dump_recipe(edited(Recipe(), recipe)), name="heron")
        run.checkpoint(200).mkdir(parents=True)
        app, desk = BareApp(), Desk(drawer)  # type: ignore[arg-type]
        async with app.run_test(size=size) as pilot:
            open_sheet(app, desk, BASE)
            await until(pilot, lambda: isinstance(app.screen, SheetScreen) and app.screen.is_mounted)
            screen = app.screen
            assert isinstance(screen, SheetScreen)
            if axes is not None:
                screen.begin(knob_sheet(BASE.turned(num_images=IMAGES), run.recipe(), *axes))
            yield screen, pilot
            await desk.close()

    return opened


def said(screen: SheetScreen, part: str) -> str:
    return str(screen.query_one(f"#sheet-{part}", Static).visual)


def grid(screen: SheetScreen) -> SheetGrid:
    return screen.query_one(SheetGrid)


async def filled(screen: SheetScreen, pilot: Pilot[Any]) -> None:
    await until(pilot, lambda: len(screen.drawing.finished) == screen.drawing.count and not screen._stale)


async def test_every_place_is_filled_with_the_end_of_its_denoising(open_small: Opened) -> None:
    async with open_small() as (screen, pilot):
        await filled(screen, pilot)
        assert sorted(screen.drawing.finished) == [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2)]
        for at, finished in screen.drawing.finished.items():
            drawn = picture(screen.drawing.cell(at).asked, STEPS - 1)[PANES.index("x_t")]
            assert np.array_equal(finished.pictures, drawn)
        assert "How low can you go?" in said(screen, "title") and "heron @ 200" in said(screen, "title")
        await until(pilot, lambda: said(screen, "columns").split() == ["sampling", "steps", "2", "5", "10"])
        assert said(screen, "rows").split() == ["DDIM", "PNDM"]


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_pictures_are_on_the_screen_pixel_for_pixel(
    open_small: Opened, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLORTERM", "truecolor")
    async with open_small(size) as (screen, pilot):
        await filled(screen, pilot)
        await until(pilot, lambda: all(stands_there(screen, at) for at in screen.drawing.finished))
        plan = grid(screen).plan
        assert plan.reduce == 1 and (plan.down, plan.across) == (2, 3)


def stands_there(screen: SheetScreen, at: tuple[int, int]) -> bool:
    """Whether the first picture of that place is on the screen, each of its pixels a square."""
    plan = grid(screen).plan
    top, left = plan.corner(*at)
    seen = pixels_shown(grid(screen))[top + 1 : top + 1 + plan.height, left + 1 : left + 1 + plan.width]
    picture = screen.drawing.finished[at].pictures[0]
    return np.array_equal(seen, picture.repeat(plan.enlarge, 0).repeat(plan.enlarge, 1))


async def test_an_impossible_place_says_why_where_it_stands(open_small: Opened) -> None:
    async with open_small() as (screen, pilot):
        await filled(screen, pilot)
        await pilot.press("down")
        assert "PNDM · 2 steps" in said(screen, "words") and "takes at least 4 steps" in said(screen, "words")
        words = " ".join(text.strip() for _, _, text, _ in grid(screen).words_over())
        assert words == "PNDM takes at least 4 steps"
        await pilot.press("enter")
        assert screen.app.screen is screen
        await until(pilot, lambda: "takes at least 4 steps" in screen.app.notes)  # type: ignore[attr-defined]


async def test_the_fewest_steps_come_first_and_escape_stops_what_is_left(open_small: Opened, drawer: Drawer) -> None:
    drawer.let = type(drawer.let)(0)
    async with open_small() as (screen, pilot):
        for _ in range(STEPS + 2):
            drawer.let.release()
        await until(pilot, lambda: (0, 0) in screen.drawing.finished and screen.drawing.live((0, 1)))
        grid(screen).go(0, 1)
        await until(pilot, lambda: "drawing 2/6" in said(screen, "words"))
        await pilot.press("escape")
        assert "stopped: space goes on" in said(screen, "title") and not screen.drawing.running
        await until(pilot, lambda: len(drawer.closed) == len(drawer.asked))
        drawer.let = type(drawer.let)(10_000)
        await pilot.press("space")
        await filled(screen, pilot)
        await pilot.press("escape")
        await until(pilot, lambda: not screen.is_attached)


async def words_at(screen: SheetScreen, pilot: Pilot[Any], row: int, column: int) -> str:
    """Of that place, framed."""
    grid(screen).go(row, column)
    await pilot.pause()
    return said(screen, "words")


async def test_a_place_is_opened_in_the_player(open_small: Opened) -> None:
    async with open_small() as (screen, pilot):
        await filled(screen, pilot)
        await pilot.press("right", "enter")
        await until(pilot, lambda: isinstance(screen.app.screen, TheatreScreen))
        theatre = screen.app.screen
        assert isinstance(theatre, TheatreScreen)
        assert theatre.asked.knobs["num_inference_steps"] == 5 and theatre.asked.knobs["scheduler"] == "DDIMScheduler"


async def test_how_far_a_place_is_from_the_end_of_its_row(open_small: Opened) -> None:
    async with open_small(axes=(SMALL[0], Axis("seed", (0, 1)))) as (screen, pilot):
        await filled(screen, pilot)
        first, last = (screen.drawing.finished[0, column].pictures.astype(float) for column in (0, 1))
        apart = np.sqrt((((first - last) / 255) ** 2).mean())
        assert f"RMSE {apart:.3f} to seed 1" in said(screen, "words")
        await pilot.press("end")
        assert "RMSE" not in said(screen, "words")


async def test_two_other_knobs_are_chosen_with_what_they_cost(open_small: Opened) -> None:
    async with open_small() as (screen, pilot):
        await pilot.press("x")
        await until(pilot, lambda: isinstance(screen.app.screen, ChooseAxes))
        dialog = screen.app.screen
        cost = dialog.query_one("#axes-cost", Static)
        assert "2 × 3: 5 denoisings, 32 model calls; 1 place stays empty" in str(cost.visual)
        await pilot.press("down", "down", "right")
        across = dialog.query_one("#values-across", Input)
        await until(pilot, lambda: across.value == "0, 0.25, 0.5, 0.75, 1")
        across.value = "0, 7"
        await until(pilot, lambda: "0 to 1" in str(cost.visual))
        await pilot.press("enter")
        assert screen.app.screen is dialog
        across.value = "0, 0.5"
        await pilot.press("enter")
        await filled(screen, pilot)
        assert said(screen, "columns").split() == ["eta", "0", "0.5"]
        assert sorted(screen.drawing.finished) == [(0, 0), (0, 1), (1, 0)]
        assert "eta changes nothing with PNDM" in await words_at(screen, pilot, 1, 1)


async def test_more_pictures_and_another_seed_begin_the_sheet_anew(open_small: Opened) -> None:
    async with open_small() as (screen, pilot):
        await filled(screen, pilot)
        await pilot.press("right_square_bracket", "i")
        await filled(screen, pilot)
        knobs = screen.drawing.cell((0, 0)).asked.knobs
        assert knobs["seed"] == 1 and knobs["num_images"] == 8
        assert "seed 1" in said(screen, "title") and len(screen.drawing.finished) == 5


async def test_a_place_is_pinned(open_small: Opened) -> None:
    async with open_small() as (screen, pilot):
        await filled(screen, pilot)
        await pilot.press("right", "c")
        assert screen.drawing.cell((0, 1)).asked in screen._desk.pins and "pinned" in said(screen, "words")
        await pilot.press("c")
        assert not screen._desk.pins.pinned


async def test_the_sheet_is_exported_with_its_titles_and_what_makes_it_again(
    open_small: Opened, tmp_path: Path
) -> None:
    target = tmp_path / "sheet.png"
    async with open_small() as (screen, pilot):
        await filled(screen, pilot)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(screen.app.screen, AskText))
        screen.app.screen.query_one(Input).value = str(target)
        await pilot.press("enter")
        await until(pilot, lambda: "Written" in screen.app.notes)  # type: ignore[attr-defined]
        pictures = screen.drawing.finished[1, 2].pictures
    pixels = np.array(Image.open(target))
    wanted = pictures[0].repeat(8, axis=0).repeat(8, axis=1)  # 8×8 pictures are enlarged to 64×64
    corners = [(y, x) for y, x in np.argwhere((pixels == wanted[0, 0]).all(-1)) if holds(pixels, y, x, wanted)]
    assert len(corners) >= 1
    told = json.loads((tmp_path / "sheet.png.json").read_text())
    assert [cell["title"] for cell in told["cells"]][-1] == ["PNDM", "10"] and len(told["cells"]) == 5
    assert told["cells"][-1]["pixels"]["sha256"] == pixels_sha256(pictures)


def holds(pixels: np.ndarray, y: int, x: int, wanted: np.ndarray) -> bool:
    seen = pixels[y : y + len(wanted), x : x + wanted.shape[1]]
    return seen.shape == wanted.shape and np.array_equal(seen, wanted)


async def test_a_place_that_fails_says_why_and_the_others_are_filled(open_small: Opened, drawer: Drawer) -> None:
    drawer.pruned = {200}
    async with open_small() as (screen, pilot):
        await until(pilot, lambda: not screen.drawing.left)
        await until(pilot, lambda: "heron has no checkpoint" in said(screen, "words"))
        drawer.pruned = set()
        await pilot.press("space")
        await filled(screen, pilot)
        assert len(screen.drawing.finished) == 5


async def test_all_samplers_by_step_counts_to_begin_with(open_small: Opened) -> None:
    async with open_small(axes=None) as (screen, pilot):
        assert len(screen.sheet.down.values) == 15 and screen.sheet.across.values == (2, 5, 10, 20, 50)
        await filled(screen, pilot)
        first = grid(screen).first
        await pilot.press("pagedown", "pagedown")
        assert grid(screen).first > first and "SDE" not in said(screen, "rows")
        await pilot.press("plus")
        assert grid(screen).at[0] >= grid(screen).first[0]


@pytest.mark.parametrize(("pictures", "pixels_a_cell"), [("half", (1, 2)), ("quadrant", (2, 2)), ("sextant", (2, 3))])
async def test_reduced_pictures_show_what_finer_cells_can(
    pictures: str, pixels_a_cell: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIFFUSION_LAB_PICTURES", pictures)
    across, down = pixels_a_cell
    halves = np.zeros((1, 32, 32, 3), np.uint8)
    halves[:, :, 16:] = 200
    app = BareApp()
    async with app.run_test(size=(14, 7)) as pilot:
        sheet = SheetGrid()
        await app.mount(sheet)
        await until(pilot, lambda: sheet.size.width)
        sheet.lay(1, 1)
        sheet.fill(0, 0, Place(halves))
        plan = sheet.plan
        assert plan.reduce > 1
        canvas, _ = sheet._draw(sheet.size, sheet.background_colors[1])
        assert canvas.shape == (down * sheet.size.height, across * sheet.size.width, 3)
        middle = canvas[canvas.shape[0] // 2, across : across * (1 + plan.width), 0]
        assert (middle[: len(middle) // 2] == 0).all() and (middle[-(len(middle) // 2) :] == 200).all()
