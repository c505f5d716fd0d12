"""A spool full of anything, a disk that is full at some write, a folder that goes away, a clock that jumps."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import kill_runs
from tests.runs.witness import assert_no_gap, checkpointed_state, folded_curve, journal_of, standin_states
from tests.standin_engine import State
from tests.waiting import wait_until
from tui_lab.errors import DiskFullError, LabError, RunError
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.journal import Journal, JournalReader
from tui_lab.runs.launch import start
from tui_lab.runs.lifecycle import Lifecycle
from tui_lab.runs.lines import LineReader, LineWriter
from tui_lab.runs.lock import is_locked
from tui_lab.runs.rank import RankSession
from tui_lab.runs.spool import SIZE_LIMIT, TAKEN_AT_ONCE, Spool, read_answer, submit
from tui_lab.runs.status import status_of

RECIPE = '[recipe]\nname = "a-test"\n[optimizer]\nlearning_rate = 0.001\n'
NANOSECONDS = "tui_lab.runs.spool.time.time_ns"


@pytest.fixture
def folder() -> RunFolder:
    return RunFolder.create(RECIPE)


@contextmanager
def full_disk(monkeypatch: pytest.MonkeyPatch, code: int = errno.ENOSPC) -> Iterator[None]:
    """Every write fails, the first of a line after half of its bytes."""
    whole = os.write

    def write(descriptor: int, data: bytes) -> int:
        if len(data) > 1:
            return whole(descriptor, data[: len(data) // 2])
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr("tui_lab.runs.files.os.write", write)
        yield


def garbage(dice: random.Random) -> bytes:
    command = {"id": "x", "kind": "pause", "data": {}, "client": {}, "time": 0}
    whole = json.dumps(command | {"data": {"changes": {"optimizer.learning_rate": "\ud800"}}}).encode()
    return dice.choice(
        [
            dice.randbytes(dice.randrange(200)),
            whole[: dice.randrange(len(whole))],
            whole,
            b" " * (SIZE_LIMIT + dice.randrange(1, 100)),
            b'{"a":' * 300,
            json.dumps(command | {dice.choice(list(command)): dice.choice([None, [], {}, 1e400, "\x1b[2J"])}).encode(),
        ]
    )


def plant(path: Path, dice: random.Random) -> None:
    form = dice.randrange(40)
    if form == 0:
        os.mkfifo(path)
    elif form == 1:
        path.symlink_to("/dev/zero")
    elif form == 2:
        path.mkdir()
    else:
        path.write_bytes(garbage(dice))


def test_ten_thousand_files_of_anything_do_nothing_but_be_thrown_out(folder: RunFolder) -> None:
    dice = random.Random(0)
    for index in range(10_000):
        name = dice.choice([f"{index}.json", f"{index}", f"\x1b[31m{index}.json", f"{index}{'x' * 150}.json"])
        plant(folder.commands_new / name, dice)
    identity = submit(folder, "pause")
    warnings: list[str] = []
    taken = Spool(folder, warnings.append).take()
    assert [command.id for command in taken] == [identity]
    assert len(warnings) == 10_000 and [path.stem for path in folder.commands_new.iterdir()] == [identity]
    assert not any("\x1b" in warning for warning in warnings)


def test_a_flood_of_commands_is_taken_in_parts_each_once_and_in_order(folder: RunFolder) -> None:
    sent = [submit(folder, "preview", {}, {"pid": 1}) for _ in range(1000)]
    spool, taken = Spool(folder), []
    while commands := spool.take():
        assert len(commands) <= TAKEN_AT_ONCE
        taken += [command.id for command in commands]
    assert taken == sent


def test_a_clock_that_is_put_back_keeps_the_order_of_commands(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time_ns()
    sent = []
    for jump in (0, -(10**13), 10**14, -(10**15), 0):
        monkeypatch.setattr(NANOSECONDS, lambda jump=jump: now + jump)
        sent.append(submit(folder, "pause"))
    spool = Spool(folder)
    commands = spool.take()
    assert [command.id for command in commands] == sent
    for command in commands:
        spool.answer(command, True, "done", 1)
    assert all(read_answer(folder, identity) for identity in sent)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file another user's")
def test_what_belongs_to_another_user_is_not_obeyed(folder: RunFolder) -> None:
    identity = submit(folder, "stop")
    os.chown(folder.commands_new / f"{identity}.json", 12345, 12345)
    assert Spool(folder).take() == []
    answer = read_answer(folder, identity)
    assert answer is not None and not answer.ok and "belongs to another user (uid 12345)" in answer.message


def test_a_folder_that_is_moved_away_is_said(folder: RunFolder, tmp_path: Path) -> None:
    session = RankSession(folder)
    folder.path.rename(tmp_path / "moved")
    with pytest.raises(RunError, match="moved or deleted while it ran"):
        session.poll(1)
    with pytest.raises(RunError, match="takes no commands"):
        submit(folder, "pause")
    session.record("failed", 1, message="its folder is gone")
    session.close()
    assert JournalReader(RunFolder(tmp_path / "moved")).read_new()[-1].kind == "failed"


def test_a_spool_that_somebody_removed_is_made_again(folder: RunFolder) -> None:
    spool = Spool(folder)
    shutil.rmtree(folder.commands)
    assert spool.take() == []
    assert [command.kind for command in (submit(folder, "pause"), spool.take())[1]] == ["pause"]
    assert folder.commands_new.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_on_a_full_disk_records_and_answers_wait_and_come_in_order(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    session = RankSession(folder)
    session.record("started", 0, device="cpu")
    identity = submit(folder, "pause")
    with full_disk(monkeypatch, code):
        [command] = session.poll(1)
        session.record("paused", 1)
        session.applied(command, 1)
        session.frame({}, np.zeros((1, 1, 2, 2, 3), np.uint8))
        assert "no room left on the disk" in session.disk_full
        assert session.poll(1) == [] and read_answer(folder, identity) is None
        assert [record.kind for record in JournalReader(folder).read_new()] == ["started"]
    assert session.poll(1) == [] and not session.disk_full
    records = JournalReader(folder).read_new()
    assert [record.kind for record in records] == ["started", "command", "paused", "applied"]
    assert [record.seq for record in records] == [1, 2, 3, 4]
    answer = read_answer(folder, identity)
    assert answer is not None and answer.ok


def test_a_full_disk_at_rotation_costs_no_record(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(folder, rotate_bytes=500)
    journal.append("started", 0, device="cpu")
    for step in range(40):
        if step % 3:
            journal.append("metrics", step)
        else:
            with full_disk(monkeypatch):
                journal.append("metrics", step)
                assert journal.full
    journal.append("stopped", 40)
    records = JournalReader(folder).read_new()
    assert [record.seq for record in records] == list(range(1, len(records) + 1))
    assert [record.step for record in records if record.kind == "metrics"] == list(range(40))


def test_memory_for_what_waits_is_bounded(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui_lab.runs.journal.WAITING", 5)
    journal = Journal(folder)
    with full_disk(monkeypatch):
        for step in range(5):
            journal.append("metrics", step)
        with pytest.raises(DiskFullError, match="no room left"):
            journal.append("metrics", 5)


LIMITED = """
import resource, sys
from pathlib import Path
from tui_lab.errors import DiskFullError
from tui_lab.runs.files import replace_file
from tui_lab.runs.lines import LineWriter

