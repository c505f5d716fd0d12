"""Benches that are not in the one table, for `pytest -n 0 -m bench -s`: each prints its own; no clock is asserted."""

from types import ModuleType

import pytest

from tui_lab.bench import attached, schedule_moves

pytestmark = pytest.mark.bench


@pytest.mark.parametrize("bench", [attached, schedule_moves], ids=lambda bench: bench.__name__)
@pytest.mark.timeout(900)
def test_bench_measures(bench: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    measured = bench.measure(bench.options().parse_args([]))
    with capsys.disabled():
        print(measured.table())  # noqa: T201
    assert measured.value > 0
    assert all(sample.values for sample in measured.samples)
