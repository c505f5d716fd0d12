"""The supervisor and its rank as real processes, really killed."""

import json
import os
import resource
import signal
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.runs.witness import checkpointed_state, journal_of, processes_of, standin_states
from tests.standin_engine import State
from tests.waiting import gone, wait_until
from tui_lab.errors import RunError
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.journal import JournalReader, Record
from tui_lab.runs.launch import start
from tui_lab.runs.lifecycle import Event, read_lifecycle
from tui_lab.runs.lock import is_locked
from tui_lab.runs.roster import living_ranks
from tui_lab.runs.spool import read_answer, submit
from tui_lab.runs.status import status_of
from tui_lab.runs.turn import EXIT_HELD

pytestmark = pytest.mark.usefixtures("standin_engine")


def new_run(max_train_steps: int = 0, checkpointing_steps: int = 100, name: str | None = None) -> RunFolder:
    return RunFolder.create(
        f'[recipe]\nname = "a-test"\n[training]\nmax_train_steps = {max_train_steps}\n'
        f"checkpointing_steps = {checkpointing_steps}\ncheckpoints_total_limit = 3\n"
        "[sampling]\nevery_steps = 0\n[evaluation]\nevery_steps = 0\n",
        name,
    )


def wait_for_step(folder: RunFolder, step: int) -> None:
    wait_until(lambda: status_of(folder).step >= step)


def wait_for_end(folder: RunFolder) -> str:
    wait_until(lambda: not is_locked(folder))
    return status_of(folder).name


def events(folder: RunFolder, kind: str) -> list[Event]:
    return [event for event in read_lifecycle(folder) if event.kind == kind]


def records(folder: RunFolder, kind: str) -> list[Record]:
    return [record for record in JournalReader(folder).read_new() if record.kind == kind]


def ask(folder: RunFolder, kind: str, data: dict[str, object] | None = None) -> str:
    identity = submit(folder, kind, data)
    answer = wait_until(lambda: read_answer(folder, identity))
    assert answer.ok, answer
    return answer.message


def rank_pid(folder: RunFolder) -> int:
    return int(events(folder, "started")[-1].data["pid"])


def supervisor_pid(folder: RunFolder) -> int:
    return int(events(folder, "started")[-1].data["supervisor"]["pid"])


def weights(folder: RunFolder, step: int) -> str:
    return str(json.loads((folder.checkpoint(step) / "state.json").read_text())["weights"])


def test_a_run_goes_to_its_end() -> None:
    folder = new_run(max_train_steps=250)
    start(folder)
    assert wait_for_end(folder) == "finished"
    status = status_of(folder)
    assert (status.step, status.checkpoint, status.pipeline) == (250, folder.checkpoint(250), folder.pipeline)
    assert [event.kind for event in read_lifecycle(folder)] == ["started", "exited", "ended"]
    assert events(folder, "exited")[0].data["code"] == 0
    assert folder.checkpoint_steps() == [100, 200, 250]


def test_a_run_has_a_session_of_its_own_and_no_terminal() -> None:
    folder = new_run()
    start(folder)
    wait_for_step(folder, 1)
    assert os.getsid(supervisor_pid(folder)) == supervisor_pid(folder)
    assert os.getsid(rank_pid(folder)) == supervisor_pid(folder)
    assert psutil.Process(rank_pid(folder)).terminal() is None
    logs = list(folder.logs.iterdir())
    assert logs and all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in logs)


def test_pause_resume_checkpoint_and_stop() -> None:
    folder = new_run(checkpointing_steps=0)
    start(folder)
    wait_for_step(folder, 5)
    assert "paused at step" in ask(folder, "pause")
    status = status_of(folder)
    assert status.name == "paused"
    assert "checkpoint" in ask(folder, "checkpoint")
    assert folder.checkpoint_steps() == [status.step]
    ask(folder, "resume")
    wait_for_step(folder, status.step + 5)
    assert status_of(folder).name == "running"
    ask(folder, "stop")
    assert wait_for_end(folder) == "stopped"
    assert status_of(folder).pipeline == folder.pipeline


