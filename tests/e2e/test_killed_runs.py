"""The real engine, killed at random moments, some of them inside a checkpoint's write: bit-identical in the end."""

from __future__ import annotations

import hashlib
import random
import sys
import time
from collections import Counter
from contextlib import suppress

import psutil
import pytest

from tests.runs.witness import (
    assert_no_gap,
    assert_private,
    folded_curve,
    journal_of,
    processes_of,
    standing_changes,
)
from tests.waiting import PATIENCE_SECONDS, wait_until
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.launch import start
from tui_lab.runs.lifecycle import living, read_lifecycle
from tui_lab.runs.lock import is_locked
from tui_lab.runs.replaying import replay_run
from tui_lab.runs.spool import read_answer, submit
from tui_lab.runs.status import status_of

RECIPE = """
[recipe]
name = "tiny"
[dataset]
name = "pixel-faces"
resolution = 8
random_flip = true
[model]
block_out_channels = [8, 16]
down_block_types = ["DownBlock2D", "AttnDownBlock2D"]
up_block_types = ["AttnUpBlock2D", "UpBlock2D"]
norm_num_groups = 4
dropout = 0.1
[noise_scheduler]
beta_schedule = "squaredcos_cap_v2"
prediction_type = "v_prediction"
[training]
max_train_steps = {steps}
train_batch_size = 8
device = "cpu"
mixed_precision = "no"
checkpointing_steps = 20
checkpoints_total_limit = 3
[sampling]
every_steps = 0
[evaluation]
every_steps = 50
num_images = 8
num_timesteps = 2
"""
STEPS_BETWEEN_KILLS = 20
"""At least: from one checkpoint to the next, or the run would never get on."""


def new_run(name: str, steps: int) -> RunFolder:
    return RunFolder.create(RECIPE.format(steps=steps), name)


def rank_of(folder: RunFolder) -> psutil.Process | None:
    started = [event.data for event in read_lifecycle(folder) if event.kind == "started"]
    return living(started[-1]) if started else None


def weights(folder: RunFolder, step: int) -> dict[str, str]:
    """Digests of all that the checkpoint keeps in tensors: the network, its average, the optimizer."""
    files = sorted(folder.checkpoint(step).glob("*.safetensors"))
    assert files
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def is_writing(folder: RunFolder) -> bool:
    return any(folder.checkpoints.glob(".step-*.new"))


def kill_again_and_again(folder: RunFolder, kills: int, dice: random.Random) -> Counter[str]:
    """Start it, and kill its rank so often; every third time inside a checkpoint's write. That is how it is left."""
    done: Counter[str] = Counter()
    reached = 0
    while sum(done.values()) < kills:
        if not is_locked(folder):
            start(folder)
        wait_until(lambda goal=reached: status_of(folder).step > goal or not is_locked(folder), timeout=300)
        if not is_locked(folder):
            assert status_of(folder).name == "failed", status_of(folder)
            continue
        if sum(done.values()) % 3 == 0:
            wait_until(lambda: is_writing(folder), interval=0.0002)
        else:
            time.sleep(dice.uniform(0, 0.3))
        rank = rank_of(folder)
        if rank is None:
            continue
        with suppress(psutil.NoSuchProcess):
            rank.kill()
            rank.wait(PATIENCE_SECONDS)
            done["inside a checkpoint's write" if is_writing(folder) else "elsewhere"] += 1
        reached = status_of(folder).step + STEPS_BETWEEN_KILLS + dice.randrange(10)
    return done


def wait_for_end(folder: RunFolder, how: str = "finished", timeout: float = 900) -> None:
    """Started again as often as it takes, and asked to stop where that is how it is to end."""

    def ended() -> bool:
        if is_locked(folder):
            if how == "stopped" and not any(folder.commands_new.iterdir()):
                submit(folder, "stop")
        elif status_of(folder).name == "failed":
            start(folder)
        return not is_locked(folder) and status_of(folder).name == how

    wait_until(ended, timeout, interval=0.1)


def assert_whole(folder: RunFolder, steps: int) -> None:
    """Nothing is missing from its record, and nothing of it still goes."""
    assert_no_gap(folded_curve(journal_of(folder)), 0, steps)
    assert_private(folder)
    wait_until(lambda: not processes_of(folder))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_fifty_kills_and_a_change_among_them_leave_no_trace_in_the_weights() -> None:
    """Against a replay: recipe and change, never interrupted."""
    kills = 50
    killed = new_run("killed", steps=0)
    start(killed)
    wait_until(lambda: status_of(killed).step > 25)
    change = submit(killed, "set", {"changes": {"optimizer.learning_rate": 3e-4}})
    assert wait_until(lambda: read_answer(killed, change)).ok
    done = kill_again_and_again(killed, kills, random.Random())
    sys.stdout.write(f"{dict(done)}\n")
    assert sum(done.values()) == kills and done["inside a checkpoint's write"] >= kills // 10, done
    wait_for_end(killed, "stopped")
    steps = status_of(killed).step
    assert_whole(killed, steps)

    replay = replay_run(killed, "replay")
    start(replay)
    wait_for_end(replay)
    assert weights(killed, steps) == weights(replay, steps)
    assert [event.kind for event in read_lifecycle(replay)] == ["started", "exited", "ended"], "it was interrupted"
    assert standing_changes(journal_of(killed)), "the change was lost"
