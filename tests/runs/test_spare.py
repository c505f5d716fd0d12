"""A supervisor and a rank that wait for a run: what becomes of them, whatever becomes of whoever started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from tests.waiting import gone, wait_until
from tui_lab.errors import RunError
from tui_lab.runs import spare as spare_module
from tui_lab.runs.creation import new_run
from tui_lab.runs.folder import RunFolder, list_runs
from tui_lab.runs.launch import start
from tui_lab.runs.lifecycle import read_lifecycle
from tui_lab.runs.spare import Spare, room_for_spare, waiting_spares
from tui_lab.runs.spool import submit
from tui_lab.runs.status import status_of

pytestmark = pytest.mark.usefixtures("standin_engine")

RECIPE = """
[recipe]
name = "short"
[training]
max_train_steps = 30
checkpointing_steps = 10
"""


@pytest.fixture
def spare() -> Iterator[Spare]:
    """One whose rank waits."""
    wait_until(lambda: not mine())  # an earlier test's is on its way out
    with_rank = Spare()
    try:
        (supervisor,) = wait_until(mine)  # it is known by its command, which it has once it has left ours
        wait_until(lambda: supervisor.children())
        yield with_rank
    finally:
        with_rank.close()


def mine() -> list[psutil.Process]:
    """The waiting spares that this test started, and not a lab that somebody has open on this machine."""
    return [process for process in waiting_spares() if process.info["ppid"] == os.getpid()]


def run_of(recipe: str = RECIPE) -> RunFolder:
    return new_run(recipe, {}, source="test")


def processes_of(run: RunFolder) -> tuple[int, int]:
    """(supervisor, rank) of its last start."""
    started = [event.data for event in read_lifecycle(run) if event.kind == "started"][-1]
    return started["supervisor"]["pid"], started["pid"]


def test_a_spare_becomes_the_run_s_supervisor_and_rank(spare: Spare) -> None:
    (supervisor,) = mine()
    (rank,) = supervisor.children()
    run = run_of()
    start(run, spare)
    assert processes_of(run) == (supervisor.pid, rank.pid)
    wait_until(lambda: gone(supervisor.pid))
    assert [event.kind for event in read_lifecycle(run)] == ["started", "exited", "ended"]
    assert status_of(run).name == "finished"
    assert (run.checkpoints / "step-00000030").is_dir()


def test_what_it_prints_from_then_on_is_in_the_run_s_logs(spare: Spare, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_of("[training]\ntrain_batch_size = 7")
    (run.path / "recipe.toml").write_text("[training]\ntrain_batch_size = 'seven'\n")
    start(run, spare)
    wait_until(lambda: status_of(run).name == "failed")
    assert "train_batch_size" in (run.logs / "rank-0.log").read_text()


def test_while_it_waits_it_is_found_as_what_it_is_and_is_no_run(spare: Spare) -> None:
    assert len(mine()) == 1
    assert list_runs() == []
    spare.hint(RECIPE)
    start(run := run_of("[recipe]\nname = 'endless'"), spare)
    assert mine() == [], "a run's supervisor is no spare"
    submit(run, "stop")
    wait_until(lambda: status_of(run).name == "stopped")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP, signal.SIGTERM])
def test_both_leave_with_the_process_that_started_them(number: signal.Signals) -> None:
    code = (
        "import time\n"
        "from tui_lab.runs.spare import Spare\n"
        "spare = Spare(); print(spare._process.pid, flush=True); time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as lab:
        assert lab.stdout is not None
        supervisor = int(lab.stdout.readline())
        wait_until(lambda: psutil.Process(supervisor).children())
        (rank,) = psutil.Process(supervisor).children()
        lab.send_signal(number)
    wait_until(lambda: gone(supervisor) and gone(rank.pid))


def test_a_rank_whose_supervisor_was_killed_leaves(spare: Spare) -> None:
    (supervisor,) = mine()
    (rank,) = supervisor.children()
    supervisor.kill()
    wait_until(lambda: gone(rank.pid))
    assert not spare.alive


def test_a_run_outlives_whoever_had_the_spare() -> None:
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from tui_lab.runs.folder import RunFolder\n"
        "from tui_lab.runs.launch import start\n"
        "from tui_lab.runs.spare import Spare\n"
        "start(RunFolder(Path(sys.argv[1])), Spare()); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    run = run_of("[training]\nmax_train_steps = 0")
    subprocess.run([sys.executable, "-c", code, str(run.path)], check=False)
    step = status_of(run).step
    wait_until(lambda: status_of(run).step > step + 20)
    submit(run, "stop")
    wait_until(lambda: status_of(run).name == "stopped")


def test_a_spare_that_died_is_replaced_by_a_cold_start(spare: Spare) -> None:
    (supervisor,) = mine()
    supervisor.kill()
    supervisor.wait()
    start(run := run_of(), spare)
    assert processes_of(run)[0] != supervisor.pid
    wait_until(lambda: status_of(run).name == "finished")


def test_a_spare_whose_rank_died_starts_another_or_is_gone(spare: Spare) -> None:
    (supervisor,) = mine()
    (rank,) = supervisor.children()
    rank.kill()
    wait_until(lambda: gone(rank.pid))
    start(run := run_of(), spare)
    assert processes_of(run)[1] != rank.pid
    wait_until(lambda: status_of(run).name == "finished")


def test_a_run_that_is_held_is_not_taken_by_a_spare(spare: Spare) -> None:
    start(run := run_of("[training]\nmax_train_steps = 0"))
    with pytest.raises(RunError, match=r"(running|starting) already"):
        start(run, spare)
    assert spare.alive, "and the spare waits for another"
    submit(run, "stop")
    wait_until(lambda: status_of(run).name == "stopped")


def test_no_spare_where_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spare_module, "_container_leaves", lambda: 2 << 30)
    assert not room_for_spare(held=False)
    assert room_for_spare(held=True)
    monkeypatch.setattr(spare_module, "_container_leaves", lambda: 1 << 29)
    assert not room_for_spare(held=True)


def test_an_unused_spare_is_closed_with_its_rank(spare: Spare) -> None:
    (supervisor,) = mine()
    (rank,) = supervisor.children()
    spare.close()
    wait_until(lambda: gone(supervisor.pid) and gone(rank.pid))