def test_a_killed_rank_is_started_once_more_and_a_second_time_is_said() -> None:
    folder = new_run()
    start(folder)
    wait_until(lambda: folder.checkpoint_steps())
    first = rank_pid(folder)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: rank_pid(folder) != first)
    assert is_locked(folder) and "was killed" in events(folder, "restarted")[0].data["message"]
    step = status_of(folder).step
    wait_for_step(folder, step + 10)
    os.kill(rank_pid(folder), signal.SIGKILL)
    assert wait_for_end(folder) == "failed"
    assert status_of(folder).message == "the rank was killed, perhaps out of memory"
    assert [event.data["signal"] for event in events(folder, "exited")] == ["SIGKILL", "SIGKILL"]
    start(folder)
    wait_for_step(folder, status_of(folder).step + 10)
    records_seen = [record.seq for record in JournalReader(folder).read_new()]
    assert records_seen == list(range(1, len(records_seen) + 1))
    ask(folder, "stop")
    assert wait_for_end(folder) == "stopped"


def test_after_kills_the_weights_are_those_of_an_undisturbed_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Changes applied beyond the checkpoint are applied again at their steps."""
    monkeypatch.setenv("STANDIN_STEP_SECONDS", "0.005")  # it still goes when it is paused
    disturbed = new_run(max_train_steps=600, checkpointing_steps=200, name="disturbed")
    start(disturbed)
    wait_until(lambda: 200 in disturbed.checkpoint_steps())
    ask(disturbed, "pause")
    ask(disturbed, "set", {"changes": {"optimizer.learning_rate": 0.01}})
    at = records(disturbed, "applied")[-1].step
    first = rank_pid(disturbed)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: rank_pid(disturbed) != first)
    ask(disturbed, "resume")
    assert wait_for_end(disturbed) == "finished"
    monkeypatch.delenv("STANDIN_STEP_SECONDS")

    plain = new_run(max_train_steps=600, checkpointing_steps=200, name="plain")
    path = plain.journal_dir / "000001.jsonl"
    applied = [line for line in (disturbed.journal_dir / path.name).read_bytes().split(b"\n") if b'"applied"' in line]
    path.write_bytes(next(line for line in applied if b'"set"' in line) + b"\n")
    start(plain)
    assert wait_for_end(plain) == "finished"
    assert at < 600 and weights(plain, 600) == weights(disturbed, 600)
    unchanged = new_run(max_train_steps=600, checkpointing_steps=200, name="unchanged")
    start(unchanged)
    assert wait_for_end(unchanged) == "finished"
    assert weights(unchanged, 600) != weights(plain, 600)


def test_a_batch_that_fills_the_memory_is_taken_back_before_the_one_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STANDIN_MEMORY", "70")
    folder = new_run(checkpointing_steps=0)
    start(folder)
    wait_for_step(folder, 5)
    ask(folder, "pause")
    ask(folder, "set", {"changes": {"optimizer.learning_rate": 0.01, "training.train_batch_size": 128}})
    ask(folder, "checkpoint")
    at = status_of(folder).step
    ask(folder, "resume")
    wait_for_step(folder, at + 20)
    ask(folder, "stop")
    assert wait_for_end(folder) == "stopped"
    assert [event.kind for event in read_lifecycle(folder)].count("restarted") == 1
    assert "128 filled the machine's memory: it is 64 again" in records(folder, "warning")[-1].data["message"]
    end = status_of(folder).step
    expected = standin_states(folder, journal_of(folder), State(), until=end)[-1]
    assert checkpointed_state(folder, end) == expected and expected.samples_seen == 64 * end


def test_a_paused_run_whose_rank_is_killed_is_paused_again() -> None:
    folder = new_run()
    start(folder)
    wait_until(lambda: folder.checkpoint_steps())
    ask(folder, "pause")
    first = rank_pid(folder)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: rank_pid(folder) != first and status_of(folder).name == "paused")
    step = status_of(folder).step
    assert step in folder.checkpoint_steps()
    assert "goes on" in ask(folder, "resume")
    wait_for_step(folder, step + 10)


def test_a_stop_that_was_taken_is_obeyed_by_the_rank_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first rank dies while it writes the last checkpoint."""
    monkeypatch.setenv("STANDIN_DIE_AT_STOP", "1")
    folder = new_run(checkpointing_steps=0)
    start(folder)
    wait_for_step(folder, 5)
    assert "stopped" in ask(folder, "stop")
    assert wait_for_end(folder) == "stopped"
    assert [event.kind for event in read_lifecycle(folder)].count("restarted") == 1
    assert len(records(folder, "command")) == 1


