"""A terminal that goes away, is stopped or is not alone: the lab's process leaves at once, and the run takes no notice.

The engine is the stand-in.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.conftest import REPOSITORY, kill_runs
from tests.waiting import gone, wait_until
from tui_lab.bench.pty_terminal import PtyTerminal
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.journal import JournalReader, Record
from tui_lab.runs.launch import start
from tui_lab.runs.lock import is_locked
from tui_lab.runs.roster import living_ranks
from tui_lab.runs.spool import read_answer, submit
from tui_lab.runs.status import status_of

COMMAND = [sys.executable, "-c", "from tui_lab.cli import main; main()"]
CPU_SECONDS = 3.0
"""What leaving may cost; a loop that spins on a closed terminal takes all there is."""


@pytest.fixture(scope="module")
def going(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What tells a process of the run that goes on through all of these tests."""
    env = {
        "DIFFUSION_LAB_HOME": str(tmp_path_factory.mktemp("home")),
        "DIFFUSION_LAB_ENGINE": "tests.standin_engine",
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")]),
        "STANDIN_STEP_SECONDS": "0.01",
    }
    with pytest.MonkeyPatch.context() as patched:
        for name, value in env.items():
            patched.setenv(name, value)
        start(
            RunFolder.create(
                '[recipe]\nname = "a-test"\n[training]\nmax_train_steps = 0\n[sampling]\nevery_steps = 0\n'
                "[evaluation]\nevery_steps = 0\n",
                "watched",
            )
        )
    yield env
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("DIFFUSION_LAB_HOME", env["DIFFUSION_LAB_HOME"])
        kill_runs()


@pytest.fixture
def run(going: dict[str, str], lab_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunFolder]:
    """At the end of a test it still goes on, and nobody has told it anything."""
    for name, value in going.items():
        monkeypatch.setenv(name, value)
    folder = RunFolder.open("watched")
    wait_until(lambda: status_of(folder).step > 5)
    yield folder
    assert is_locked(folder)
    step = status_of(folder).step
    wait_until(lambda: status_of(folder).step > step + 20)
    assert not records(folder, "stopped", "rewound")


def records(folder: RunFolder, *kinds: str) -> list[Record]:
    return [record for record in JournalReader(folder).read_new() if record.kind in kinds]


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def assert_leaves(process: psutil.Process, cpu_before: float) -> None:
    """By itself, and without spinning meanwhile."""
    cpu = cpu_before

    def left() -> bool:
        nonlocal cpu
        with contextlib.suppress(psutil.NoSuchProcess):
            cpu = max(cpu, cpu_seconds(process))
        return gone(process.pid)

    wait_until(left)
    assert cpu - cpu_before < CPU_SECONDS, f"leaving took {cpu - cpu_before:.2f} s of CPU"


@contextlib.contextmanager
def watching(run: RunFolder) -> Iterator[tuple[PtyTerminal, psutil.Process]]:
    with PtyTerminal([*COMMAND, run.id]) as terminal:
        terminal.wait_for(r"training\s+watched\s+step [1-9]")
        yield terminal, psutil.Process(terminal.pid)


def test_a_dropped_line_ends_the_lab_at_once(run: RunFolder) -> None:
    with watching(run) as (terminal, process):
        before = cpu_seconds(process)
        terminal.hang_up()
        assert_leaves(process, before)


@pytest.mark.skipif(shutil.which("script") is None, reason="needs script, which keeps what a terminal was sent")
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_signal_ends_the_lab_and_leaves_the_terminal_sane(
    run: RunFolder, number: signal.Signals, tmp_path: Path
) -> None:
    """As the shell finds it that it was started from."""
    lab = shlex.join([*COMMAND, run.id])
    inside = f"{lab}; stty -a; echo back in the shell"
    with PtyTerminal(["script", "-qfc", inside, str(tmp_path / "sent")]) as terminal:
        terminal.wait_for(r"training\s+watched\s+step [1-9]")
        below = psutil.Process(terminal.pid).children(recursive=True)
        (process,) = [child for child in below if child.cmdline()[-1:] == [run.id]]
        before = cpu_seconds(process)
        process.send_signal(number)
        assert_leaves(process, before)
        terminal.wait_for("back in the shell")
    _, opened, sent = (tmp_path / "sent").read_bytes().partition(b"\x1b[?1049h")
    _, closed, after = sent.rpartition(b"\x1b[?1049l")
    assert opened and closed, "the shell's own screen is not back"
    assert re.search(rb"\sicanon\b", after) and re.search(rb"\secho\b", after), after
    assert sent.rfind(b"\x1b[?25h") > sent.rfind(b"\x1b[?25l"), "the cursor is hidden"
    assert sent.rfind(b"\x1b[?1000l") > sent.rfind(b"\x1b[?1000h"), "the mouse is still reported"


