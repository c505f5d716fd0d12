import math
from random import Random

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tui_lab.tui import chart, chart_frame
from tui_lab.tui.chart import Mark, Scaling, Series

# --- quantiles ---


@pytest.mark.parametrize("count", [1, 2, 7, 400])
def test_quantiles_are_numpys(count: int) -> None:
    values = np.random.default_rng(count).normal(size=count)
    shares = [0.0, 0.05, 0.5, 0.95, 1.0]
    np.testing.assert_allclose(chart.quantiles(values, shares), np.quantile(values, shares))


# --- decimation ---


@given(st.integers(1, 200), st.integers(1, 50), st.randoms(use_true_random=False))
def test_decimation_keeps_every_extreme_and_every_point(points: int, columns: int, random: Random) -> None:
    x = np.cumsum([random.choice([0.0, 0.5, 3.0]) for _ in range(points)])
    y = np.array([random.uniform(-5, 5) for _ in range(points)])
    got = chart.decimate(x, y, columns)
    assert got.count.sum() == points
    assert len(got.index) <= columns and (np.diff(got.index) > 0).all()
    assert got.low.min() == y.min() and got.high.max() == y.max()
    assert (got.low <= got.mean + 1e-12).all() and (got.mean <= got.high + 1e-12).all()
    assert math.isclose(float((got.mean * got.count).sum()), float(y.sum()), abs_tol=1e-9)


def test_a_column_holds_the_points_nearest_to_it() -> None:
    got = chart.decimate(np.arange(11), np.arange(11), 6, (0.0, 10.0))
    assert got.index.tolist() == [0, 1, 2, 3, 4, 5]
    assert got.low.tolist() == [0, 1, 3, 5, 7, 9] and got.high.tolist() == [0, 2, 4, 6, 8, 10]


def test_points_that_are_not_finite_or_out_of_view_are_left_out() -> None:
    y = np.array([1.0, np.nan, np.inf, 4.0, 100.0])
    got = chart.decimate(np.arange(5), y, 4, (0.0, 3.0))
    assert got.index.tolist() == [0, 3] and got.high.tolist() == [1.0, 4.0]
    assert not len(chart.decimate(np.arange(2), np.full(2, np.nan), 4).index)
    assert not len(chart.decimate(np.empty(0), np.empty(0), 4).index)


def test_a_band_gives_the_low_and_the_high() -> None:
    y = np.array([1.0, 2.0])
    got = chart.decimate(np.array([0, 1]), y, 2, band=(y - 0.5, y + 3))
    assert got.low.tolist() == [0.5, 1.5] and got.high.tolist() == [4.0, 5.0]


def test_the_running_mean_of_a_constant_is_the_constant_from_the_first_point_on() -> None:
    columns = chart.decimate(np.arange(100), np.full(100, 0.25), 40)
    assert np.allclose(chart.smoothed(columns, 5.0), 0.25)


def test_the_running_mean_is_the_definition() -> None:
    y = np.array([1.0, 5.0, 2.0])
    columns = chart.decimate(np.arange(3), y, 3)
    decay = math.exp(-1 / 2)
    expected = (decay**2 * 1 + decay * 5 + 2) / (decay**2 + decay + 1)
    assert math.isclose(float(chart.smoothed(columns, 2.0)[-1]), expected)


# --- scales ---


def test_one_wild_value_does_not_set_the_scale() -> None:
    line = np.full(200, 0.2) + 0.05 * np.sin(np.arange(200))
    line[3] = 900.0
    low, high = chart.robust_range([line], [], [])
    assert low < 0.16 and 0.24 < high < 1


def test_a_constant_gets_some_room() -> None:
    low, high = chart.robust_range([np.full(5, 3.0)], [], [])
    assert low < 3 < high


@example(999_999.0, 1e-5, 2)
@given(st.floats(-1e6, 1e6), st.floats(1e-5, 1e6), st.integers(2, 12))
def test_ticks_are_round_few_and_within(low: float, span: float, most: int) -> None:
    ticks = chart.nice_ticks(low, low + span, most)
    assert len(ticks) <= most
    assert all(low - 1e-6 * span <= tick <= low + span + 1e-6 * span for tick in ticks)


