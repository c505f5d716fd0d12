import numpy as np
import pytest
from textual import events
from textual.app import App, ComposeResult

from tui_lab.tui.chart import Mark, Series
from tui_lab.tui.widgets.line_chart import LineChart

X = np.arange(100)


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIFFUSION_LAB_GLYPHS", "braille")
    monkeypatch.delenv("NO_COLOR", raising=False)


class Desk(App[None]):
    CSS = """
    LineChart { border: round white; width: 60; height: 14; }
    """

    def __init__(self, chart: LineChart) -> None:
        super().__init__()
        self.chart = chart

    def compose(self) -> ComposeResult:
        yield self.chart

    def lines(self) -> list[str]:
        """The chart's own lines, as they stand on the screen."""
        strips = self.screen._compositor.render_strips()
        return [strip.text[1:59] for strip in strips[1:13]]

    def colours(self) -> set[str]:
        strips = self.screen._compositor.render_strips()
        styles = [segment.style for strip in strips for segment in strip if segment.text.strip()]
        return {style.color.get_truecolor().hex for style in styles if style and style.color}


async def test_curves_axes_and_legend_appear() -> None:
    app = Desk(LineChart(x_label="t", y_range=(0.0, 1.0)))
    async with app.run_test(size=(70, 20)) as pilot:
        app.chart.set_series([Series("√ᾱ", X, 1 - X / 99), Series("√(1-ᾱ)", X, X / 99, style="dashed")])
        await pilot.pause()
        lines = app.lines()
        assert "√ᾱ ──  √(1-ᾱ) ╌╌" in lines[0]
        assert lines[1].startswith("1.0┤") and lines[-2].startswith("  0┤")
        assert lines[-1].rstrip().endswith(" t")
        assert any("\u2800" < character <= "\u28ff" for line in lines for character in line)


async def test_while_there_is_nothing_it_says_what_to_do() -> None:
    app = Desk(LineChart(empty="Press t to train"))
    async with app.run_test(size=(70, 20)) as pilot:
        await pilot.pause()
        assert any("Press t to train" in line for line in app.lines())
        app.chart.set_series([Series("train", X, np.full(100, np.nan))])
        app.chart.empty = "No step yet"
        await pilot.pause()
        assert any("No step yet" in line for line in app.lines())
        app.chart.set_series([Series("train", X, X)])
        await pilot.pause()
        assert not any("No step yet" in line for line in app.lines())


async def test_marks_have_a_row_below_the_curves() -> None:
    app = Desk(LineChart())
    async with app.run_test(size=(70, 20)) as pilot:
        app.chart.set_series([Series("train", X, X)], [Mark(50, "lr 1e-3→5e-4")])
        await pilot.pause()
        assert "▲ lr 1e-3→5e-4" in app.lines()[-2]
        app.chart.marks = ()
        await pilot.pause()
        assert "▲" not in "".join(app.lines())


async def test_arrows_move_the_reading_line_and_leaving_takes_it_away() -> None:
    app = Desk(LineChart(x_label="step"))
    async with app.run_test(size=(70, 20)) as pilot:
        app.chart.set_series([Series("train", X, X * 2.0)])
        app.chart.focus()
        await pilot.pause()
        await pilot.press("left")
        await pilot.pause()
        assert "step 99" in app.lines()[0] and "198" in app.lines()[0]
        await pilot.press("shift+left", "left")
        await pilot.pause()
        assert app.chart.cursor is not None and 70 < app.chart.cursor < 90
        assert f"step {app.chart.cursor:.0f}" in app.lines()[0]
        app.set_focus(None)
        await pilot.pause()
        assert "step" not in app.lines()[0]


async def test_the_mouse_reads_values() -> None:
    app = Desk(LineChart(x_label="step"))
    async with app.run_test(size=(70, 20)) as pilot:
        app.chart.set_series([Series("train", X, X)])
        await pilot.pause()
        await pilot.hover(LineChart, offset=(58, 6))
        await pilot.pause()
        assert "step 99" in app.lines()[0] or "step 98" in app.lines()[0]
        await pilot.hover(offset=(65, 18))
        await pilot.pause()
        assert app.chart.cursor is None


async def test_a_cursor_that_is_kept_stays_where_a_key_or_a_click_put_it_until_escape() -> None:
    app = Desk(LineChart(x_label="t", keeps_cursor=True))
    async with app.run_test(size=(70, 20)) as pilot:
        app.chart.set_series([Series("a", X, X)])
        await pilot.pause()
        await pilot.hover(LineChart, offset=(30, 6))
        assert app.chart.cursor is None
        await pilot.click(LineChart, offset=(30, 6))
        at = app.chart.cursor
        assert at is not None and 40 < at < 60
        await pilot.hover(offset=(65, 18))
        app.set_focus(None)
        await pilot.pause()
        assert app.chart.cursor == at
        app.chart.focus()
        await pilot.press("escape")
        assert app.chart.cursor is None


