"""The benches as tests, for `pytest -m bench -s`: each prints its table; a clock is asserted nowhere."""

from types import ModuleType

import pytest

from tests.bench import first_paint, key_echo, ui_frames
from tui_lab.bench import attached, data

pytestmark = pytest.mark.bench


@pytest.mark.parametrize("bench", [ui_frames, first_paint, key_echo, attached, data], ids=lambda bench: bench.__name__)
@pytest.mark.timeout(900)
def test_bench_measures(bench: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    measured = bench.measure(bench.options().parse_args([]))
    with capsys.disabled():
        print(measured.table())  # noqa: T201
    assert measured.value > 0
    assert all(sample.values for sample in measured.samples)
