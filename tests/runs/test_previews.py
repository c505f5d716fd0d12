from pathlib import Path

import numpy as np

from tui_lab.runs.previews import NEWEST, recorded, thin_out


def record(tmp_path: Path, number: int, step: int) -> None:
    path = tmp_path / f"step-{step:08d}-{number:04d}.npy"
    np.save(path, np.zeros(1, np.uint8))
    path.with_suffix(".json").write_text("{}")


def test_the_first_the_newest_and_evenly_spaced_ones_stay(tmp_path: Path) -> None:
    for number in range(1, 201):
        record(tmp_path, number, 100 * number)
        thin_out(tmp_path, 20)
    steps = [preview.step for preview in recorded(tmp_path)]
    assert len(steps) == 20 and steps[0] == 100
    assert steps[-NEWEST:] == [100 * n for n in range(201 - NEWEST, 201)]
    gaps = np.diff(steps[: -NEWEST + 1])
    assert gaps.max() <= 4 * gaps.min()
    assert len(list(tmp_path.iterdir())) == 40  # a sidecar each, and no other


def test_a_limit_of_0_keeps_all_and_none_is_less_than_what_was_just_drawn(tmp_path: Path) -> None:
    for number in range(1, 31):
        record(tmp_path, number, 10)  # all of one step, as a person draws them again and again
    thin_out(tmp_path, 0)
    assert len(recorded(tmp_path)) == 30
    thin_out(tmp_path, 1)
    assert [preview.number for preview in recorded(tmp_path)] == [1, 27, 28, 29, 30]
