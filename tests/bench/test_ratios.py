"""The benches as tests, for `pytest -n 0 -m bench -s`: each prints its table and is held against what it once found."""

from importlib.util import find_spec

import pytest

from tests.bench.baseline import baseline, regressions
from tui_lab.bench.__main__ import BENCHES, bench


@pytest.mark.bench
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", [name for name in BENCHES if find_spec(f"tui_lab.bench.{name}")])
def test_no_ratio_is_worse_by_more_than_a_third(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = bench(name)
    measured = chosen.measure(chosen.options().parse_args([]))
    with capsys.disabled():
        print(measured.table())  # noqa: T201
    assert regressions(measured.ratios, baseline(name)) == []
