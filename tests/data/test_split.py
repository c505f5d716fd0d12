from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tui_lab.data.split import balanced, choose_rows
from tui_lab.errors import DataError
from tui_lab.recipe import Dataset

LABELS = np.array([0] * 60 + [1] * 30 + [2] * 10)
CLASSES = ("shirt", "shoe", "bag")
NONE = np.zeros(100, dtype=np.bool_)


def rows(held_out: np.ndarray = NONE, **knobs: Any) -> tuple[np.ndarray, np.ndarray]:
    chosen = choose_rows(Dataset(**{"val_fraction": 0.2, **knobs}), "a set", LABELS, CLASSES, held_out)
    return chosen.train_rows, chosen.held_out_rows


def test_a_fifth_is_held_out_and_the_rest_trained_on_in_order() -> None:
    train, held_out = rows()
    assert len(train) == 80 and sorted([*train, *held_out]) == list(range(100))
    assert train.tolist() == sorted(train)


def test_a_split_of_the_sets_own_is_kept() -> None:
    own = np.arange(100) >= 90
    train, held_out = rows(own)
    assert held_out.tolist() == list(range(90, 100)) and len(train) == 90


def test_what_is_held_out_stays_so_whatever_else_is_chosen() -> None:
    _, apart = rows()
    for knobs in ({"classes": ("shoe",)}, {"limit": 30}, {"balance": True}, {"classes": ("bag", "shirt"), "limit": 9}):
        train, held_out = rows(**knobs)
        assert set(held_out) <= set(apart) and not set(train) & set(apart)


def test_only_the_classes_asked_for() -> None:
    train, held_out = rows(classes=("bag", "shoe"))
    assert sorted([*train, *held_out]) == list(range(60, 100))


def test_classes_that_are_asked_for_are_numbered_anew_in_the_sets_order() -> None:
    for asked in (("bag", "shoe"), ("shoe", "bag")):
        chosen = choose_rows(Dataset(classes=asked), "a set", LABELS, CLASSES, NONE)
        assert chosen.classes == ("shoe", "bag")
        assert np.bincount(chosen.labels + 1).tolist() == [60, 30, 10]  # the shirts have no label any more
        assert (chosen.labels[chosen.train_rows] >= 0).all()


def test_a_class_that_is_not_there_is_answered_with_the_nearest() -> None:
    with pytest.raises(DataError, match="a set has no class 'shoes'; the nearest of its 3 is 'shoe'"):
        rows(classes=("shirt", "shoes"))
    with pytest.raises(DataError, match="nor any other"):
        choose_rows(Dataset(classes=("shoe",)), "a set", np.full(100, -1), (), NONE)


def test_a_limit_draws_evenly_and_a_smaller_one_from_the_larger() -> None:
    many, few = np.concatenate(rows(limit=50)), np.concatenate(rows(limit=20))
    assert (len(many), len(few)) == (50, 20) and set(few) <= set(many)
    assert 15 < (LABELS[many] == 0).sum() < 45  # not the first 50, which are all of one class
    np.testing.assert_array_equal(many, np.concatenate(rows(limit=50)))


def test_balance_shows_every_class_equally_often() -> None:
    train, _ = rows(balance=True)
    counts = np.bincount(LABELS[train])
    assert len(set(counts.tolist())) == 1 and counts[0] == (LABELS[rows()[0]] == 0).sum()
    often = np.unique(train[LABELS[train] == 2], return_counts=True)[1]
    assert often.max() - often.min() <= 1


def test_balance_leaves_pictures_without_a_label_as_they_are() -> None:
    labels = np.array([-1, -1, -1, 0, 1, 1])
    assert np.bincount(labels[balanced(np.arange(6), labels)] + 1).tolist() == [3, 2, 2]


def test_balance_needs_classes() -> None:
    with pytest.raises(DataError, match="no classes to balance"):
        choose_rows(Dataset(balance=True), "a set", np.full(100, -1), (), NONE)


def test_a_limit_of_one_is_trained_on() -> None:
    train, held_out = rows(limit=1)
    assert (len(train), len(held_out)) == (1, 0)
