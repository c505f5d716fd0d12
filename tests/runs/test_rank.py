import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.waiting import wait_until
from tui_lab.errors import RunError
from tui_lab.recipe import get
from tui_lab.runs.environment import DIED, SUPERVISOR
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.frame import read_frame
from tui_lab.runs.journal import JournalReader, Record
from tui_lab.runs.lifecycle import fingerprint
from tui_lab.runs.rank import RankSession
from tui_lab.runs.roster import living_ranks
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


def killed_at(folder: RunFolder, step: int, kind: str = "", data: dict[str, object] | None = None) -> str:
    """A process that has taken a command, if one is said, and is then as good as dead. The command's id."""
    session = RankSession(folder)
    identity = submit(folder, kind, data) if kind else ""
    session.poll(step)
    session.record("warning", step, message="")
    session.close()
    return identity


@pytest.mark.parametrize(
    ("kind", "data"), [("set", {"changes": {LEARNING_RATE: 0.01}}), ("stop", {}), ("pause", {}), ("checkpoint", {})]
)
def test_what_a_killed_process_took_and_had_not_done_is_done_by_the_next_one(
    folder: RunFolder, kind: str, data: dict[str, object]
) -> None:
    identity = killed_at(folder, 7, kind, data)
    session = RankSession(folder)
    assert [(command.id, command.kind) for command in session.poll(5)] == [(identity, kind)]
    assert session.poll(5) == [] and len(records(folder, "command")) == 1


@pytest.mark.parametrize("kind", ["resume", "preview", "sample", "undo"])
def test_what_might_be_done_twice_is_rejected_instead(folder: RunFolder, kind: str) -> None:
    identity = killed_at(folder, 7, kind, {})
    assert RankSession(folder).poll(7) == []
    assert not answer(folder, identity).ok and "ask again" in answer(folder, identity).message
    assert [record.data["id"] for record in records(folder, "rejected")] == [identity]


def test_an_undo_that_was_journalled_before_the_kill_is_not_done_twice(folder: RunFolder) -> None:
    first = RankSession(folder)
    for rate in (0.01, 0.02):
        submit(folder, "set", {"changes": {LEARNING_RATE: rate}})
        apply(first, 10)
    identity = submit(folder, "undo", {})
    [command] = first.poll(20)
    first.rewind(20, 0, "undo", first.undo_at(20, None))
    first.close()
    second = RankSession(folder)
    assert second.poll(0) == []
    assert answer(folder, identity).ok and [r.data["id"] for r in records(folder, "applied")][-1] == command.id
    second.replay_after(10)
    assert second.recipe.optimizer.learning_rate == 0.01


def test_what_was_journalled_and_not_answered_is_answered(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    first = RankSession(folder)
    sent = [submit(folder, "set", {"changes": {LEARNING_RATE: rate}}) for rate in (0.01, -1)]
    with monkeypatch.context() as killed:
        killed.setattr("tui_lab.runs.spool.Spool.file_answers", lambda self: False)
        apply(first, 10)
    first.close()
    assert RankSession(folder).poll(10) == []
    assert [answer(folder, identity).ok for identity in sent] == [True, False]
    assert len(records(folder, "applied")) == 1


BATCH = "training.train_batch_size"


@pytest.mark.parametrize(
    ("changes", "died_at", "goes_on_with"),
    [
        ([(120, 128)], 160, 64),  # though the checkpoint of step 150 has it
        ([(155, 128)], 160, 64),
        ([(120, 256), (155, 128)], 160, 128),  # what was lowered is not to blame
        ([(120, 128)], 500, 128),  # nor what went well for long
    ],
)
def test_a_death_by_memory_is_blamed_on_a_batch_that_grew_shortly_before(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, changes: list[tuple[int, int]], died_at: int, goes_on_with: int
) -> None:
    first = RankSession(folder)
    for step, size in changes:
        submit(folder, "set", {"changes": {BATCH: size}})
        apply(first, step)
    first.metrics(died_at, loss=1.0)
    first.close()
    monkeypatch.setenv(DIED, "memory")
    second = RankSession(folder)
    for _, later in second.go_on_from(150):
        second.adopt(later)
    assert second.recipe.training.train_batch_size == goes_on_with
    again = RankSession(folder)
    for _, later in again.replay_after(150):
        again.adopt(later)
    assert again.recipe.training.train_batch_size == goes_on_with


def test_a_damaged_journal_is_said_by_whoever_goes_on_with_it(folder: RunFolder) -> None:
    first = RankSession(folder)
    for step in (1, 2, 3):
        first.record("warning", step, message="well")
    first.close()
    path = folder.journal_dir / "000001.jsonl"
    lines = path.read_bytes().split(b"\n")
    lines[1] = lines[1].replace(b"well", b"ill!")
    path.write_bytes(b"\n".join(lines))
    second = RankSession(folder)
    assert "1 damaged line in 000001.jsonl" in records(folder, "warning")[-1].data["message"]
    assert second.past_last_step == 3


def test_a_clock_that_is_put_right_makes_no_orphan(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SUPERVISOR, json.dumps(fingerprint(os.getpid())))
    session = RankSession(folder)
    boot_time = psutil.boot_time()
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: boot_time + 3600)
    monkeypatch.setattr("tui_lab.runs.rank.LOOK_SECONDS", -1.0)
    assert not session.orphaned


def test_a_rank_whose_supervisor_is_gone_already_touches_nothing(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SUPERVISOR, json.dumps({**fingerprint(os.getpid()), "create_time": -1.0}))
    with pytest.raises(RunError, match="supervisor that started this rank"):
        RankSession(folder)
    assert not list(folder.journal_dir.iterdir())
    assert [process.pid for process in living_ranks(folder)] == [os.getpid()], "the next supervisor finds it"