def test_a_terminal_that_closes_without_a_signal_ends_the_lab(run: RunFolder) -> None:
    """It is not the lab's controlling terminal, so that nothing is heard but the end of its input."""
    program = f"import subprocess, sys; sys.exit(subprocess.call({[*COMMAND, run.id]!r}, start_new_session=True))"
    with PtyTerminal([sys.executable, "-c", program]) as terminal:
        terminal.wait_for(r"training\s+watched\s+step [1-9]")
        (process,) = psutil.Process(terminal.pid).children()
        before = cpu_seconds(process)
        os.kill(terminal.pid, signal.SIGKILL)
        terminal.close()
        try:
            assert_leaves(process, before)
        finally:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def test_a_terminal_that_takes_nothing_holds_the_lab_up_in_nothing(run: RunFolder) -> None:
    """Once it takes something again all is there; and signals are heard meanwhile."""
    with watching(run) as (terminal, process):
        terminal.hold()
        step = status_of(run).step
        wait_until(lambda: status_of(run).step > step + 100)
        terminal.go_on()
        terminal.wait_for(lambda text: shown_step(text) > step + 100)
        terminal.hold()
        again = status_of(run).step
        wait_until(lambda: status_of(run).step > again + 100)
        before = cpu_seconds(process)
        process.terminate()
        assert_leaves(process, before)


def test_a_stopped_lab_costs_the_run_nothing_and_catches_up_and_leaves_as_ever(run: RunFolder) -> None:
    with watching(run) as (terminal, process):
        process.suspend()
        step = status_of(run).step
        wait_until(lambda: status_of(run).step > step + 50)
        process.resume()
        terminal.wait_for(lambda text: shown_step(text) > step + 50)
        before = cpu_seconds(process)
        process.terminate()
        assert_leaves(process, before)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks into /proc")
def test_a_rank_writes_to_nothing_that_a_client_could_hold_up(run: RunFolder) -> None:
    """Files alone: no pipe and no socket that a reader might leave full."""
    with watching(run):
        (rank,) = living_ranks(run)
        opened = set()
        for descriptor in Path(f"/proc/{rank.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed just now
                opened.add(str(descriptor.readlink()))
    assert any(name.startswith(str(run.journal_dir)) for name in opened)
    assert all(name.startswith(("/dev/null", str(run.path))) for name in opened), opened


def shown_step(text: str) -> int:
    found = re.search(r"training\s+watched\s+step (\d+)", text)
    return int(found.group(1)) if found else 0


def test_what_was_missed_is_on_the_curve_when_one_comes_back(run: RunFolder) -> None:
    with watching(run) as (terminal, _):
        terminal.hang_up()
    left_at = status_of(run).step
    wait_until(lambda: status_of(run).step > left_at + 50)
    with watching(run) as (terminal, _):
        terminal.wait_for(lambda text: shown_step(text) > left_at + 50)


def test_two_terminals_on_one_run_agree(run: RunFolder) -> None:
    with watching(run) as (first, _), watching(run) as (second, _):
        first.send("space")
        for terminal in (first, second):
            terminal.wait_for(r"paused\s+watched")
        identity = submit(run, "set", {"changes": {"optimizer.learning_rate": 0.0123}})
        wait_until(lambda: read_answer(run, identity))
        for terminal in (first, second):
            terminal.wait_for(r"learning_rate\s+0\.0123")
        second.send("space")
        for terminal in (second, first):
            terminal.wait_for(r"training\s+watched")
