"""The mask painter, by keys and by the mouse."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import numpy as np
import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Static

from tests.tui.conftest import until
from tui_lab.data.masks import mask_array, mask_of
from tui_lab.recipe.denoising import Mask
from tui_lab.tui.screens.ask import Ask
from tui_lab.tui.screens.paint_mask import PaintMask
from tui_lab.tui.theme import DARK
from tui_lab.tui.widgets.mask_view import MaskView

OpenedPainter = Callable[..., AbstractAsyncContextManager[tuple[PaintMask, Pilot[Any], list[Mask | None]]]]


@pytest.fixture
def open_painter() -> OpenedPainter:
    """`async with open_painter(side=16, …) as (screen, pilot, got)`: what it was left with comes into `got`."""

    @asynccontextmanager
    async def opened(
        side: int = 16, size: tuple[int, int] = (80, 24), begun: Mask | None = None
    ) -> AsyncIterator[tuple[PaintMask, Pilot[Any], list[Mask | None]]]:
        app: App[None] = App()
        app.register_theme(DARK)
        app.theme = DARK.name
        image = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
        screen, got = PaintMask(image, begun), []
        async with app.run_test(size=size) as pilot:
            await app.push_screen(screen, got.append)
            await until(pilot, lambda: "stay" in said(screen, "#mask-words"))
            yield screen, pilot, got

    return opened


def said(screen: PaintMask, where: str) -> str:
    return str(screen.query_one(where, Static).visual)


def anew(screen: PaintMask) -> list[tuple[int, int]]:
    """(row, column) of every pixel that is drawn anew."""
    rows, columns = np.nonzero(~screen.query_one(MaskView).canvas.kept)
    return list(zip(rows.tolist(), columns.tolist(), strict=True))


async def test_keys_paint_and_enter_takes_the_mask(open_painter: OpenedPainter) -> None:
    async with open_painter() as (screen, pilot, got):
        await pilot.press("space", "right", "down", "space")
        assert anew(screen) == [(8, 8), (9, 9)]
        assert "254 of 256 pixels" in said(screen, "#mask-words")
        await pilot.press("shift+right", "shift+right", "enter")
        await until(pilot, lambda: got)
        assert got[0] is not None and got[0].kept == 252
        assert not mask_array(got[0])[9, 11]


async def test_the_brush_grows_keeps_and_stops_at_the_edge(open_painter: OpenedPainter) -> None:
    async with open_painter() as (screen, pilot, _):
        await pilot.press("right_square_bracket", "right_square_bracket", "space")
        assert len(anew(screen)) == 9
        await pilot.press("x", "left_square_bracket", "left_square_bracket", "space")
        assert len(anew(screen)) == 8 and "keeps" in said(screen, "#mask-words")
        await pilot.press(*["up"] * 9, *["left"] * 9)
        assert screen.query_one(MaskView).at == (0, 0)


async def test_rectangle_fill_invert_clear_undo_redo(open_painter: OpenedPainter) -> None:
    async with open_painter() as (screen, pilot, _):
        await pilot.press("r", "right", "right", "down", "space")
        assert len(anew(screen)) == 2 * 3
        await pilot.press("i")
        assert len(anew(screen)) == 256 - 6
        await pilot.press("x", "f")
        assert len(anew(screen)) == 256 - 6, "the brush is in the part that stays already"
        await pilot.press("right", "f")
        assert anew(screen) == []
        await pilot.press("u", "u")
        assert len(anew(screen)) == 6
        await pilot.press("U", "U")
        assert anew(screen) == []
        await pilot.press("a")
        assert len(anew(screen)) == 256
        await pilot.press("c")
        assert anew(screen) == []


async def test_nothing_and_everything_are_refused_with_a_line(open_painter: OpenedPainter) -> None:
    async with open_painter() as (screen, pilot, got):
        await pilot.press("enter")
        assert "every pixel stays" in said(screen, "#mask-complaint")
        await pilot.press("a", "enter")
        assert "no pixel stays" in said(screen, "#mask-complaint")
        assert not got


async def test_leaving_asks_only_where_something_would_be_lost(open_painter: OpenedPainter) -> None:
    async with open_painter() as (screen, pilot, got):
        await pilot.press("r", "escape")
        assert not screen.query_one(MaskView).draws_rectangle and not got
        await pilot.press("space", "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, Ask))
        await pilot.press("n")
        await until(pilot, lambda: pilot.app.screen is screen)
        await pilot.press("u", "escape")
        await until(pilot, lambda: got)
        assert got == [None]


async def test_a_mask_goes_on_where_it_was_left(open_painter: OpenedPainter) -> None:
    kept = np.ones((16, 16), bool)
    kept[:4] = False
    async with open_painter(begun=mask_of(kept)) as (screen, _, __):
        assert len(anew(screen)) == 64
    async with open_painter(begun=mask_of(kept[:8])) as (screen, _, __):
        assert anew(screen) == [], "a mask of another size is none"


async def drag(
    pilot: Pilot[Any], view: MaskView, start: tuple[int, int], end: tuple[int, int], button: int = 1
) -> None:
    """With the button down from one cell of the view to another."""
    await pilot.mouse_down(view, offset=start, button=button)
    await pilot.hover(view, offset=end)
    await pilot.mouse_up(view, offset=end)


async def test_dragging_paints_a_line_which_is_one_stroke(open_painter: OpenedPainter) -> None:
    async with open_painter() as (screen, pilot, _):
        view = screen.query_one(MaskView)
        top, left = view._origin
        across = (left + 20, (top + 8) // 2)
        await drag(pilot, view, (left, (top + 8) // 2), across)
        assert anew(screen) == [(4, column) for column in range(11)]
        await drag(pilot, view, across, across, button=3)
        assert len(anew(screen)) == 10
        await pilot.press("u", "u")
        assert anew(screen) == []


async def test_dragging_a_rectangle(open_painter: OpenedPainter) -> None:
    async with open_painter() as (screen, pilot, _):
        view = screen.query_one(MaskView)
        top, left = view._origin
        await pilot.press("r")
        await drag(pilot, view, (left + 2, (top + 2) // 2), (left + 6, (top + 10) // 2))
        assert anew(screen) == [(row, column) for row in range(1, 6) for column in range(1, 4)]


@pytest.mark.parametrize(("side", "size"), [(64, (80, 24)), (256, (80, 24)), (28, (120, 40)), (16, (200, 60))])
async def test_every_size_is_shown_whole_and_from_near(
    open_painter: OpenedPainter, side: int, size: tuple[int, int]
) -> None:
    async with open_painter(side, size) as (screen, pilot, _):
        view = screen.query_one(MaskView)
        assert (view._window.height, view._window.width) == (side, side)
        view.action_zoom(100)
        await pilot.pause()
        assert view._window.reduce == 1 and view._window.height < side
        view.action_move(-side, 0)
        await pilot.press("space")
        assert view._window.top == 0 and (0, side // 2) in anew(screen)


async def test_a_cell_that_shows_two_pixels_paints_both(open_painter: OpenedPainter) -> None:
    async with open_painter(36) as (screen, pilot, _):
        view = screen.query_one(MaskView)
        await pilot.press("left_square_bracket")
        top, left = view._origin
        cell = (left + 3, (top + 11) // 2)
        await drag(pilot, view, cell, cell)
        assert len(anew(screen)) == 2 and {column for _, column in anew(screen)} == {3}


async def test_without_colour_strokes_and_shades_tell_the_parts_apart(
    open_painter: OpenedPainter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIFFUSION_LAB_COLOR", "none")
    async with open_painter() as (screen, pilot, _):
        await pilot.press("r", *["right"] * 4, *["down"] * 4, "space", *["left"] * 8)
        view = screen.query_one(MaskView)
        lines = [strip.text for strip in view.render_lines(view.size.region)]
        assert sum(line.count("╱") for line in lines) == 10 * 5, "5×5 pixels are 10 by 5 cells"
        assert sum(line.count("+") for line in lines) >= 8