def test_a_run_that_is_moved_in_mid_run_ends_with_a_word_and_goes_on_where_it_lies(tmp_path: Path) -> None:
    folder, moved = new_run(checkpointing_steps=10), RunFolder(tmp_path / "moved")
    start(folder)
    wait_until(lambda: folder.checkpoint_steps())
    folder.path.rename(moved.path)
    assert wait_for_end(moved) == "failed"
    assert "moved or deleted while it ran" in status_of(moved).message
    assert not folder.path.exists()
    step = status_of(moved).step
    start(moved)
    wait_for_step(moved, step + 20)
    ask(moved, "stop")
    assert wait_for_end(moved) == "stopped"
    end = status_of(moved).step
    assert checkpointed_state(moved, end) == standin_states(moved, journal_of(moved), State(), until=end)[-1]


def test_what_cannot_be_written_down_is_not_started() -> None:
    """A rank that nobody knows of could not be ended before the next one begins."""
    folder = new_run()
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, unlimited[1]))
    try:
        with pytest.raises(RunError, match="no room left on the disk"):
            start(folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    wait_until(lambda: not processes_of(folder))
    start(folder)
    wait_for_step(folder, 5)


def test_when_the_supervisor_is_killed_the_rank_writes_a_checkpoint_and_leaves() -> None:
    folder = new_run(checkpointing_steps=0)
    start(folder)
    wait_for_step(folder, 5)
    pid = rank_pid(folder)
    os.kill(supervisor_pid(folder), signal.SIGKILL)
    wait_until(lambda: gone(pid))
    status = status_of(folder)
    assert status.name == "stopped"
    assert status.checkpoint == folder.checkpoint(status.step)
    assert living_ranks(folder) == []


def test_when_all_its_processes_are_killed_the_run_is_lost_and_can_go_on() -> None:
    folder = new_run()
    start(folder)
    wait_until(lambda: folder.checkpoint_steps())
    os.kill(rank_pid(folder), signal.SIGSTOP)  # so that it cannot say a last word
    os.kill(supervisor_pid(folder), signal.SIGKILL)
    os.kill(rank_pid(folder), signal.SIGKILL)
    wait_until(lambda: not is_locked(folder))
    assert status_of(folder).name == "lost"
    step = status_of(folder).step
    start(folder)
    wait_for_step(folder, step + 10)
    assert status_of(folder).name == "running"


def test_an_orphan_that_does_not_leave_is_ended_before_the_next_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STANDIN_DEAF", "1")
    monkeypatch.setenv("DIFFUSION_LAB_GRACE_SECONDS", "1")
    folder = new_run()
    start(folder)
    wait_for_step(folder, 5)
    orphan = rank_pid(folder)
    os.kill(supervisor_pid(folder), signal.SIGKILL)
    wait_until(lambda: not is_locked(folder))
    assert [process.pid for process in living_ranks(folder)] == [orphan]
    start(folder)
    assert [process.pid for process in living_ranks(folder)] == [rank_pid(folder)] != [orphan]


def test_sigterm_to_the_supervisor_ends_the_run_with_a_checkpoint() -> None:
    folder = new_run(checkpointing_steps=0)
    start(folder)
    wait_for_step(folder, 5)
    os.kill(supervisor_pid(folder), signal.SIGTERM)
    assert wait_for_end(folder) == "stopped"
    assert folder.checkpoint_steps() == [status_of(folder).step]


def test_a_rank_that_ignores_sigterm_is_killed_after_the_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STANDIN_DEAF", "1")
    monkeypatch.setenv("DIFFUSION_LAB_GRACE_SECONDS", "1")
    folder = new_run()
    start(folder)
    wait_for_step(folder, 5)
    os.kill(supervisor_pid(folder), signal.SIGTERM)
    assert wait_for_end(folder) == "failed"
    assert events(folder, "exited")[0].data["signal"] == "SIGKILL"


def test_a_rank_that_fails_says_why_in_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STANDIN_FAIL_AT", "7")
    folder = new_run()
    start(folder)
    assert wait_for_end(folder) == "failed"
    assert status_of(folder).message == "asked to fail at step 7"
    assert "Traceback" in (folder.logs / "rank-0.log").read_text()


def test_a_rank_that_leaves_without_a_word_gets_its_exit_code_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STANDIN_EXIT_AT", "7")
    folder = new_run()
    start(folder)
    assert wait_for_end(folder) == "failed"
    assert status_of(folder).message == "the rank exited with 7"


def test_an_engine_that_cannot_even_start_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIFFUSION_LAB_ENGINE", "tests.no_such_engine")
    folder = new_run()
    start(folder)
    assert wait_for_end(folder) == "failed"
    assert "no_such_engine" in status_of(folder).message


def test_a_run_that_goes_cannot_be_started_twice() -> None:
    folder = new_run()
    start(folder)
    with pytest.raises(RunError, match="already"):
        start(folder)


def test_a_second_supervisor_leaves_the_run_to_the_first() -> None:
    folder = new_run()
    start(folder)
    second = subprocess.run([sys.executable, "-m", "tui_lab.runs.supervisor", str(folder.path)], capture_output=True)
    assert second.returncode == EXIT_HELD
    assert len(events(folder, "started")) == 1


def test_a_hangup_ends_neither_supervisor_nor_rank() -> None:
    folder = new_run()
    start(folder)
    wait_for_step(folder, 5)
    os.killpg(supervisor_pid(folder), signal.SIGHUP)
    wait_for_step(folder, status_of(folder).step + 20)


def test_a_finished_run_cannot_be_started_again() -> None:
    folder = new_run(max_train_steps=5)
    start(folder)
    assert wait_for_end(folder) == "finished"
    with pytest.raises(RunError, match=r"has finished.*diffusion-lab fork"):
        start(folder)


def test_a_command_sent_while_nobody_was_there_is_not_obeyed_later() -> None:
    folder = new_run()
    identity = submit(folder, "stop")
    start(folder)
    answer = wait_until(lambda: read_answer(folder, identity))
    assert not answer.ok
    wait_for_step(folder, 5)


@pytest.mark.parametrize(
    ("how", "obeyed"), [(signal.SIGABRT, False), (signal.SIGKILL, True)], ids=["the end", "a restart"]
)
def test_a_command_overtaken_by_the_end_is_answered_and_by_a_restart_obeyed(how: signal.Signals, obeyed: bool) -> None:
    folder = new_run()
    start(folder)
    wait_for_step(folder, 5)
    pid = rank_pid(folder)
    os.kill(pid, signal.SIGSTOP)
    identity = submit(folder, "pause")
    os.kill(pid, how)
    with suppress(ProcessLookupError):  # a kill does not wait for it
        os.kill(pid, signal.SIGCONT)
    answer = wait_until(lambda: read_answer(folder, identity))
    assert answer.ok == obeyed and ("paused" if obeyed else "ended") in answer.message
