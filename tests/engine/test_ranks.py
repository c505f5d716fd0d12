"""Runs of several processes, really launched: they learn what one would, and end, break and go on as one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.engine.tiny import Tiny, tiny_recipe
from tests.waiting import wait_until
from tui_lab.data import load_images
from tui_lab.errors import RecipeError
from tui_lab.recipe import dump_recipe
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.journal import JournalReader, Record
from tui_lab.runs.launch import start
from tui_lab.runs.launcher import Launch, check_batch, write_launch
from tui_lab.runs.lifecycle import read_lifecycle
from tui_lab.runs.lock import is_locked
from tui_lab.runs.roster import living_ranks, members
from tui_lab.runs.spool import read_answer, submit
from tui_lab.runs.status import status_of

RATE, BATCH = "optimizer.learning_rate", "training.train_batch_size"
CHANGES = {"training.max_train_steps": 50, BATCH: 16, "model.dropout": 0.0}


@pytest.fixture(autouse=True)
def one_thread_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def started(changes: dict[str, object], processes: int) -> RunFolder:
    folder = RunFolder.create(dump_recipe(tiny_recipe(CHANGES | changes)))
    write_launch(folder, Launch(processes))
    start(folder)
    return folder


def ask(folder: RunFolder, kind: str, data: dict[str, object] | None = None) -> tuple[bool, str]:
    identity = submit(folder, kind, data)
    answer = wait_until(lambda: read_answer(folder, identity))
    return answer.ok, answer.message


def ended(folder: RunFolder) -> str:
    wait_until(lambda: not is_locked(folder) and not living_ranks(folder))
    return status_of(folder).name


def records(folder: RunFolder, kind: str) -> list[Record]:
    return [record for record in JournalReader(folder).read_new() if record.kind == kind]


def losses(found: list[Record]) -> dict[int, float]:
    """The last loss of each window, by its step."""
    return {record.step: record.data["loss"]["last"] for record in found}


def test_two_processes_take_commands_together_and_have_the_losses_of_one() -> None:
    """fp32, 50 steps, the same global batch: equal to a relative 1e-3."""
    two = started({}, processes=2)
    assert ask(two, "pause")[0]  # before the first step
    assert [member.rank for member in members(two)] == [0, 1] and len(living_ranks(two)) == 2
    assert ask(two, "set", {"changes": {RATE: 0.004}})[0]
    refused, why = ask(two, "set", {"changes": {BATCH: 9}})
    assert not refused and "nearest that can is 8" in why
    assert ask(two, "resume")[0]
    assert ended(two) == "finished"
    assert records(two, "started")[0].data["processes"] == 2
    assert all(two.rank_log(rank).exists() for rank in range(2))

    images = load_images(tiny_recipe().dataset)
    one = Tiny.new(images, CHANGES).train({0: [("set", {"changes": {RATE: 0.004}})]})
    alone, together = losses(one.records("metrics")), losses(records(two, "metrics"))
    common = alone.keys() & together.keys()
    assert 50 in common and len(common) > 3
    assert all(together[step] == pytest.approx(alone[step], rel=1e-3) for step in common)


@pytest.mark.slow
def test_a_killed_rank_ends_all_once_and_they_start_again_and_the_run_goes_on_with_one() -> None:
    folder = started({"training.max_train_steps": 0, "training.checkpointing_steps": 20}, processes=2)
    wait_until(lambda: folder.checkpoint_steps())
    first = [member.process["pid"] for member in members(folder)]
    os.kill(first[1], signal.SIGKILL)
    wait_until(lambda: [event for event in read_lifecycle(folder) if event.kind == "restarted"])
    step = status_of(folder).step
    wait_until(lambda: status_of(folder).step > step + 20)
    second = [member.process["pid"] for member in members(folder)]
    assert not set(first) & set(second)
    os.kill(second[1], signal.SIGKILL)
    assert ended(folder) == "failed"
    assert status_of(folder).message == "rank 1 was killed, perhaps out of memory"

    write_launch(folder, Launch(1))
    start(folder)
    wait_until(lambda: status_of(folder).step > step + 60)
    assert ask(folder, "stop")[0] and ended(folder) == "stopped"
    assert [record.data["processes"] for record in records(folder, "started")] == [2, 2, 1]


@pytest.mark.slow
def test_two_processes_that_were_killed_end_with_the_weights_of_two_that_were_not() -> None:
    changes = {"training.max_train_steps": 60, "training.checkpointing_steps": 20}
    killed = started(changes, processes=2)
    wait_until(lambda: status_of(killed).step > 25)
    os.kill(members(killed)[1].process["pid"], signal.SIGKILL)
    assert ended(killed) == "finished"
    assert [record.data["to"] for record in records(killed, "rewound")] in ([20], [40])
    plain = started(changes, processes=2)
    assert ended(plain) == "finished"
    files = sorted(path.name for path in plain.checkpoint(60).glob("*.safetensors"))
    assert "model.safetensors" in files
    assert all((killed.checkpoint(60) / one).read_bytes() == (plain.checkpoint(60) / one).read_bytes() for one in files)


@pytest.mark.slow
def test_without_its_supervisor_a_run_of_two_writes_a_checkpoint_and_leaves() -> None:
    folder = started({"training.max_train_steps": 0}, processes=2)
    wait_until(lambda: status_of(folder).step > 5)
    os.kill(read_lifecycle(folder)[0].data["supervisor"]["pid"], signal.SIGKILL)
    assert ended(folder) == "stopped"
    assert folder.checkpoint_steps() == [status_of(folder).step]


@pytest.mark.slow
def test_ranks_that_a_cluster_s_launcher_starts_keep_the_run_themselves() -> None:
    """Rank 0 holds the lock and writes the lifecycle, as no supervisor is there."""
    folder = RunFolder.create(dump_recipe(tiny_recipe(CHANGES)))
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "ACCELERATE_USE_CPU": "1"}
    launcher = subprocess.Popen([sys.executable, *torchrun, "-m", "tui_lab.engine", str(folder.path)], env=environment)
    wait_until(lambda: status_of(folder).alive)
    assert launcher.wait(timeout=100) == 0
    assert ended(folder) == "finished" and status_of(folder).step == 50
    assert [event.kind for event in read_lifecycle(folder)] == ["started", "ended"]


@pytest.mark.parametrize(("size", "ranks", "nearest"), [(9, 2, 8), (11, 4, 12), (1, 3, 3)])
def test_a_batch_that_cannot_be_shared_out_evenly_is_refused(size: int, ranks: int, nearest: int) -> None:
    with pytest.raises(RecipeError, match=f"nearest that can is {nearest}"):
        check_batch(size, ranks)
    check_batch(nearest, ranks)
