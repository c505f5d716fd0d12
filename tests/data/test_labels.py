from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from tui_lab.data.labels import number_labels, usual_column


@pytest.mark.parametrize(
    ("values", "classes", "numbers"),
    [
        (["b", "a", "b"], ("a", "b"), [1, 0, 1]),
        (["10", "9", "1"], ("1", "9", "10"), [2, 1, 0]),
        (["1", "01", "1.0", "0", "+1", "001"], ("0", "+1", "001", "01", "1", "1.0"), [4, 3, 5, 0, 1, 2]),
        ([3, 1, 2], ("1", "2", "3"), [2, 0, 1]),
        ([True, False, None], ("false", "true"), [1, 0, -1]),
        ([1.0, float("nan"), 2.5], ("1", "2.5"), [0, -1, 1]),
        (["a", "", "  ", b"a"], ("a",), [0, -1, -1, 0]),
        (np.array([7, 5, 7]), ("5", "7"), [1, 0, 1]),
        (np.array([True, False]), ("false", "true"), [1, 0]),
        (np.array(["x", "y"]), ("x", "y"), [0, 1]),
        ([None, None], (), [-1, -1]),
    ],
)
def test_labels_of_any_type_become_numbers_of_classes(
    values: Iterable[object], classes: tuple[str, ...], numbers: list[int]
) -> None:
    labels = number_labels(values)
    assert labels.classes == classes
    assert labels.numbers.tolist() == numbers
    assert [labels.of(index) for index in range(len(numbers))] == [None if n < 0 else n for n in numbers]


def test_hostile_labels_are_safe_to_show_and_stay_apart() -> None:
    labels = number_labels(["\x1b[2J", "\x07[2J", "[/]"])
    assert all(name.isprintable() for name in labels.classes)
    assert len(set(labels.numbers.tolist())) == 3


def test_the_usual_names_of_a_column_of_labels() -> None:
    assert usual_column(["file_name", "Class", "text"]) == "Class"
    assert usual_column(["category", "label"]) == "label"
    assert usual_column(["text"]) == ""