@pytest.mark.parametrize(
    ("low", "high", "most", "labels"),
    [
        (0.0, 1.0, 4, ["0", "0.5", "1.0"]),
        (0.0, 1.0, 6, ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (0, 999, 5, ["0", "200", "400", "600", "800"]),
        (0, 30000, 4, ["0", "10k", "20k", "30k"]),
        (0, 4e-5, 4, ["0", "2e-5", "4e-5"]),
    ],
)
def test_tick_labels(low: float, high: float, most: int, labels: list[str]) -> None:
    assert chart.format_ticks(chart.nice_ticks(low, high, most)) == labels


def test_logarithmic_ticks() -> None:
    assert chart.log_ticks(0.05, 2.0, 6) == pytest.approx([0.05, 0.1, 0.2, 0.5, 1, 2])
    assert chart.log_ticks(1e-4, 1.0, 5) == pytest.approx([1e-4, 1e-3, 1e-2, 0.1, 1])


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.16104, "0.161"), (1e-5, "1e-5"), (25_000, "25k"), (1_200_000, "1.2M"), (0.0, "0"), (9999, "9999")],
)
def test_numbers_for_people(value: float, text: str) -> None:
    assert chart.short_number(value) == text


# --- drawing ---


def drawn(series: Series, width: int = 10, height: int = 4, y_range: tuple[float, float] | None = None) -> list[str]:
    return ["".join(row) for row in chart.plot([series], width, height, Scaling(y_range=y_range)).glyphs]


X = np.arange(100)


def test_a_level_line_is_a_level_line() -> None:
    top = drawn(Series("a", X, np.ones(100)), y_range=(0.0, 1.0))
    assert top == ["⠉" * 10, " " * 10, " " * 10, " " * 10]


def test_a_rising_line_goes_from_corner_to_corner_without_holes() -> None:
    rows = drawn(Series("a", X, X), y_range=(0.0, 99.0))
    assert rows[0].strip() == rows[0][-len(rows[0].strip()) :] and rows[3][0] != " "
    assert all(any(row[column] != " " for row in rows) for column in range(10))


def test_a_jump_is_drawn_as_an_upright() -> None:
    rows = drawn(Series("a", X, np.where(X < 50, 0, 1)), y_range=(0.0, 1.0))
    assert all(row[4:6].strip() for row in rows)


def test_dashes_leave_columns_out() -> None:
    (row,) = drawn(Series("a", X, np.ones(100), style="dashed"), width=20, height=1, y_range=(0.0, 1.0))
    assert " " in row and row.strip()


def test_a_few_points_are_marked() -> None:
    rows = drawn(Series("a", np.array([0, 99]), np.array([0.0, 1.0])), y_range=(0.0, 1.0))
    assert rows[0][-1] == "●" and rows[3][0] == "●"


def test_the_line_lies_over_its_band() -> None:
    y = np.full(100, 0.5)
    series = Series("a", X, y, band=(y - 0.4, y + 0.4))
    plot = chart.plot([series], 10, 9, Scaling(y_range=(0.0, 1.0)))
    assert (plot.layer[4] == 1).all() and (plot.layer[2] == 0).all()


def test_later_series_lie_over_earlier_ones() -> None:
    y = np.full(100, 0.5)
    plot = chart.plot([Series("a", X, y), Series("b", X, y)], 10, 3, Scaling(y_range=(0.0, 1.0)))
    assert (plot.layer[1] == 3).all()


def test_values_out_of_view_are_not_drawn() -> None:
    assert not "".join(drawn(Series("a", X, np.full(100, 7.0)), y_range=(0.0, 1.0))).strip()


def test_a_logarithmic_scale_shows_what_is_positive() -> None:
    y = np.concatenate([[0.0, -1.0], np.logspace(-3, 0, 98)])
    plot = chart.plot([Series("a", X, y)], 10, 4, Scaling(log_y=True))
    assert plot.view.y[0] > 0 and (plot.layer == 1).any()


def test_a_logarithmic_x_axis_gives_every_decade_the_same_width() -> None:
    x = np.arange(1001)
    plot = chart.plot([Series("a", x, x > 9)], 30, 4, Scaling(log_x=True, y_range=(0.0, 1.0)))
    assert plot.view.x == (1.0, 1000.0)  # 0 has no logarithm
    assert [plot.cell_of(at) for at in (1, 10, 100, 1000)] == [0, 10, 19, 29]
    assert plot.cell_of(plot.x_of(17)) == 17
    assert (plot.glyphs[0, 11:] != " ").all() and (plot.glyphs[0, :9] == " ").all()


