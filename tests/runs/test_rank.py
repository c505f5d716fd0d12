import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.waiting import wait_until
from tui_lab.recipe import get
from tui_lab.runs.environment import SUPERVISOR
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.frame import read_frame
from tui_lab.runs.journal import JournalReader, Record
from tui_lab.runs.lifecycle import fingerprint
from tui_lab.runs.rank import RankSession
from tui_lab.runs.spool import Answer, read_answer, submit

LEARNING_RATE = "optimizer.learning_rate"


@pytest.fixture
def folder() -> RunFolder:
    return RunFolder.create('[recipe]\nname = "a-test"\n[optimizer]\nlearning_rate = 0.001\n')


def records(folder: RunFolder, kind: str) -> list[Record]:
    return [record for record in JournalReader(folder).read_new() if record.kind == kind]


def answer(folder: RunFolder, identity: str) -> Answer:
    found = read_answer(folder, identity)
    assert found is not None
    return found


def apply(session: RankSession, step: int) -> None:
    for command in session.poll(step):
        changes = command.data["changes"]
        session.applied(command, step, changes={key: [get(session.recipe, key), changes[key]] for key in changes})


def test_a_change_is_journalled_answered_and_stands_in_the_recipe(folder: RunFolder) -> None:
    session = RankSession(folder)
    identity = submit(folder, "set", {"changes": {LEARNING_RATE: 0.01}})
    apply(session, 1241)
    assert session.recipe.optimizer.learning_rate == 0.01
    assert answer(folder, identity).message == "learning_rate 0.01 applied at step 1241 (was 0.001)"
    [command], [applied] = records(folder, "command"), records(folder, "applied")
    assert command.data["client"]["pid"] == os.getpid()
    assert applied.step == 1241 and applied.data["changes"] == {LEARNING_RATE: [0.001, 0.01]}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"changes": {"optimizer.learning_rat": 1}}, "no knob"),
        ({"changes": {"noise_scheduler.prediction_type": "sample"}}, "fork"),
        ({"changes": {LEARNING_RATE: -1}}, "learning_rate"),
        ({"changes": {LEARNING_RATE: "fast"}}, "learning_rate"),
        ({"changes": {LEARNING_RATE: [1, 2]}}, "learning_rate"),
        ({"changes": {}}, "changes"),
        ({}, "changes"),
    ],
)
def test_a_change_that_cannot_be_is_rejected_with_why(folder: RunFolder, data: dict[str, object], why: str) -> None:
    session = RankSession(folder)
    identity = submit(folder, "set", data)
    assert session.poll(3) == []
    assert not answer(folder, identity).ok and why in answer(folder, identity).message
    assert records(folder, "rejected")[0].data["id"] == identity


def test_changes_sent_together_are_checked_one_after_the_other(folder: RunFolder) -> None:
    session = RankSession(folder)
    for rate in (0.01, 0.02):
        submit(folder, "set", {"changes": {LEARNING_RATE: rate}})
    apply(session, 5)
    assert [r.data["changes"][LEARNING_RATE] for r in records(folder, "applied")] == [[0.001, 0.01], [0.01, 0.02]]


def test_garbage_in_the_spool_is_a_warning_and_nothing_else(folder: RunFolder) -> None:
    session = RankSession(folder)
    (folder.commands_new / "evil\x1b[2J.json").write_bytes(b"\x00")
    assert session.poll(1) == []
    assert len(records(folder, "warning")) == 1 and len(JournalReader(folder).read_new()) == 1


