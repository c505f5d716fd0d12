"""What was put aside to be compared."""

from __future__ import annotations

import pytest

from tui_lab.errors import LabError
from tui_lab.recipe.denoising import Denoising
from tui_lab.tui.pins import Pins


def seeded(seed: int) -> Denoising:
    return Denoising(source="amber-heron", checkpoint=100, knobs={"seed": seed})


def test_a_pin_is_set_and_let_go_by_the_same_deed() -> None:
    pins = Pins()
    assert pins.toggle(seeded(1)) and pins.toggle(seeded(2))
    assert seeded(1) in pins and len(pins) == 2
    assert not pins.toggle(seeded(1))
    assert pins.pinned == (seeded(2),)


def test_a_fifth_is_refused_and_the_four_stay() -> None:
    pins = Pins()
    pins.replace([seeded(seed) for seed in range(4)])
    with pytest.raises(LabError, match="let one go"):
        pins.toggle(seeded(4))
    assert len(pins) == 4
    pins.toggle(seeded(3))
    assert pins.toggle(seeded(4))
