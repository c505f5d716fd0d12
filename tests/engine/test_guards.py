"""What watches over training."""

import random
from collections.abc import Callable

import pytest

from tests.engine.tiny import Tiny, same
from tui_lab.engine import guards
from tui_lab.engine.guards import LEAST_LOOKS, WINDOW, Leap

Make = Callable[..., Tiny]


def noisy(level: float, seed: int, count: int) -> list[float]:
    """Losses as heavy in the tail as a batch of few images gives them."""
    rng = random.Random(seed)
    return [level * rng.lognormvariate(0.0, 0.6) for _ in range(count)]


@pytest.mark.parametrize("seed", range(5))
def test_noise_and_a_slow_rise_are_no_leap(seed: int) -> None:
    leap = Leap()
    rising = [loss * (1 + step / 4000) for step, loss in enumerate(noisy(0.1, seed, 4000))]
    assert all(leap.add(loss) is None for loss in rising)


def test_a_loss_that_falls_and_then_leaps_is_told_once_within_a_window() -> None:
    leap = Leap()
    falling = [1.0 / (1 + step / 20) for step in range(30 * WINDOW)]
    told = [leap.add(loss) for loss in [*falling, *[1.0] * (WINDOW * LEAST_LOOKS)]]
    assert [index // WINDOW for index, height in enumerate(told) if height] == [30]


def test_a_guard_goes_on_from_a_checkpoint_as_if_nothing_had_been() -> None:
    losses = [*noisy(0.1, 3, 333), *noisy(0.6, 4, 100)]
    straight, first = Leap(), Leap()
    told = [straight.add(loss) for loss in losses]
    for loss in losses[:333]:
        first.add(loss)
    second = Leap(first.state())
    assert [second.add(loss) for loss in losses[333:]] == told[333:]
    assert any(told)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks at every step, so that a tiny run is enough."""
    for name, value in {"WINDOW": 1, "LEAST_LOOKS": 2, "LEAP": 1.5, "DEVIATIONS": 0.0}.items():
        monkeypatch.setattr(guards, name, value)


CADENCE = {"training.checkpointing_steps": 2, "training.max_train_steps": 9}
TOO_FAST = {4: [("set", {"changes": {"optimizer.learning_rate": 1.0}})]}


@pytest.mark.usefixtures("quick")
def test_a_change_that_makes_the_loss_leap_is_undone_by_the_run_itself(tiny: Make) -> None:
    run = tiny(CADENCE).train(TOO_FAST)
    (rewound,) = run.records("rewound")
    assert rewound.data["to"] == 4
    assert "times its median after a change at step 4" in rewound.data["why"]
    assert "undone: back from step" in run.records("warning")[-1].data["message"]
    assert same(tiny({**CADENCE, "training.guard": "off"}).train().tensors(), run.tensors())


@pytest.mark.usefixtures("quick")
def test_without_a_change_to_blame_the_run_waits_with_its_reason(tiny: Make) -> None:
    run = tiny({**CADENCE, "training.guard": "pause"}).train({**TOO_FAST, 6: [("stop", {})]})
    assert "the loss leapt up to" in run.records("paused")[0].data["message"]
    assert not run.records("rewound")