def test_ascii_has_no_other_characters() -> None:
    y = np.sin(X / 9.0)
    both = [Series("a", X, y, band=(y - 0.1, y + 0.1)), Series("b", X, -y)]
    framed = chart_frame.draw(both, 40, 12, Scaling(), marks=[Mark(50, "lr")], ascii_glyphs=True)
    assert "".join(span.text for line in framed.lines(50.0) for span in line).isascii()


# --- the frame ---


def text_of(framed: chart_frame.Chart, cursor: float | None = None) -> list[str]:
    return ["".join(span.text for span in line) for line in framed.lines(cursor)]


def test_a_rug_has_an_upright_at_every_value_in_view() -> None:
    lines = text_of(chart_frame.draw([Series("a", X, X)], 55, 8, Scaling(), rug=[0, 1, 50, 99, 400]))
    gutter = lines[-1].index("└") + 1
    assert len(lines) == 8 and lines[-2][gutter:].startswith("⣿") and lines[-2].endswith("⢸")
    assert sum(character in "⡇⢸⣿" for character in lines[-2]) == 3
    assert "⡇" not in "".join(text_of(chart_frame.draw([Series("a", X, X * 0)], 55, 5, Scaling(), rug=[50.0]))[-2])


@pytest.mark.parametrize("width", [10, 24, 60, 120])
@pytest.mark.parametrize("height", [3, 6, 20])
def test_every_line_has_the_full_width(width: int, height: int) -> None:
    series = [Series("train", X, X / 99), Series("held-out", X[::9], X[::9] / 99, style="dashed")]
    for cursor in (None, 0.0, 42.0):
        lines = text_of(
            chart_frame.draw(series, width, height, Scaling(), marks=[Mark(50, "lr 1e-3→5e-4")], x_label="step"), cursor
        )
        assert len(lines) == height
        assert {len(line) for line in lines} == {width}


def test_legend_axes_and_marks_are_there() -> None:
    framed = chart_frame.draw(
        [Series("train", X, X / 99)],
        60,
        12,
        Scaling(y_range=(0.0, 1.0)),
        marks=[Mark(50, "lr 1e-3→5e-4")],
        x_label="step",
        y_label="loss",
    )
    lines = text_of(framed)
    assert "loss" in lines[0] and "train ──" in lines[0]
    assert lines[1].startswith("1.0┤") and lines[-3].startswith("  0┤")
    assert "▲ lr 1e-3→5e-4" in lines[-2]
    assert lines[-1].rstrip().endswith("step") and " 40 " in lines[-1]


def test_the_reading_line_says_x_and_every_value() -> None:
    both = [Series("up", X, X / 99), Series("down", X, 1 - X / 99)]
    legend = text_of(chart_frame.draw(both, 80, 12, Scaling(x_range=(0, 99)), x_label="t"), 99.0)[0]
    assert "t 99" in legend and "up ── 1 " in legend and "down ── 0" in legend


def test_words_of_a_mark_that_a_terminal_would_obey_are_made_visible() -> None:
    framed = chart_frame.draw([Series("a\x1b[31m", X, X)], 60, 12, Scaling(), marks=[Mark(5, "b\x1b]0;x\x07")])
    assert "\x1b" not in "".join(text_of(framed))


def test_a_curve_of_another_unit_has_a_scale_of_its_own() -> None:
    x = np.arange(10.0)
    own = Series("log-SNR", x, np.linspace(20, -20, 10), own_range=(-20.0, 20.0))
    plain = Series("share", x, np.linspace(0, 1, 10))
    plotted = chart.plot([own, plain], 20, 5, Scaling(y_range=(0.0, 1.0)))
    rows, columns = np.nonzero(plotted.layer == 1)
    assert rows[columns.argmin()] == 0 and rows[columns.argmax()] == 4, "20 is the top, -20 the bottom"
    assert chart.plot([own, plain], 20, 5, Scaling()).view.y[1] < 2, "the axis is that of the others"