async def test_a_logarithmic_axis_has_powers_of_ten() -> None:
    app = Desk(LineChart())
    async with app.run_test(size=(70, 20)) as pilot:
        app.chart.set_series([Series("loss", X, np.logspace(0, -4, 100))])
        app.chart.log_y = True
        await pilot.pause()
        labels = [line.split("┤")[0].strip() for line in app.lines() if "┤" in line]
        assert {"1e-4", "0.001", "0.01", "0.1"} & set(labels)


async def test_series_have_other_colours_in_the_light_theme() -> None:
    app = Desk(LineChart())
    async with app.run_test(size=(70, 20)) as pilot:
        app.chart.set_series([Series("a", X, X)])
        app.theme = "textual-dark"
        await pilot.pause()
        assert "#56b4e9" in app.colours()
        app.theme = "textual-light"
        await pilot.pause()
        assert "#0072b2" in app.colours() and "#56b4e9" not in app.colours()


async def test_a_colour_of_ones_own() -> None:
    app = Desk(LineChart())
    async with app.run_test(size=(70, 20)) as pilot:
        app.chart.set_series([Series("a", X, X, colour="#123456")])
        await pilot.pause()
        assert "#123456" in app.colours()


async def test_a_new_size_draws_anew() -> None:
    app = Desk(LineChart())
    async with app.run_test(size=(70, 20)) as pilot:
        app.chart.set_series([Series("train", X, X)])
        await pilot.pause()
        app.chart.styles.width = 40
        await pilot.pause()
        strip = app.screen._compositor.render_strips()[12]
        assert strip.text[39] == "│" and "train" in app.lines()[0][:38]


def in_view(chart: LineChart) -> tuple[float, float]:
    assert chart._chart is not None
    return chart._chart.plot.view.x


async def test_keys_zoom_and_pan_within_the_curve_and_show_all_of_it_again() -> None:
    app = Desk(LineChart(zooms=True))
    async with app.run_test(size=(70, 20)) as pilot:
        app.chart.set_series([Series("train", X, X / 99)])
        app.chart.focus()
        await pilot.press("plus")
        await pilot.pause()
        assert in_view(app.chart) == (49.5, 99)
        await pilot.press("left_square_bracket")
        await pilot.pause()
        assert in_view(app.chart) == (37.125, 86.625)
        await pilot.press("right_square_bracket", "right_square_bracket", "minus")
        await pilot.pause()
        assert in_view(app.chart) == (0, 99)
        await pilot.press("plus", "0")
        await pilot.pause()
        assert app.chart.window is None and in_view(app.chart) == (0, 99)


async def test_zooming_goes_around_the_reading_line_and_stops_at_a_few_points() -> None:
    app = Desk(LineChart(zooms=True))
    async with app.run_test(size=(70, 20)) as pilot:
        app.chart.set_series([Series("train", X, X / 99)])
        app.chart.focus()
        app.chart.cursor = 33.0
        for _ in range(12):
            await pilot.press("plus")
            await pilot.pause()
        first, last = in_view(app.chart)
        assert first < 33 < last and 2 < last - first < 10


async def test_a_window_at_the_end_goes_along_with_a_growing_curve_and_another_stays() -> None:
    app = Desk(LineChart(zooms=True))
    async with app.run_test(size=(70, 20)) as pilot:
        app.chart.set_series([Series("train", X[:60], X[:60] / 99)])
        app.chart.focus()
        await pilot.press("plus")
        app.chart.set_series([Series("train", X[:80], X[:80] / 99)])
        await pilot.pause()
        assert in_view(app.chart) == (49.5, 79)
        await pilot.press("left_square_bracket")
        stays = app.chart.window
        app.chart.set_series([Series("train", X, X / 99)])
        await pilot.pause()
        assert in_view(app.chart) == stays


async def test_the_wheel_zooms_where_the_mouse_is_and_only_a_chart_that_zooms() -> None:
    for zooms in (True, False):
        app = Desk(LineChart(zooms=zooms))
        async with app.run_test(size=(70, 20)) as pilot:
            app.chart.set_series([Series("train", X, X / 99)])
            await pilot.pause()
            assert app.chart._chart is not None
            under = app.chart._chart.x_at(30)
            await pilot._post_mouse_events([events.MouseScrollUp], app.chart, offset=(31, 5))
            await pilot.pause()
            assert (app.chart.window is not None) == zooms
            assert app.chart._chart.x_at(30) == pytest.approx(under)


async def test_a_point_more_redraws_only_the_lines_that_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Desk(LineChart(y_range=(0.0, 1.0)))
    asked: list[int] = []
    async with app.run_test(size=(70, 20)) as pilot:
        level = np.where(X < 98, 0.5, 0.9)
        app.chart.set_series([Series("train", X, np.where(X < 99, level, np.nan))])
        await pilot.pause()
        before = app.lines()
        draw_line = app.chart.render_line
        monkeypatch.setattr(app.chart, "render_line", lambda y: asked.append(y) or draw_line(y))
        app.chart.set_series([Series("train", X, level)])
        await pilot.pause()
        changed = [y for y, (old, new) in enumerate(zip(before, app.lines(), strict=True)) if old != new]
        assert changed and sorted(set(asked)) == changed
