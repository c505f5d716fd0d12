"""Bars of text."""

from __future__ import annotations

import numpy as np
import pytest

from tui_lab.tui.bars import lying_bar, merged, standing_bars


@pytest.mark.parametrize(
    ("share", "bar"), [(0.0, ""), (1.0, "━━━━"), (0.5, "━━"), (0.6, "━━╸"), (0.001, "╸"), (0.125, "╸")]
)
def test_a_bar_is_as_long_as_its_share_and_never_unseen(share: float, bar: str) -> None:
    assert lying_bar(share, 4) == bar


def test_a_plain_bar_needs_no_glyphs() -> None:
    assert lying_bar(0.5, 4, plain=True) == "##"
    assert standing_bars([0, 1, 2], 2, plain=True) == ["  #", " ##"]


def test_columns_stand_as_high_as_their_counts() -> None:
    assert standing_bars([0, 1, 8, 16], 2) == ["   █", " ▁██"]


def test_no_counts_draw_nothing() -> None:
    assert standing_bars([0, 0], 1) == ["  "]


def test_neighbours_are_added_up_and_none_is_lost() -> None:
    counts = np.arange(256)
    assert merged(counts, 64).shape == (64,)
    assert merged(counts, 64)[0] == 0 + 1 + 2 + 3
    assert merged(counts, 100).sum() == counts.sum()
    assert merged(counts, 500) is counts
