import itertools
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from textual.app import App, ComposeResult
from textual.containers import Container
from textual.geometry import Region
from textual.screen import ModalScreen
from textual.widgets import Static

from tests.tui.conftest import until
from tui_lab.tui.bandwidth import LADDER
from tui_lab.tui.terminal import ColourDepth
from tui_lab.tui.widgets.pixel_view import PixelView

RED, BLUE = (255, 0, 0), (0, 0, 255)


@pytest.fixture(autouse=True)
def truecolor(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DIFFUSION_LAB_COLOR", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)
    yield


class RecordingView(PixelView):
    """Remembers what it asked Textual to send again."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.asked: list[tuple[Region, ...]] = []

    def refresh(self, *regions: Region, **options: bool) -> "RecordingView":
        self.asked.append(regions)
        super().refresh(*regions, **options)
        return self


class Gallery(App[None]):
    CSS = """
    #frame { border: round white; width: 22; height: 12; }
    """

    def __init__(self, view: PixelView) -> None:
        super().__init__()
        self.view = view
        self.selected: list[int] = []

    def compose(self) -> ComposeResult:
        with Container(id="frame"):
            yield self.view

    def on_pixel_view_selected(self, event: PixelView.Selected) -> None:
        self.selected.append(event.index)


class Dialog(ModalScreen[None]):
    CSS = """
    Dialog { align: left top; }
    Static { width: 12; height: 3; background: $panel; }
    """

    def compose(self) -> ComposeResult:
        yield Static("are you sure")


def plain(colour: tuple[int, int, int], count: int = 1, side: int = 4) -> np.ndarray:
    images = np.empty((count, side, side, 3), np.uint8)
    images[...] = colour
    return images


def cell(app: App[None], x: int, y: int) -> tuple[str, str, str]:
    """Character, foreground and background of a cell of the screen, as an export would have it."""
    for segment in app.screen._compositor.render_strips()[y]:
        if x < len(segment.text):
            assert segment.style is not None
            front, back = (c.get_truecolor().hex if c else "" for c in (segment.style.color, segment.style.bgcolor))
            return segment.text[x], front, back
        x -= len(segment.text)
    raise AssertionError("no such cell")


async def test_a_picture_fills_the_panel_and_its_colours_are_exact() -> None:
    app = Gallery(PixelView())
    async with app.run_test(size=(40, 20)) as pilot:
        app.view.show(plain(RED))
        await pilot.pause()
        assert app.view.size == (20, 10) and app.view.shown == 1
        for corner in ((1, 1), (20, 10)):
            assert cell(app, *corner)[2] == "#ff0000"


async def test_pictures_shown_before_the_first_layout_appear() -> None:
    view = PixelView()
    view.show(plain(BLUE))
    app = Gallery(view)
    async with app.run_test(size=(40, 20)) as pilot:
        await pilot.pause()
        assert cell(app, 1, 1)[2] == "#0000ff"


async def test_a_new_size_lays_the_pictures_out_anew() -> None:
    app = Gallery(PixelView())
    async with app.run_test(size=(40, 20)) as pilot:
        app.view.show(plain(RED, count=8, side=8))
        await pilot.pause()
        before = app.view.shown
        app.query_one("#frame").styles.width = 40
        await pilot.pause()
        assert app.view.shown > before
        assert app.view.size.width == 38


async def test_only_rows_that_changed_are_sent_and_encoded_again() -> None:
    view = RecordingView()
    app = Gallery(view)
    async with app.run_test(size=(40, 20)) as pilot:
        picture = plain(RED, side=20)
        view.show(picture)
        await pilot.pause()
        strips = view.render_lines(Region(0, 0, 20, 10))
        changed = picture.copy()
        changed[0, 6] = BLUE  # the upper half of row 3
        view.asked.clear()
        view.show(changed)
        assert view.asked == [(Region(0, 3, 20, 1),)]
        after = view.render_lines(Region(0, 0, 20, 10))
        assert [a is b for a, b in zip(strips, after, strict=True)] == [y != 3 for y in range(10)]
        await pilot.pause()
        assert cell(app, 1, 4) == ("▀", "#0000ff", "#ff0000")


async def test_the_same_picture_again_sends_nothing() -> None:
    view = RecordingView()
    app = Gallery(view)
    async with app.run_test(size=(40, 20)) as pilot:
        view.show(plain(RED))
        await pilot.pause()
        view.asked.clear()
        view.show(plain(RED))
        assert view.asked == []


async def test_empty_cells_have_the_panels_background_in_both_themes() -> None:
    app = Gallery(PixelView())
    async with app.run_test(size=(40, 20)) as pilot:
        app.view.show(plain(RED, count=2, side=9))
        for theme in ("textual-dark", "textual-light"):
            app.theme = theme
            await pilot.pause()
            gap = cell(app, 1 + 9, 1)[2]
            assert gap == app.view.background_colors[1].hex.lower()


async def test_a_dialog_hides_it_and_the_latest_picture_is_there_afterwards() -> None:
    app = Gallery(PixelView())
    async with app.run_test(size=(40, 20)) as pilot:
        app.view.show(plain(RED, side=20))
        await pilot.pause()
        await app.push_screen(Dialog())
        await pilot.pause()
        rows = app.screen._compositor.render_strips()
        assert rows[0].text.startswith("are you sure")
        app.view.show(plain(BLUE, side=20))  # held until the dialog is gone
        await pilot.pause()
        app.pop_screen()
        await pilot.pause()
        assert cell(app, 5, 5)[2] == "#0000ff"


async def test_the_svg_export_holds_the_colours_and_no_escape() -> None:
    app = Gallery(PixelView())
    async with app.run_test(size=(40, 20)) as pilot:
        app.view.show(plain(RED))
        await pilot.pause()
        svg = app.export_screenshot()
        assert "#ff0000" in svg and "\x1b" not in svg


async def test_labels_stand_below_their_pictures() -> None:
    app = Gallery(PixelView())
    async with app.run_test(size=(40, 20)) as pilot:
        app.view.show(plain(RED, count=2, side=8), labels=["0", "999"])
        await pilot.pause()
        row = app.screen._compositor.render_strips()[5].text
        assert re.match(r"│ +0 +999 ", row)


async def test_a_click_says_which_picture_it_hit() -> None:
    app = Gallery(PixelView())
    async with app.run_test(size=(40, 20)) as pilot:
        app.view.show(plain(RED, count=4, side=8))
        await pilot.pause()
        await pilot.click(PixelView, offset=(2, 1))
        await pilot.click(PixelView, offset=(8, 1))  # the gap
        await pilot.click(PixelView, offset=(11, 6))
        assert app.selected == [0, 3]


async def test_without_colour_there_are_shades_and_no_colours_of_pictures() -> None:
    app = Gallery(PixelView(depth=ColourDepth.NONE))
    async with app.run_test(size=(40, 20)) as pilot:
        picture = plain((0, 0, 0), side=20)
        picture[:, :10] = 255
        app.view.show(picture)
        await pilot.pause()
        rows = app.screen._compositor.render_strips()
        assert rows[2].text[1:21] == "█" * 20 and rows[8].text[1:21] == " " * 20


async def test_grey_pictures_and_a_single_one_are_taken_as_they_are() -> None:
    app = Gallery(PixelView())
    async with app.run_test(size=(40, 20)) as pilot:
        app.view.show(np.full((8, 8, 1), 77, np.uint8))
        await pilot.pause()
        assert cell(app, 1, 1)[2] == "#4d4d4d"


async def test_while_there_is_nothing_it_says_what_to_do() -> None:
    app = Gallery(PixelView(empty="Press t to train"))
    async with app.run_test(size=(40, 20)) as pilot:
        await pilot.pause()
        assert "Press t to train" in app.screen._compositor.render_strips()[5].text
        app.view.show(plain(RED))
        await pilot.pause()
        assert "Press t" not in app.export_screenshot()
        app.view.clear("Nothing now")
        await pilot.pause()
        assert "Nothing now" in app.screen._compositor.render_strips()[5].text


async def test_a_strip_over_time_leaves_out_evenly_where_it_must() -> None:
    app = Gallery(PixelView(shrink_to_fit=True))
    async with app.run_test(size=(40, 20)) as pilot:
        app.view.show(plain(RED, count=9, side=8), labels=[str(n) for n in range(9)])
        await pilot.pause()
        texts = [strip.text for strip in app.screen._compositor.render_strips()]
        assert app.view.shown == 4
        assert re.match(r"│ +0 +3 ", texts[5]) and re.match(r"│ +5 +8 ", texts[10])


async def test_what_was_shown_while_hidden_is_there_afterwards() -> None:
    app = Gallery(PixelView())
    async with app.run_test(size=(40, 20)) as pilot:
        app.view.show(plain(RED))
        await pilot.pause()
        app.query_one("#frame").display = False
        await pilot.pause()
        app.view.show(plain(BLUE))
        app.query_one("#frame").display = True
        await pilot.pause()
        assert cell(app, 1, 1)[2] == "#0000ff"


async def test_lines_that_find_no_room_follow_when_there_is_some_each_in_its_turn() -> None:
    view = PixelView(depth=ColourDepth.TRUECOLOR)
    room = 0
    async with Gallery(view).run_test(size=(40, 20)) as pilot:
        view.show(np.zeros((20, 20, 3), np.uint8))
        await pilot.pause()
        view.room = lambda: room
        noise = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
        before = list(view._lines.strips)
        view.show(noise)
        assert view.behind and view._lines.strips == before
        rows = 0
        for granted in (2_500, 2_500, 1_000_000):
            room = granted
            view._catch_up()
            sent = sum(new is not old for new, old in zip(view._lines.strips, before, strict=True))
            assert sent > rows
            rows = sent
        assert rows == 10 and not view.behind
        assert np.array_equal(view._lines.pixels.reshape(20, 20, 3), noise)


async def test_what_cannot_be_seen_waits_for_no_room() -> None:
    view = PixelView(depth=ColourDepth.TRUECOLOR)
    noise = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
    async with Gallery(view).run_test(size=(40, 20)) as pilot:
        view.show(np.zeros((20, 20, 3), np.uint8))
        await pilot.pause()
        view.room = lambda: 0
        view.show(noise)
        assert view.behind
        view.display = False
        await until(pilot, lambda: not view.behind)
        view.room = lambda: 1_000_000
        view.display = True
        await until(pilot, lambda: np.array_equal(view._lines.pixels.reshape(20, 20, 3), noise))


async def test_few_colours_and_large_pixels_are_a_fraction_of_the_bytes() -> None:
    view = PixelView(depth=ColourDepth.TRUECOLOR)
    async with Gallery(view).run_test(size=(40, 20)):
        noise = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
        sizes = []
        for quality in LADDER:
            view.show(noise, quality=quality)
            sizes.append(sum(len(strip.render(view.app.console).encode()) for strip in view._lines.strips))
        assert all(smaller < larger for larger, smaller in itertools.pairwise(sizes)) and sizes[-1] < sizes[0] / 5
        view.show(noise)
        assert np.array_equal(view._lines.pixels.reshape(20, 20, 3), noise)


# --- finer cells, frames ---


@pytest.mark.parametrize(
    ("mode", "glyphs"), [("quadrant", "▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"), ("sextant", r"\U0001FB00-\U0001FB3B▌▐█")]
)
async def test_finer_cells_show_more_of_pictures_that_do_not_fit(
    mode: str, glyphs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIFFUSION_LAB_PICTURES", mode)
    app = Gallery(PixelView())
    async with app.run_test(size=(40, 20)) as pilot:
        noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
        app.view.show(noise)
        await pilot.pause()
        rows = [strip.text for strip in app.screen._compositor.render_strips()]
        assert re.fullmatch(f"│[ {glyphs}]{{20}}│ *", rows[3])
        assert set(rows[3][1:17]) - set("▀ ")


async def test_pictures_that_fit_are_whole_squares_in_any_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = []
    for mode in ("half", "sextant"):
        monkeypatch.setenv("DIFFUSION_LAB_PICTURES", mode)
        app = Gallery(PixelView())
        async with app.run_test(size=(40, 20)) as pilot:
            app.view.show(np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8))
            await pilot.pause()
            shown.append(app.view._lines.pixels.copy())
    assert np.array_equal(*shown)


async def test_finer_cells_halve_pictures_rather_than_leave_some_out(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 3), np.uint8)
    counts = []
    for mode in ("half", "quadrant"):
        monkeypatch.setenv("DIFFUSION_LAB_PICTURES", mode)
        app = Gallery(PixelView())
        async with app.run_test(size=(40, 20)) as pilot:
            app.view.show(pictures)
            await pilot.pause()
            counts.append(app.view.shown)
    assert counts == [1, 4]


async def test_ascii_draws_with_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIFFUSION_LAB_PICTURES", "ascii")
    app = Gallery(PixelView())
    async with app.run_test(size=(40, 20)) as pilot:
        app.view.show(plain((255, 255, 0), side=20))
        await pilot.pause()
        assert cell(app, 5, 5) == ("%", "#ffff00", app.view.background_colors[1].hex.lower())


async def test_a_marked_picture_has_a_frame_in_the_gap() -> None:
    app = Gallery(PixelView())
    async with app.run_test(size=(40, 20)) as pilot:
        app.view.show(plain(RED, count=4, side=8))
        await pilot.pause()
        before = app.view._lines.pixels.reshape(20, 20, 3).copy()
        app.view.marked = 3
        await pilot.pause()
        after = app.view._lines.pixels.reshape(20, 20, 3)
        accent = app.theme_variables["accent"].lower()
        differ = (after != before).any(axis=-1)
        assert differ[8:18, 8:18].sum() == 10 * 10 - 8 * 8 == differ.sum()
        assert cell(app, 1 + 8, 1 + 5)[2] == accent