folder = Path(sys.argv[1])
lines = LineWriter(folder / "lines")
lines.append({"n": 1})
resource.setrlimit(resource.RLIMIT_FSIZE, (lines.size + 5, resource.RLIM_INFINITY))
for write in (lambda: lines.append({"n": 2}), lambda: replace_file(folder / "picture", bytes(100))):
    try:
        write()
    except DiskFullError:
        print("full")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
lines.append({"n": 3})
"""


def test_a_limit_on_the_size_of_files_is_a_full_disk(tmp_path: Path) -> None:
    """In a process of its own, as the limit holds for all that it writes; its signal, SIGXFSZ, does not kill it."""
    limited = subprocess.run([sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, check=True)
    assert limited.stdout.split() == ["full", "full"]
    assert [path.name for path in tmp_path.iterdir()] == ["lines"]
    assert LineReader(tmp_path / "lines").read_new() == [{"n": 1}, {"n": 3}]


def test_dev_full_is_a_full_disk(tmp_path: Path) -> None:
    (tmp_path / "lines").symlink_to("/dev/full")
    with pytest.raises(DiskFullError, match="no room left"):
        LineWriter(tmp_path / "lines").append({"n": 1})


def test_all_that_a_run_writes_is_its_owners_alone(folder: RunFolder) -> None:
    old = os.umask(0)
    try:
        session = RankSession(folder)
        identity = submit(folder, "pause")
        (folder.commands_new / "garbage.json").write_bytes(b"")
        for command in session.poll(1):
            session.applied(command, 1)
        session.metrics(1, loss=1.0)
        session.frame({}, np.zeros((1, 1, 2, 2, 3), np.uint8))
        Lifecycle(folder).append("ended", outcome="stopped", message="")
        session.close()
    finally:
        os.umask(old)
    assert read_answer(folder, identity)
    for path in folder.path.rglob("*"):
        if path.suffix != ".rejected":  # as whoever wrote it left it
            assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def as_somebody(act: Callable[[], str]) -> str:
    """What it returns in a process whose rights are no more than its files' modes give it."""
    near, far = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setuid(NOBODY)
            os.write(far, act().encode())
        except (AssertionError, LabError, OSError) as error:
            os.write(far, f"{type(error).__name__}: {error}".encode())
        finally:
            os._exit(0)
    os.close(far)
    with os.fdopen(near) as said:
        text = said.read()
    os.waitpid(child, 0)
    return text


