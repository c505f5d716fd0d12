"""A rank that got ready before it knew its run: what it learns is what a cold one learns."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from accelerate.state import AcceleratorState, PartialState

from tests.engine.tiny import RECIPE, Tiny, same
from tests.waiting import wait_until
from tui_lab.engine import checkpoints, warm_up
from tui_lab.runs.creation import new_run
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.home import lab_home
from tui_lab.runs.launch import start
from tui_lab.runs.spare import READY, Spare
from tui_lab.runs.status import status_of

HINT = RECIPE.replace("[dataset]\nresolution = 8", "[dataset]\nresolution = 16\nchannels = 3").replace(
    "max_train_steps = 6", "max_train_steps = 3"
)


def finished(spare: Spare | None) -> RunFolder:
    run = new_run(HINT, {}, source="test")
    start(run, spare)
    status = wait_until(lambda: None if (now := status_of(run)).alive else now)
    assert status.name == "finished", f"{status}\n{(run.logs / 'rank-0.log').read_text()}"
    return run


@pytest.mark.slow
def test_a_run_in_a_spare_is_bit_for_bit_the_run_that_began_cold() -> None:
    spare = Spare()
    spare.hint(HINT)
    wait_until(lambda: READY in (lab_home() / "logs" / "spare.log").read_text())
    tensors = []
    for run in (finished(spare), finished(None)):
        found, _ = checkpoints.newest(run.checkpoints)
        assert found is not None and found.step == 3
        tensors.append({f"{part}/{name}": t for part, named in found.tensors.items() for name, t in named.items()})
    warm, cold = tensors
    assert [name for name in cold if not torch.equal(warm[name], cold[name])] == []


def test_what_was_warmed_up_before_it_changes_no_bit_of_a_run(tiny: Callable[..., Tiny]) -> None:
    cold = tiny().train()
    for _ in warm_up.warm_up(HINT):
        pass
    assert same(cold.tensors(), tiny().train().tensors())


def test_nothing_of_the_model_that_was_hinted_at_stays() -> None:
    for _ in warm_up.warm_up(HINT):
        pass
    assert not AcceleratorState._shared_state
    assert not PartialState._shared_state


def test_a_run_that_comes_between_waits_for_no_more_than_one_part() -> None:
    work = warm_up.warm_up(HINT)
    parts = 0
    for _ in work:
        parts += 1
    again = warm_up.warm_up(HINT)
    for _ in range(parts - 1):
        next(again)
    again.close()
    assert parts >= len(warm_up._IMPORTS) + 1 + warm_up.STEPS
    assert not AcceleratorState._shared_state


@pytest.mark.parametrize("hint", ['[training]\ndevice = "cuda:7"', "this is no recipe"])
def test_a_hint_that_cannot_be_is_said_in_the_log_and_no_matter(hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in warm_up.warm_up(hint):
        pass
    assert "Error" in capsys.readouterr().err