def test_metrics_are_gathered_in_windows_that_other_records_close(folder: RunFolder) -> None:
    session = RankSession(folder)
    for step, loss in enumerate([1.0, 2.0, 6.0], start=1):
        session.metrics(step, loss=loss)
    session.record("checkpoint", 3, path="x")
    kinds = [record.kind for record in JournalReader(folder).read_new()]
    assert kinds[-1] == "checkpoint" and "metrics" in kinds
    metrics = records(folder, "metrics")
    assert sum(record.data["count"] for record in metrics) == 3
    assert max(record.data["loss"]["max"] for record in metrics) == 6.0
    assert metrics[-1].step == 3 and metrics[-1].data["loss"]["last"] == 6.0


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"source": "another-run"}, "draws from its own weights alone, not from those of another-run"),
        ({"checkpoint": 1}, "leave the checkpoint out"),
        ({"knobs": {"num_inference_steps": 0}}, "num_inference_steps takes a whole number"),
        ({"knobs": {"every_steps": 3}}, "'every_steps' is no knob"),
        ({"class_labels": [3]}, "unconditional"),
        ({"place": 16}, "there is no picture 16 in this batch"),
        ({"start": {"kind": "image"}}, "needs an image"),
        (
            {"keep": {"height": 1, "width": 1, "runs": [1]}, "start": {"image": {"kind": "data"}}},
            "mask is of 1×1 pixels",
        ),
        ({"sampler": "DDIM"}, "sampler"),
    ],
)
def test_a_denoising_that_a_live_run_cannot_draw_is_rejected_with_why(
    folder: RunFolder, asked: dict[str, object], why: str
) -> None:
    session = RankSession(folder)
    sound = submit(folder, "preview", {"denoising": {"source": folder.id}})
    identity = submit(folder, "preview", {"denoising": {"source": str(folder.path), **asked}})
    both = submit(folder, "preview", {"denoising": {"source": folder.id}, "seed": 3})
    assert [command.id for command in session.poll(3)] == [sound]
    assert not answer(folder, identity).ok and why in answer(folder, identity).message
    assert "and not both" in answer(folder, both).message


def test_a_loss_that_is_not_finite_is_kept_as_such(folder: RunFolder) -> None:
    session = RankSession(folder)
    session.metrics(1, loss=1.0)
    session.flush_metrics()
    session.metrics(2, loss=float("nan"))
    session.flush_metrics()
    last = records(folder, "metrics")[-1].data["loss"]
    assert last["last"] is None and last["mean"] is None


def test_a_command_of_an_earlier_process_is_not_applied_again(folder: RunFolder) -> None:
    first = RankSession(folder)
    identity = submit(folder, "set", {"changes": {LEARNING_RATE: 0.01}})
    content = (folder.commands_new / f"{identity}.json").read_bytes()
    apply(first, 10)
    first.close()
    (folder.commands_new / f"{identity}.json").write_bytes(content)
    second = RankSession(folder)
    assert second.poll(11) == []


def test_changes_beyond_the_checkpoint_are_given_back_at_their_steps(folder: RunFolder) -> None:
    first = RankSession(folder)
    for step, rate in [(50, 0.01), (120, 0.02), (130, 0.03)]:
        submit(folder, "set", {"changes": {LEARNING_RATE: rate}})
        apply(first, step)
    first.close()
    second = RankSession(folder)
    assert second.past_last_step == 130
    assert second.recipe.optimizer.learning_rate == 0.001
    assert second.replay_after(100) == [(120, {LEARNING_RATE: 0.02}), (130, {LEARNING_RATE: 0.03})]
    assert second.recipe.optimizer.learning_rate == 0.01
    second.adopt({LEARNING_RATE: 0.02})
    assert second.recipe.optimizer.learning_rate == 0.02


def test_an_orphan_notices(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    supervisor = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    monkeypatch.setenv(SUPERVISOR, json.dumps(fingerprint(supervisor.pid)))
    session = RankSession(folder)
    assert not session.orphaned
    supervisor.kill()  # a zombie is as gone as one that was waited for
    wait_until(lambda: session.orphaned)
    supervisor.communicate()


def test_previews_are_numbered_through_the_run(folder: RunFolder) -> None:
    session = RankSession(folder)
    first = session.next_preview_path(100)
    assert first == folder.previews / "step-00000100-0001.npy"
    np.save(first, np.zeros(1, np.uint8))
    assert session.next_preview_path(90).name == "step-00000090-0002.npy"


def test_a_frame_is_dropped_on_a_full_disk(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    def full(descriptor: int, data: memoryview) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    session = RankSession(folder)
    pixels = np.zeros((2, 1, 2, 2, 3), np.uint8)
    session.frame({"step": 1}, pixels)
    monkeypatch.setattr("tui_lab.runs.files.os.write", full)
    session.frame({"step": 2}, pixels)
    monkeypatch.undo()
    frame = read_frame(folder)
    assert frame is not None and frame.header["step"] == 1
    assert [path.name for path in folder.frame_path.parent.iterdir()] == ["frame"]


def test_the_journal_is_json_after_its_checksum(folder: RunFolder, lab_home: Path) -> None:
    RankSession(folder).record("started", 0, device="cpu", path=lab_home, loss=np.float32(0.5))
    line = (folder.journal_dir / "000001.jsonl").read_text().splitlines()[0]
    assert json.loads(line[9:])["data"] == {"device": "cpu", "path": str(lab_home), "loss": 0.5}
