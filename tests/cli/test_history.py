"""undo and replay, on the stand-in engine."""

import json

import pytest

from tests.cli.conftest import Lab
from tests.waiting import wait_until
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.lock import is_locked
from tui_lab.runs.status import status_of
from tui_lab.runs.weights import weights_of

pytestmark = pytest.mark.usefixtures("standin_engine")

CHECKPOINTS = ("--set", "training.checkpointing_steps=20", "--set", "training.checkpoints_total_limit=0")


def steered(lab: Lab, name: str) -> RunFolder:
    """A run that goes, and of which one change has taken effect."""
    assert lab("train", "pixel-faces-16-long", *CHECKPOINTS, "--name", name, "--detach").code == 0
    folder = RunFolder.open(name)
    wait_until(lambda: status_of(folder).step >= 25)
    assert lab("set", name, "optimizer.weight_decay=0.5").code == 0
    return folder


def weights(folder: RunFolder) -> str:
    return weights_of(folder.checkpoint(folder.checkpoint_steps()[-1]))


def test_a_run_that_goes_goes_back_and_a_replay_of_it_has_its_weights(lab: Lab) -> None:
    folder = steered(lab, "steered")
    assert lab("set", "steered", "optimizer.learning_rate=0.5").code == 0
    outcome = lab("undo", "steered")
    assert outcome.code == 0 and "learning_rate" in outcome.out and "undone" in outcome.out
    assert lab("stop", "steered").code == 0
    wait_until(lambda: not is_locked(folder))
    outcome = lab("replay", "steered", "--name", "again", "--json")
    assert outcome.code == 0, outcome.err
    assert (outcome.json["replays"], outcome.json["equal"]) == ("steered", True)
    assert outcome.json["step"] == status_of(folder).step and outcome.json["weights"] == weights(folder)
    assert "are those of steered, bit by bit" in outcome.err
    records = [json.loads(line) for line in lab("log", "again", "--json").out.splitlines()]
    [replays] = [record for record in records if record["kind"] == "replays"]
    assert [list(one["changes"]) for one in replays["data"]["changes"]] == [["optimizer.weight_decay"]]


def test_an_ended_run_is_started_again_from_before_its_last_change(lab: Lab) -> None:
    folder = steered(lab, "ended")
    assert lab("stop", "ended").code == 0
    wait_until(lambda: not is_locked(folder))
    outcome = lab("undo", "ended", "--detach")
    assert outcome.code == 0 and "weight_decay" in outcome.err and "undone: back from step" in outcome.err
    assert lab("stop", "ended").code == 0
    wait_until(lambda: not is_locked(folder))
    assert "nothing was changed" in lab("undo", "ended").error


def test_a_run_without_a_checkpoint_has_nothing_to_replay(lab: Lab) -> None:
    assert lab("train", "pixel-faces-16-long", "--name", "young", "--detach").code == 0
    assert "no checkpoint to compare with" in lab("replay", "young").error