NOBODY = 65534


def set_modes(folder: RunFolder, mode: int) -> None:
    for path in [folder.path, *folder.path.rglob("*")]:
        if path.is_dir():
            path.chmod(mode)


def test_a_run_folder_that_is_made_read_only_is_survived_with_a_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with tempfile.TemporaryDirectory() as home:  # pytest's own folders are closed to others
        if os.geteuid() == 0:
            os.chown(home, NOBODY, NOBODY)
        monkeypatch.setenv("DIFFUSION_LAB_HOME", home)

        def act() -> str:
            folder = RunFolder.create(RECIPE, "locked")
            session = RankSession(folder)
            identity = submit(folder, "pause")
            [command] = session.poll(1)
            set_modes(folder, 0o500)
            session.applied(command, 1)
            session.frame({}, np.zeros((1, 1, 2, 2, 3), np.uint8))
            assert read_answer(folder, identity) is None and session.poll(2) == []
            try:
                submit(folder, "resume")
            except LabError as error:
                refused = error.message
            set_modes(folder, 0o700)
            assert session.poll(3) == []
            answer = read_answer(folder, identity)
            assert answer is not None and answer.ok
            return f"{refused}; {[record.kind for record in JournalReader(folder).read_new()]}"

        said = as_somebody(act)
    assert said.startswith("cannot write") and "Permission denied" in said
    assert said.endswith("['command', 'applied']")


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The lab's home on a file system of its own, of 1 MiB."""
    home = tmp_path / "small"
    home.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1M,mode=0700", "none", str(home)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a tmpfs here")
    monkeypatch.setenv("DIFFUSION_LAB_HOME", str(home))
    yield home
    kill_runs()
    subprocess.run(["umount", "-l", str(home)], check=True)


def test_a_disk_that_is_really_full_pauses_a_run_and_costs_nothing(small_disk: Path, standin_engine: None) -> None:
    folder = RunFolder.create(
        f"{RECIPE}[training]\nmax_train_steps = 0\ncheckpointing_steps = 10\n[sampling]\nevery_steps = 20\n"
    )
    start(folder)
    wait_until(lambda: folder.checkpoint_steps())
    filler = small_disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    with pytest.raises(DiskFullError, match="no room left"):
        submit(folder, "set", {"changes": {"ema.decay": 0.5}})

    wait_until(lambda: "no room left on the disk" in status_of(folder).message)

    def paused() -> bool:
        """What has no room for its steps has none to say so: a page at a time."""
        os.truncate(filler, filler.stat().st_size - 4096)
        return status_of(folder).name == "paused"

    wait_until(paused, interval=0.1)
    assert "no room left on the disk" in status_of(folder).message
    filler.unlink()
    for kind in ("resume", "stop"):
        identity = submit(folder, kind)
        assert wait_until(lambda sent=identity: read_answer(folder, sent)).ok
    wait_until(lambda: not is_locked(folder))
    end, records = status_of(folder).step, journal_of(folder)
    assert_no_gap(folded_curve(records), 0, end)
    assert checkpointed_state(folder, end) == standin_states(folder, records, State(), until=end)[-1]
