"""Anything may be done to a run, in any order, at any moment: nothing is lost, and every change counts once.

Hypothesis draws what is done; real processes do it, and are really killed. How it went is read from the run's folder by
`witness.py`. Processes take turns as they like, so that a failed case is told by its history instead of being shrunk.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

import psutil
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.conftest import REPOSITORY
from tests.runs import witness
from tests.standin_engine import State
from tests.waiting import wait_until
from tui_lab.errors import RunError
from tui_lab.runs.creation import fork_run
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.journal import JournalReader, journal_files
from tui_lab.runs.launch import start
from tui_lab.runs.lifecycle import living, read_lifecycle
from tui_lab.runs.lock import is_locked
from tui_lab.runs.spool import read_answer, submit
from tui_lab.runs.status import status_of
from tui_lab.tui.attached import AttachedRun

RECIPE = """
[recipe]
name = "chaos"
[training]
max_train_steps = 0
train_batch_size = 8
checkpointing_steps = 40
checkpoints_total_limit = 4
[sampling]
every_steps = 100
[evaluation]
every_steps = 30
"""
CHANGES = st.one_of(
    st.tuples(st.just("optimizer.learning_rate"), st.sampled_from([1e-4, 3e-4, 1e-3, 0.01])),
    st.tuples(st.just("optimizer.max_grad_norm"), st.sampled_from([0.5, 1.0, 2.0])),
    st.tuples(st.just("ema.decay"), st.sampled_from([0.9, 0.99, 0.999])),
    st.tuples(st.just("training.train_batch_size"), st.sampled_from([4, 8, 16])),
)
MOMENTS = st.integers(0, 60).map(lambda milliseconds: milliseconds / 1000)
RUNS_AT_MOST = 3


@dataclass
class Run:
    """One run under test, and what the test itself knows of it."""

    folder: RunFolder
    origin: State = field(default_factory=State)
    sent: list[str] = field(default_factory=list)
    readers: list[AttachedRun] = field(default_factory=list)

    @property
    def alive(self) -> bool:
        return is_locked(self.folder)

    def processes(self) -> tuple[psutil.Process | None, psutil.Process | None]:
        """(supervisor, rank) of the last start, each if it lives."""
        started = [event.data for event in read_lifecycle(self.folder) if event.kind == "started"]
        if not started:
            return None, None
        return living(started[-1]["supervisor"]), living(started[-1])

    def steps_done(self) -> int:
        return status_of(self.folder).step


class Chaos(RuleBasedStateMachine):
    """Every rule is always possible; what makes no sense just then is refused by the lab, or does nothing."""

    done: Counter[str] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.began = time.monotonic()
        self.history: list[str] = []
        self.runs = [Run(RunFolder.create(RECIPE))]
        self.clients: list[subprocess.Popen[bytes]] = []
        self.disk_is_full = False

    @property
    def run(self) -> Run:
        return self.runs[-1]

    def note(self, what: str) -> None:
        self.history.append(f"{time.monotonic() - self.began:7.3f} s  {self.run.folder.id}: {what}")

    # What is done

    @initialize()
    def begin(self) -> None:
        self.start(die_at_write=0)

    @rule(die_at_write=st.one_of(st.just(0), st.integers(1, 150)))
    def start(self, die_at_write: int) -> None:
        """Also where it goes already. The rank may be made to die in the middle of a write."""
        os.environ["STANDIN_DIE_AT_WRITE"] = str(die_at_write)
        try:
            start(self.run.folder)
        except RunError as error:
            self.note(f"not started: {error.message}")
            assert self.run.alive or "already" in error.message, error.message
            return
        finally:
            os.environ["STANDIN_DIE_AT_WRITE"] = "0"
        self.done["starts"] += 1
        self.done["starts to die in a write"] += die_at_write > 0
        self.note(f"started, to die at write {die_at_write}" if die_at_write else "started")

    @rule(steps=st.integers(1, 120))
    def go_on(self, steps: int) -> None:
        """Where it trains, it makes progress."""
        folder, goal = self.run.folder, self.run.steps_done() + steps

        def there() -> bool:
            status = status_of(folder)
            return self.disk_is_full or status.step >= goal or status.name not in ("starting", "running")

        wait_until(there)
        self.note(f"at step {self.run.steps_done()}")

    @rule(change=CHANGES)
    def set(self, change: tuple[str, object]) -> None:
        self.command("set", {"changes": dict([change])})

    @rule(kind=st.sampled_from(["pause", "resume", "resume", "checkpoint", "preview"]))
    def order(self, kind: str) -> None:
        self.command(kind, {})

    @rule(to=st.one_of(st.none(), st.integers(0, 300)))
    def undo(self, to: int | None) -> None:
        self.command("undo", {} if to is None else {"to": to})
        self.done["undos"] += 1

    def command(self, kind: str, data: dict[str, object]) -> None:
        """Sent, and where somebody is there to hear it and has room to write, answered."""
        run = self.run
        identity = submit(run.folder, kind, data)
        run.sent.append(identity)
        wait_until(lambda: self.disk_is_full or read_answer(run.folder, identity) or not run.alive)
        answer = read_answer(run.folder, identity)
        self.done["commands"] += 1
        self.note(f"{kind} {data} → {'nobody there' if answer is None else answer.message}")

    @rule(changes=st.lists(CHANGES, min_size=2, max_size=6))
    def set_many(self, changes: list[tuple[str, object]]) -> None:
        """Sent without a wait for their answers."""
        for change in changes:
            self.run.sent.append(submit(self.run.folder, "set", {"changes": dict([change])}))
        self.done["commands"] += len(changes)
        self.note(f"sent {len(changes)} changes")

    # What breaks

    @rule(moment=MOMENTS)
    def kill_rank(self, moment: float) -> None:
        self.kill(moment, rank=True)

    @rule(moment=MOMENTS)
    def kill_supervisor(self, moment: float) -> None:
        """Its rank notices, and leaves."""
        self.kill(moment, supervisor=True)

    @rule(moment=MOMENTS)
    def kill_both(self, moment: float) -> None:
        """As a machine that goes down."""
        self.kill(moment, supervisor=True, rank=True)

    def kill(self, moment: float, supervisor: bool = False, rank: bool = False) -> None:
        time.sleep(moment)
        for name, process, wanted in zip(("supervisor", "rank"), self.run.processes(), (supervisor, rank), strict=True):
            if not wanted or process is None:
                continue
            with suppress(psutil.NoSuchProcess):
                process.kill()
                self.done[f"kills of a {name}"] += 1
                self.note(f"killed the {name} {process.pid}")

    @rule(room=st.integers(0, 4096))
    def fill_the_disk(self, room: int) -> None:
        """No file of the rank's may grow beyond what the journal's last has, and a little: all writes fail."""
        _, rank = self.run.processes()
        if rank is None:
            return
        files = journal_files(self.run.folder)
        size = files[-1].stat().st_size if files else 0
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            limits(rank.pid, size + room)
            self.disk_is_full = True
            self.done["full disks"] += 1
            self.note(f"the disk is full but for {room} bytes")

    @rule()
    def free_the_disk(self) -> None:
        _, rank = self.run.processes()
        self.disk_is_full = False
        if rank is not None:
            with suppress(psutil.NoSuchProcess, ProcessLookupError):
                limits(rank.pid, resource.RLIM_INFINITY)
                self.note("the disk has room")

    # Clients

    @rule()
    def client_comes(self) -> None:
        """In a process of its own; it sends changes all the time."""
        client = subprocess.Popen(
            [sys.executable, "-m", "tests.runs.chatty_client", str(self.run.folder.path)], stdout=subprocess.PIPE
        )
        assert client.stdout is not None
        assert client.stdout.readline() == b"here\n"
        self.clients.append(client)
        self.note(f"client {client.pid} came")

    @rule(moment=MOMENTS)
    def kill_a_client(self, moment: float) -> None:
        time.sleep(moment)
        if self.clients:
            self.end_client()
            self.done["kills of a client"] += 1

    def end_client(self) -> None:
        client = self.clients.pop()
        client.kill()
        client.wait()
        assert client.stdout is not None
        client.stdout.close()
        self.note(f"killed the client {client.pid}")

    @rule(number=st.sampled_from([signal.SIGSTOP, signal.SIGCONT]))
    def signal_a_client(self, number: signal.Signals) -> None:
        if self.clients:
            self.clients[-1].send_signal(number)
            self.done[f"{number.name} of a client"] += 1
            self.note(f"{number.name} to the client {self.clients[-1].pid}")

    @rule()
    def attach(self) -> None:
        self.run.readers.append(AttachedRun(self.run.folder))
        self.look()

    @rule()
    def detach(self) -> None:
        if self.run.readers:
            self.run.readers.pop(0)
            self.note("a reader left")

    @rule()
    def look(self) -> None:
        """Those who are attached read what is new: often in the middle of a write."""
        for reader in self.run.readers:
            reader.poll()
        self.note(f"{len(self.run.readers)} readers looked")

    # New runs

    @rule(which=st.integers(0, 3), change=CHANGES)
    def fork(self, which: int, change: tuple[str, object]) -> None:
        """At one of its checkpoints, live or ended; what follows is done to the child."""
        parent = self.run
        steps = parent.folder.checkpoint_steps()
        if not steps or len(self.runs) == RUNS_AT_MOST:
            return
        step = steps[which % len(steps)]
        try:
            child = fork_run(parent.folder, step, dict([change]))
        except RunError as error:  # pruned just now
            self.note(f"not forked: {error.message}")
            return
        states = witness.standin_states(
            parent.folder, JournalReader(parent.folder).read_new(), parent.origin, until=step
        )
        self.done["forks"] += 1
        self.note(f"forked at step {step} with {change}: {child.id}")
        self.free_the_disk()
        self.runs.append(Run(child, states[-1]))

    # What must be true

    def teardown(self) -> None:
        """Whatever failed, before or here, is told with its history."""
        failure = sys.exc_info()[1]
        try:
            while self.clients:
                self.end_client()
            while self.runs and failure is None:
                self.end(self.run)
                self.check(self.run)
                self.runs.pop()
        except Exception as error:
            failure = error
            raise
        finally:
            if failure is not None:
                failure.add_note("\n".join([str(self.run.folder.path), *self.history]))

    def end(self, run: Run) -> None:
        """However it stands: it can be started again where it does not go, and then be stopped."""
        self.free_the_disk()
        for _ in range(5):
            if not run.alive:
                self.start(die_at_write=0)
            self.command("stop", {})
            wait_until(lambda: not run.alive)
            if status_of(run.folder).name == "stopped":
                break
        status = status_of(run.folder)
        assert status.name == "stopped", f"{status.name}: {status.message}"
        wait_until(lambda: not witness.processes_of(run.folder))

    def check(self, run: Run) -> None:
        records = witness.journal_of(run.folder)
        last = status_of(run.folder).step
        states = {state.step: state for state in witness.standin_states(run.folder, records, run.origin, until=last)}
        assert last in run.folder.checkpoint_steps()
        for step in run.folder.checkpoint_steps():
            assert witness.checkpointed_state(run.folder, step) == states[step], f"the weights of step {step}"
        points = witness.folded_curve(records)
        witness.assert_no_gap(points, run.origin.step, last)
        for reader in [*run.readers, AttachedRun(run.folder)]:
            witness.assert_reader_agrees(reader, points)
        witness.assert_commands_are_kept(run.folder, records, run.sent)
        witness.assert_private(run.folder)
        self.done["runs verified"] += 1


def limits(pid: int, file_size: int) -> None:
    """The soft limit of another process: it gets EFBIG beyond it."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (file_size, hard))


