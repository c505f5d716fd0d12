from __future__ import annotations

import numpy as np
import pytest

from tui_lab.data.arrays import Range


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([0, 255], np.uint8), Range(0, 255)),
        (np.array([False, True]), Range(0, 1)),
        (np.array([-128, 127], np.int8), Range(-128, 127)),
        (np.array([0.0, 0.9]), Range(0, 1)),
        (np.array([-0.9, 0.2]), Range(-1, 1)),
        (np.array([0.0, 200.0]), Range(0, 255)),
        (np.array([0, 4095], np.uint16), Range(0, 65535)),
        (np.array([-3.0, 5.0]), Range(-3, 5)),
        (np.array([0.0, 1e6]), Range(0, 1e6)),
        (np.array([np.nan, 0.5, np.inf]), Range(0, 1)),
    ],
)
def test_the_range_of_a_set_is_the_usual_one_that_its_numbers_fit(values: np.ndarray, expected: Range) -> None:
    assert Range.of(values) == expected


def test_scaling_keeps_both_ends_and_makes_no_number_black() -> None:
    picture = np.array([[-1.0, 0.0, 1.0, np.nan, 7.0]])
    assert Range(-1, 1).bytes(picture).tolist() == [[0, 128, 255, 0, 255]]
