import numpy as np
import pytest

from tui_lab.tui import chart
from tui_lab.tui.pyramid import Pyramid

STEPS = np.arange(200_000, dtype=np.float64)
LOSS = np.random.default_rng(0).normal(0.3, 0.05, len(STEPS))
COLUMNS = 100


@pytest.mark.parametrize("view", [(0.0, 199_999.0), (1_000.0, 150_000.0), (500.0, 12_345.0), (100.0, 140.0)])
def test_a_view_by_way_of_the_pyramid_is_the_exact_one_to_an_eighth_of_a_column(view: tuple[float, float]) -> None:
    band = LOSS - 0.1, LOSS + 0.2
    exact = chart.decimate(STEPS, LOSS, COLUMNS, view, band)
    quick = chart.decimate(STEPS, LOSS, COLUMNS, view, band, pyramid=Pyramid())
    assert (quick.index == exact.index).all()
    assert quick.count.sum() == exact.count.sum()
    assert abs(quick.count - exact.count).max() <= exact.count.max() / 4
    assert np.isclose((quick.mean * quick.count).sum(), (exact.mean * exact.count).sum())
    assert np.allclose(quick.mean, exact.mean, atol=0.02)
    assert quick.low.min() == exact.low.min() and quick.high.max() == exact.high.max()


def test_points_that_are_not_finite_count_nowhere() -> None:
    loss = LOSS.copy()
    loss[::3] = np.nan
    loss[50_000:60_000] = np.inf
    quick = chart.decimate(STEPS, loss, COLUMNS, pyramid=Pyramid())
    assert quick.count.sum() == np.isfinite(loss).sum()
    assert np.isfinite(quick.low).all() and np.isfinite(quick.high).all()


def test_a_curve_that_grew_is_seen_whole() -> None:
    pyramid = Pyramid()
    for length in (90_000, 90_001, 150_000, 200_000):
        quick = chart.decimate(STEPS[:length], LOSS[:length], COLUMNS, pyramid=pyramid)
        assert quick.count.sum() == length
        assert np.isclose((quick.mean * quick.count).sum(), LOSS[:length].sum())


@pytest.mark.parametrize("length", [80_000, 120_000, 180_000])
def test_a_run_that_was_rewound_and_went_another_way_shows_the_other_way(length: int) -> None:
    pyramid = Pyramid()
    chart.decimate(STEPS[:120_000], LOSS[:120_000], COLUMNS, pyramid=pyramid)
    other = np.concatenate([LOSS[:60_000], LOSS[60_000:length] + 1])
    quick = chart.decimate(STEPS[:length], other, COLUMNS, pyramid=pyramid)
    assert quick.high.max() == other.max()
    assert np.isclose((quick.mean * quick.count).sum(), other.sum())


def test_a_logarithmic_axis_reads_the_same_blocks() -> None:
    view = (1.0, 199_999.0)
    exact = chart.decimate(STEPS, LOSS, COLUMNS, view, log_x=True)
    quick = chart.decimate(STEPS, LOSS, COLUMNS, view, log_x=True, pyramid=Pyramid())
    assert quick.count.sum() == exact.count.sum() == len(STEPS) - 1