@pytest.fixture
def chaos(standin_engine: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STANDIN_STEP_SECONDS", "0.001")
    monkeypatch.setenv("STANDIN_DIE_AT_WRITE", "0")
    monkeypatch.setenv("STANDIN_ROTATE_BYTES", "20000")
    monkeypatch.chdir(REPOSITORY)
    Chaos.done = Counter()


def break_things(cases: int, derandomize: bool) -> Counter[str]:
    """What was done in that many cases, all of which came out well."""
    run_state_machine_as_test(
        Chaos,
        settings=settings(
            max_examples=cases,
            stateful_step_count=20,
            deadline=None,
            database=None,
            derandomize=derandomize,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    return Chaos.done


KILLS = ("kills of a rank", "kills of a supervisor", "kills of a client")


def test_nothing_is_lost_in_one_long_story(chaos: None) -> None:
    """Each thing once, so that a short test misses none of them."""
    story = Chaos()
    try:
        story.begin()
        story.attach()
        story.go_on(90)
        story.set(("optimizer.learning_rate", 0.01))
        story.client_comes()
        story.go_on(30)
        story.signal_a_client(signal.SIGSTOP)
        story.go_on(30)
        story.kill_a_client(0.01)
        story.kill_rank(0.02)
        story.look()
        story.go_on(20)
        story.set(("ema.decay", 0.9))
        story.undo(None)
        story.kill_supervisor(0.01)
        story.start(die_at_write=40)
        story.go_on(60)
        story.kill_both(0.01)
        story.start(die_at_write=0)
        story.go_on(5)
        story.fill_the_disk(room=300)
        story.set_many([("training.train_batch_size", 4), ("optimizer.max_grad_norm", 2.0)])
        story.free_the_disk()
        story.order("resume")
        story.go_on(60)
        story.fork(3, ("optimizer.learning_rate", 1e-4))
        story.start(die_at_write=0)
        story.go_on(30)
    finally:
        story.teardown()
    done = Chaos.done
    assert all(done[kind] for kind in (*KILLS, "SIGSTOP of a client", "full disks", "forks", "undos")), done
    assert done["runs verified"] == 2


def test_nothing_is_lost_whatever_is_killed(chaos: None) -> None:
    done = break_things(cases=4, derandomize=True)
    assert sum(done[kind] for kind in KILLS) >= 1, f"a test of kills that killed too little: {done}"
    assert done["runs verified"] >= 4 and done["commands"], done


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_nothing_is_lost_in_hundreds_of_cases(chaos: None) -> None:
    cases = int(os.environ.get("CHAOS_CASES", "300"))
    done = break_things(cases, derandomize=False)
    sys.stdout.write(f"{dict(done)}\n")
    assert all(done[kind] for kind in KILLS) and sum(done[kind] for kind in KILLS) >= cases / 2, done
    assert done["runs verified"] >= cases, done
