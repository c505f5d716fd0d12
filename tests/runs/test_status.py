import errno
import os

import psutil
import pytest

from tui_lab.runs.folder import RunFolder
from tui_lab.runs.journal import Journal
from tui_lab.runs.lifecycle import Lifecycle, fingerprint, living
from tui_lab.runs.lock import hold_lock, is_locked
from tui_lab.runs.status import status_of
from tui_lab.runs.tail import last_words
from tui_lab.runs.turn import Turn

RECIPE = '[recipe]\nname = "a-test"\n[training]\nmax_train_steps = 750\n'


def test_a_run_that_was_never_started_is_lost() -> None:
    status = status_of(RunFolder.create(RECIPE))
    assert (status.name, status.message, status.step, status.max_train_steps) == (
        "lost",
        "it was never started",
        0,
        750,
    )


def test_a_held_run_goes_through_its_states() -> None:
    folder = RunFolder.create(RECIPE)
    lock = hold_lock(folder)
    assert lock is not None and is_locked(folder)
    assert status_of(folder).name == "starting"
    Lifecycle(folder).append("started", rank=0, supervisor={}, pid=1)
    journal = Journal(folder)
    seen = []
    for kind, data in [
        ("starting", {"message": "importing torch"}),
        ("started", {"device": "cpu"}),
        ("paused", {}),
        ("warning", {"message": "x"}),
        ("resumed", {}),
        ("metrics", {"loss": {"mean": 0.5}, "steps_per_second": {"last": 6.0}}),
    ]:
        journal.append(kind, 12, **data)
        seen.append(status_of(folder).name)
    assert seen == ["starting", "running", "paused", "paused", "running", "running"]
    status = status_of(folder)
    assert (status.step, status.loss, status.steps_per_second, status.device) == (12, 0.5, 6.0, "cpu")


def test_a_run_started_again_is_starting_until_its_rank_speaks() -> None:
    folder = RunFolder.create(RECIPE)
    journal = Journal(folder)
    journal.append("stopped", 5, checkpoint=None)
    lock = hold_lock(folder)
    assert lock is not None
    assert status_of(folder).name == "starting"
    Lifecycle(folder).append("started", rank=0, supervisor={}, pid=1, after=1)
    assert status_of(folder).name == "starting"
    journal.append("started", 5, device="cpu")
    assert status_of(folder).name == "running"


def test_a_clock_that_is_put_back_changes_no_status(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = RunFolder.create(RECIPE)
    Lifecycle(folder).append("started", rank=0, supervisor={}, pid=1, after=0)
    journal = Journal(folder)
    monkeypatch.setattr("tui_lab.runs.journal.time.time", lambda: 1000.0)  # 1970
    journal.append("started", 0, device="cpu")
    lock = hold_lock(folder)
    assert lock is not None and status_of(folder).name == "running"
    os.close(lock)
    journal.append("finished", 10)
    assert status_of(folder).name == "finished"


def test_a_full_disk_costs_the_lifecycle_its_last_line_and_the_run_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    folder = RunFolder.create(RECIPE)
    turn = Turn.take(folder)
    assert turn is not None
    turn.record("started", launcher={}, supervisor={})
    Journal(folder).append("finished", 10)
    with monkeypatch.context() as patch:
        patch.setattr("tui_lab.runs.files.os.write", full)
        turn.end("finished", "")
    assert (status_of(folder).name, status_of(folder).alive) == ("finished", False)


def test_the_keys_for_scripts_stand() -> None:
    keys = {"run", "path", "status", "step", "loss", "steps_per_second", "checkpoint", "pipeline"}
    assert keys <= set(status_of(RunFolder.create(RECIPE)).as_json())


def test_the_tail_is_found_however_long_the_journal() -> None:
    folder = RunFolder.create(RECIPE)
    journal = Journal(folder, rotate_bytes=10_000)
    journal.append("started", 0, device="cuda")
    for step in range(200):
        journal.append("metrics", step, loss={"mean": step}, padding="x" * 100)
    journal.append("paused", 200)
    for _ in range(100):
        journal.append("warning", 200, message="y" * 200)
    words = last_words(folder)
    assert words.state is not None and words.state.kind == "paused"
    assert words.metrics is not None and words.metrics.step == 199
    assert words.started is not None and words.started.data["device"] == "cuda"
    assert words.last is not None and words.last.kind == "warning"


def test_a_recipe_that_cannot_be_read_does_not_hide_the_run() -> None:
    folder = RunFolder.create("this is [not toml")
    assert status_of(folder).max_train_steps == 0


def test_a_pid_of_another_process_is_not_taken_for_the_rank() -> None:
    import os

    here = fingerprint(os.getpid())
    process = living(here)
    assert process is not None and process.pid == os.getpid()
    assert living({**here, "create_time": here["create_time"] - 10}) is None
    assert living({**here, "boot_id": "another boot"}) is None


def test_the_lock_is_for_one() -> None:
    folder = RunFolder.create(RECIPE)
    assert not is_locked(folder)
    assert hold_lock(folder) is not None
    assert hold_lock(folder, patience=0.05) is None


def test_a_clock_that_jumps_makes_no_other_process_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    here, boot_time = fingerprint(os.getpid()), psutil.boot_time()
    for jump in (-86_400, 1, 10**9):
        monkeypatch.setattr("psutil._pslinux.boot_time", lambda jump=jump: boot_time + jump)
        assert living(here) is not None and fingerprint(os.getpid()) == here
