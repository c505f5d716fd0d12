"""Denoisings of different step counts beside each other: the same noise at the same time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from tui_lab.tui.lock_step import noise_share, place_beside, step_at


def test_the_share_of_noise_is_that_of_the_cosine_schedule_s_time() -> None:
    for t in (0.0, 0.25, 0.8, 1.0):
        assert noise_share(math.cos(math.pi / 2 * t), math.sin(math.pi / 2 * t)) == pytest.approx(t)


def test_the_share_knows_the_ratio_alone() -> None:
    assert noise_share(0.3, 0.6) == pytest.approx(noise_share(1.0, 2.0))  # variance preserving, and EDM's
    assert noise_share(1.0, 0.0) == 0.0 and noise_share(0.0, 1.0) == 1.0


def beside(leader: Sequence[float], follower: Sequence[float], whole: bool = True) -> list[int]:
    return [place_beside(place, leader, follower, whole) for place in range(len(leader))]


def test_a_pane_of_fewer_steps_waits_where_its_noise_is() -> None:
    leader, follower = np.linspace(1, 0, 11).tolist(), [1.0, 0.5, 0.0]
    assert beside(leader, follower) == [0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2]
    assert beside(leader, leader) == list(range(11))


def test_all_begin_together_and_end_together() -> None:
    trailing, leading = [0.95, 0.45], [1.0, 0.8, 0.6, 0.4, 0.2]
    assert beside(leading, trailing)[-1] == 1
    assert beside(trailing, leading) == [0, 4]
    assert beside([0.9], leading) == [4]


def test_what_is_still_drawn_stands_where_it_has_come_to() -> None:
    assert beside([1.0, 0.9, 0.2], [1.0, 0.9, 0.8, 0.3, 0.2, 0.1], whole=False) == [0, 1, 4]
    assert beside([1.0, 0.5, 0.0], [1.0, 0.9], whole=False) == [0, 1, 1]
    assert beside([1.0, 0.0], []) == [-1, -1]


def test_none_goes_back_where_a_solver_asks_twice_at_a_level() -> None:
    heun = [1.0, 0.5, 0.5, 0.25, 0.25, 0.0]
    places = beside([1.0, 0.75, 0.5, 0.25, 0.0], heun)
    assert places == sorted(places)
    assert step_at(0.5, heun) == 2
