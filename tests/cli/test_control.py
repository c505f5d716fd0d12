"""pause, stop, checkpoint and set, on the stand-in engine."""

import os
import signal

import pytest

from tests.cli.conftest import Lab
from tests.waiting import wait_until
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.lifecycle import read_lifecycle
from tui_lab.runs.lock import is_locked
from tui_lab.runs.status import status_of

pytestmark = pytest.mark.usefixtures("standin_engine")


@pytest.fixture
def run(lab: Lab) -> RunFolder:
    lab("train", "pixel-faces-16-long", "--name", "heron", "--set", "optimizer.learning_rate=0.001", "--detach")
    folder = RunFolder.open("heron")
    wait_until(lambda: status_of(folder).step >= 5)
    return folder


def test_set_says_when_it_took_effect_and_what_was_before(lab: Lab, run: RunFolder) -> None:
    outcome = lab("set", "heron", "optimizer.learning_rate=0.01")
    assert outcome.code == 0
    assert outcome.out.startswith("learning_rate 0.01 applied at step ") and outcome.out.endswith("(was 0.001)\n")
    assert "optimizer.learning_rate=0.01" in lab("show", "heron").out


def test_several_knobs_change_at_the_same_step(lab: Lab, run: RunFolder) -> None:
    outcome = lab("set", "heron", "optimizer.learning_rate=0.01", "ema.decay=0.9", "--json")
    assert outcome.json["ok"] and outcome.json["message"].count(f"at step {outcome.json['step']}") == 2


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ("optimizer.learning_rate=-1", "learning_rate"),
        ("noise_scheduler.prediction_type=sample", "fork"),
        ("optimizer.learning_rat=1", "did you mean learning_rate"),
        ("nonsense", "KEY=VALUE"),
    ],
)
def test_what_cannot_change_is_refused_in_one_line(lab: Lab, run: RunFolder, change: str, hint: str) -> None:
    outcome = lab("set", "heron", change)
    assert outcome.code == 2 and hint in outcome.error
    assert is_locked(run)


def test_pause_checkpoint_stop(lab: Lab, run: RunFolder) -> None:
    assert lab("pause", "heron").out.startswith("paused at step")
    outcome = lab("pause", "heron")
    assert outcome.code == 2 and "refused" in outcome.error
    assert lab("checkpoint", "heron").out.startswith("checkpoint written at step")
    assert lab("stop", "heron").out.startswith("stopped at step")
    wait_until(lambda: not is_locked(run))
    assert status_of(run).name == "stopped"


def test_a_run_that_is_not_going_cannot_be_told_anything(lab: Lab, run: RunFolder) -> None:
    lab("stop", "heron")
    wait_until(lambda: not is_locked(run))
    outcome = lab("pause", "heron")
    assert outcome.code == 2 and "diffusion-lab resume heron" in outcome.error
    assert list(run.commands_new.iterdir()) == []


def test_a_run_that_does_not_answer_is_said(lab: Lab, run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui_lab.cli.control.PATIENCE_SECONDS", 0.1)
    rank = int(read_lifecycle(run)[0].data["pid"])
    os.kill(rank, signal.SIGSTOP)
    outcome = lab("pause", "heron")
    os.kill(rank, signal.SIGCONT)
    assert outcome.code == 1 and "has not answered" in outcome.error
