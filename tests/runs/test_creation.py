"""Runs from checkpoints of others: only from what is whole, and nothing half made where there is no room."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from tui_lab.errors import DiskFullError, RunError
from tui_lab.runs.creation import copy_checkpoint, fork_run
from tui_lab.runs.folder import RunFolder, list_runs
from tui_lab.runs.journal import Journal, JournalReader
from tui_lab.runs.replaying import replay_run
from tui_lab.runs.undo_at_rest import undo_at_rest
from tui_lab.runs.weights import is_whole

WEIGHTS = b"weights"
RATE = "optimizer.learning_rate"


@pytest.fixture
def parent() -> RunFolder:
    """With a change at step 15, and checkpoints before and after it."""
    folder = RunFolder.create('[recipe]\nname = "a-test"\n', "parent")
    journal = Journal(folder)
    journal.append("started", 0, device="cpu")
    journal.append("applied", 15, id="1", command="set", changes={RATE: [0.1, 0.5]})
    journal.append("stopped", 20)
    journal.close()
    for step in (10, 20):
        path = folder.checkpoint(step)
        path.mkdir()
        (path / "model.safetensors").write_bytes(WEIGHTS)
        total = {"model.safetensors": {"sha256": hashlib.sha256(WEIGHTS).hexdigest(), "bytes": len(WEIGHTS)}}
        (path / "state.json").write_text(json.dumps({"step": step, "weights": "w", "files": total}))
    return folder


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """For all that is appended to a journal."""

    def no_room(self: object, document: object) -> None:
        raise DiskFullError("no room left on the disk")

    monkeypatch.setattr("tui_lab.runs.lines.LineWriter.append", no_room)


def test_a_fork_begins_with_the_newest_checkpoint_that_is_whole(parent: RunFolder) -> None:
    (parent.checkpoint(20) / "model.safetensors").write_bytes(b"damaged")
    child = fork_run(parent)
    assert child.checkpoint_steps() == [10] and is_whole(child.checkpoint(10))


def test_a_damaged_checkpoint_that_was_asked_for_makes_no_fork(parent: RunFolder) -> None:
    (parent.checkpoint(20) / "model.safetensors").unlink()
    with pytest.raises(RunError, match="step 20 is damaged"):
        fork_run(parent, 20)
    assert list_runs() == [parent]


def test_one_that_is_removed_meanwhile_is_not_copied_half(parent: RunFolder, tmp_path: Path) -> None:
    shutil.rmtree(parent.checkpoint(20))
    with pytest.raises(FileNotFoundError):
        copy_checkpoint(parent.checkpoint(20), tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_an_undo_that_cannot_be_journalled_takes_nothing_away(parent: RunFolder, full_disk: None) -> None:
    with pytest.raises(DiskFullError, match="nothing is undone"):
        undo_at_rest(parent, None)
    assert parent.checkpoint_steps() == [10, 20]
    assert [record.kind for record in JournalReader(parent).read_new()] == ["started", "applied", "stopped"]


def test_a_replay_that_does_not_know_what_it_replays_is_none(parent: RunFolder, full_disk: None) -> None:
    with pytest.raises(DiskFullError, match="no room left"):
        replay_run(parent)
    assert list_runs() == [parent]
