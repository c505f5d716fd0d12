import pytest

from tests.bench.baseline import regressions
from tui_lab.bench.report import Better, Ratio


@pytest.mark.parametrize(
    ("better", "value", "worse"),
    [("higher", 1.21, False), ("higher", 1.19, True), ("lower", 2.39, False), ("lower", 2.41, True)],
)
def test_a_ratio_that_is_worse_by_more_than_a_third_is_named(better: Better, value: float, worse: bool) -> None:
    found = regressions([Ratio("ours / theirs", value, better)], {"ours / theirs": 1.8})
    assert found == ([f"ours / theirs: {value:.3f}, it was 1.800"] if worse else [])


def test_what_is_not_measured_any_more_is_named() -> None:
    assert regressions([Ratio("new", 1.0)], {"old": 1.0}) == ["old: it is not measured any more"]


def test_what_was_never_measured_cannot_be_worse() -> None:
    assert regressions([Ratio("new", 0.0)], {}) == []
