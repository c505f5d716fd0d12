"""Several ranks under a launcher: what is started, who is ended, and what is said of it."""

from __future__ import annotations

import json
import os
import signal
import sys

import pytest

from tests.runs.test_supervisor import ask, events, new_run, supervisor_pid, wait_for_end, wait_for_step
from tests.waiting import wait_until
from tui_lab.errors import RunError
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.launch import start
from tui_lab.runs.launcher import (
    EXIT_LOST_RANK,
    Death,
    Launch,
    asked_launch,
    command,
    environment,
    first_death,
    read_launch,
    write_launch,
)
from tui_lab.runs.lock import is_locked
from tui_lab.runs.roster import living_ranks, members
from tui_lab.runs.status import status_of

TORCHRUN_SAYS = """
E1124 01:35:02.1 api.py:984] failed (exitcode: 13) local_rank: 0 (pid: 211) of binary: python
============================================================
tui_lab.engine FAILED
------------------------------------------------------------
Failures:
[1]:
  time      : 2026-11-24_01:35:02
  host      : here
  rank      : 1 (local_rank: 1)
  exitcode  : -9 (pid: 212)
  error_file: <N/A>
------------------------------------------------------------
Root Cause (first observed failure):
[0]:
  time      : 2026-11-24_01:35:02
  host      : here
  rank      : 0 (local_rank: 0)
  exitcode  : 13 (pid: 211)
  error_file: <N/A>
============================================================
"""


def test_one_process_is_plain_python_and_several_have_a_launcher() -> None:
    folder = new_run(name="a")
    assert command(Launch(), folder, on_gpus=True) == [sys.executable, "-m", "tui_lab.engine", str(folder.path)]
    torchrun = command(Launch(2), folder, on_gpus=False)
    assert torchrun[2:6] == ["torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    accelerate = command(Launch(4), folder, on_gpus=True)
    assert accelerate[2:6] == ["accelerate.commands.launch", "--multi_gpu", "--num_processes", "4"]
    meeting = Launch(2, ("--nnodes=2", "--rdzv-endpoint", "a:29400"))
    assert "--standalone" not in command(meeting, folder, on_gpus=False)
    assert "--multi_gpu" not in command(Launch(2, ("--config-file", "c.yaml")), folder, on_gpus=True)


def test_threads_are_shared_out_and_a_cpu_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(8)))
    monkeypatch.setattr("psutil.cpu_count", lambda logical=True: 8)
    several = environment(Launch(4), {"pid": 1}, on_gpus=False, died="memory")
    assert (several["OMP_NUM_THREADS"], several["ACCELERATE_USE_CPU"], several["DIFFUSION_LAB_DIED"]) == (
        ("2", "1", "memory")
    )
    assert "ACCELERATE_USE_CPU" not in environment(Launch(), {"pid": 1}, on_gpus=False)


def test_how_a_run_is_launched_is_kept_and_asked_anew() -> None:
    folder = new_run()
    assert read_launch(folder) == Launch()
    write_launch(folder, asked_launch(Launch(), 2, "--main_process_port '29 501'"))
    assert read_launch(folder) == Launch(2, ("--main_process_port", "29 501"))
    assert asked_launch(read_launch(folder), 1, None).arguments == ("--main_process_port", "29 501")
    folder.launch_path.write_text("{")
    with pytest.raises(RunError, match="--processes N"):
        read_launch(folder)


def test_of_ranks_that_went_together_the_killed_one_is_the_cause() -> None:
    assert first_death(TORCHRUN_SAYS) == Death(1, -signal.SIGKILL)
    assert first_death(TORCHRUN_SAYS.replace("-9", "1")) == Death(1, 1) and EXIT_LOST_RANK == 13
    assert first_death("nothing of the kind") is None


@pytest.fixture
def three(standin_engine: None, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A run of three ranks that goes on until it is ended, checkpoints every 100 steps."""
    monkeypatch.setenv("DIFFUSION_LAB_LAUNCHER", "tests.standin_launcher")
    monkeypatch.setenv("DIFFUSION_LAB_GRACE_SECONDS", "10")
    folder = new_run()
    write_launch(folder, Launch(3))
    start(folder)
    wait_until(lambda: len(living_ranks(folder)) == 3)
    wait_for_step(folder, 5)
    return folder


def gone(folder: RunFolder) -> bool:
    return not living_ranks(folder)


def test_each_rank_has_a_session_and_signs_in(three: RunFolder) -> None:
    pids = [member.process["pid"] for member in members(three)]
    assert len({os.getsid(pid) for pid in pids} | {os.getsid(supervisor_pid(three))}) == 4
    assert events(three, "started")[0].data["processes"] == 3
    assert json.loads(three.launch_path.read_text())["processes"] == 3


def test_a_stop_ends_them_all(three: RunFolder) -> None:
    ask(three, "stop")
    assert wait_for_end(three) == "stopped" and gone(three)


def test_sigterm_to_the_supervisor_reaches_each_rank(three: RunFolder) -> None:
    os.kill(supervisor_pid(three), signal.SIGTERM)
    assert wait_for_end(three) == "stopped" and gone(three)
    assert status_of(three).step in three.checkpoint_steps()


def test_a_killed_rank_ends_all_they_start_once_more_and_then_the_run_fails_with_the_reason(three: RunFolder) -> None:
    first = {member.process["pid"] for member in members(three)}
    os.kill(members(three)[2].process["pid"], signal.SIGKILL)
    wait_until(lambda: len(living_ranks(three)) == 3 and not first & {rank.pid for rank in living_ranks(three)})
    assert len(events(three, "restarted")) == 1
    os.kill(members(three)[1].process["pid"], signal.SIGKILL)
    assert wait_for_end(three) == "failed" and gone(three)
    assert status_of(three).message == "rank 1 was killed, perhaps out of memory"
    write_launch(three, Launch(2))
    start(three)
    wait_until(lambda: len(living_ranks(three)) == 2)
    ask(three, "stop")


def test_orphans_of_a_killed_launcher_and_supervisor_are_ended_before_the_next_start(three: RunFolder) -> None:
    first = {rank.pid for rank in living_ranks(three)}
    launcher = int(events(three, "started")[0].data["pid"])
    os.kill(supervisor_pid(three), signal.SIGKILL)
    os.kill(launcher, signal.SIGKILL)
    wait_until(lambda: not is_locked(three))
    start(three)
    wait_until(lambda: len(living_ranks(three)) == 3)
    assert not first & {rank.pid for rank in living_ranks(three)}


def test_ranks_whose_launcher_is_killed_are_ended_by_the_supervisor(three: RunFolder) -> None:
    os.kill(int(events(three, "started")[0].data["pid"]), signal.SIGKILL)
    assert wait_for_end(three) == "stopped" and gone(three)
