"""A rank without torch, for tests of everything around the engine: `python -m tests.standin_engine RUN` (or --spare).

It keeps a run's folder as the engine does, through the same RankSession. Its "weights" are a hash chain over the
samples, the noise seeds and the knobs of every step, so that a lost, repeated or reordered step shows.
Environment: STANDIN_STEP_SECONDS (how long a step takes), STANDIN_FAIL_AT (raise at that step, and journal it; 0: as of
a recipe that is refused), STANDIN_EXIT_AT (exit with 7 at that step without a word), STANDIN_DEAF (1: SIGTERM and an
orphan's fate are ignored), STANDIN_DIE_AT_WRITE (kill -9 of itself half-way through that write to the disk),
STANDIN_DIE_AT_STOP (the same as it is about to stop, but for a rank that was started once more), STANDIN_MEMORY (a
larger batch does not fit, and ends the process as a device's full memory ends one of several ranks),
STANDIN_ROTATE_BYTES (of the journal's files).
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import math
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from tui_lab.errors import DiskFullError, LabError
from tui_lab.recipe import Recipe, get, recipe_hash
from tui_lab.runs import journal
from tui_lab.runs.environment import DIED
from tui_lab.runs.files import discard_folder, replace_file
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.interventions import Changes
from tui_lab.runs.launcher import EXIT_OUT_OF_MEMORY
from tui_lab.runs.rank import RankSession
from tui_lab.runs.spare import SPARE, await_run
from tui_lab.runs.spool import Command
from tui_lab.runs.status import ASKED_FOR

DATASET_SIZE = 1000
TRAINING_KNOBS = ("optimizer.learning_rate", "optimizer.weight_decay", "optimizer.max_grad_norm", "ema.decay")


@dataclass(frozen=True)
class State:
    """After so many steps."""

    step: int = 0
    samples_seen: int = 0
    weights: str = hashlib.sha256(b"initial").hexdigest()

    def after_a_step(self, batch: int, knobs: str) -> State:
        """`knobs`: `knobs_of` the recipe as it stands."""
        first = self.samples_seen % DATASET_SIZE
        link = f"{self.weights} {self.step} {first}+{batch} {knobs}"
        return State(self.step + 1, self.samples_seen + batch, hashlib.sha256(link.encode()).hexdigest())


def knobs_of(recipe: Recipe) -> str:
    """What the weights depend on, beside the batch size."""
    return " ".join(repr(get(recipe, key)) for key in ("training.seed", *TRAINING_KNOBS))


class StandinEngine:
    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.restarted = DIED in os.environ
        journal.ROTATE_BYTES = int(os.environ.get("STANDIN_ROTATE_BYTES", journal.ROTATE_BYTES))
        self.session = RankSession(folder)
        self.state = State()
        self.known = self.session.recipe, knobs_of(self.session.recipe)
        self.pending: list[tuple[int, Changes]] = []
        self.paused = False
        self.stopping: Command | None = None
        self.step_seconds = float(os.environ.get("STANDIN_STEP_SECONDS", "0.0005"))
        self.deaf = os.environ.get("STANDIN_DEAF") == "1"

    def run(self) -> None:
        began = time.monotonic()
        self.session.record("starting", 0, message="building nothing")
        if os.environ.get("STANDIN_FAIL_AT") == "0":
            raise RuntimeError("asked to fail at step 0")
        self.restore()
        step = self.state.step
        self.pending = self.session.go_on_from(step)
        parent = {"parent": self.folder.parent()} if self.folder.parent() else {}
        self.session.record(
            "started", step, device="cpu", device_name="stand-in", recipe_hash=recipe_hash(self.session.recipe),
            first_step=step, **parent,
        )  # fmt: skip
        if waits := self.session.waits:
            self.pause(waits)
        while True:
            while self.pending and self.pending[0][0] <= self.state.step:
                self.session.adopt(self.pending.pop(0)[1])
            if self.session.orphaned and not self.deaf:
                return self.leave("stopped", message="its supervisor is gone, or asked it to leave")
            if full := self.session.disk_full:
                self.pause(full)
            else:
                self.obey()
            if self.stopping is not None:
                if self.ended(self.stopped):
                    return None
            elif self.paused:
                time.sleep(0.01)
            elif not 0 < self.session.last_step <= self.state.step:
                self.train_step()
            elif self.ended(partial(self.finished, began)):
                return None

    def obey(self) -> None:
        for command in self.session.poll(self.state.step):
            try:
                self.obey_one(command)
            except LabError as error:
                self.session.rejected(command, self.state.step, error.message)

    def obey_one(self, command: Command) -> None:
        session, step = self.session, self.state.step
        if command.kind == "set":
            changes = {key: [get(session.recipe, key), new] for key, new in command.data["changes"].items()}
            session.applied(command, step, changes=changes)
        elif command.kind == "pause" and not self.paused:
            self.pause(ASKED_FOR)
            session.applied(command, step)
        elif command.kind == "resume" and self.paused:
            self.paused = False
            session.record("resumed", step)
            session.applied(command, step)
        elif command.kind == "checkpoint":
            self.checkpoint()
            session.applied(command, step)
        elif command.kind == "preview":
            self.preview("asked for")
            session.applied(command, step)
        elif command.kind == "undo":
            self.undo(command)
        elif command.kind == "stop":
            self.stopping = command
        else:
            raise LabError("the run is not in the state for that")

    def pause(self, why: str) -> None:
        if not self.paused:
            self.paused = True
            self.session.record("paused", self.state.step, message=why)

    def undo(self, command: Command) -> None:
        session, came_from = self.session, self.state.step
        undo = session.undo_at(came_from, command.data.get("to"))
        session.flush_metrics()
        steps = [step for step in self.folder.checkpoint_steps() if step <= undo.step]
        if not steps and session.origin:
            raise LabError(f"no checkpoint at or before step {undo.step} is left to go back to")
        self.state = self.read_checkpoint(steps[-1]) if steps else State()
        session.rewind(came_from, self.state.step, "undo", undo)
        self.pending = session.replay_after(self.state.step)
        session.applied(command, self.state.step, message=f"{undo.what} undone")

    def ended(self, end: Callable[[], None]) -> bool:
        """A disk without room for the last checkpoint keeps the run, paused."""
        try:
            end()
        except DiskFullError as error:
            if self.stopping is not None:
                self.session.rejected(self.stopping, self.state.step, error.message)
                self.stopping = None
            self.pause(error.message)
            return False
        return True

    def stopped(self) -> None:
        if os.environ.get("STANDIN_DIE_AT_STOP") and not self.restarted:
            os.kill(os.getpid(), signal.SIGKILL)
        checkpoint = self.checkpoint()
        self.export()
        assert self.stopping is not None
        self.session.applied(self.stopping, self.state.step)
        self.session.record("stopped", self.state.step, checkpoint=str(checkpoint), pipeline=str(self.folder.pipeline))

    def finished(self, began: float) -> None:
        self.checkpoint()
        self.session.compare_with_replayed(self.state.step)
        self.export()
        self.leave("finished", pipeline=str(self.folder.pipeline), seconds=time.monotonic() - began)

    def train_step(self) -> None:
        time.sleep(self.step_seconds)
        recipe = self.session.recipe
        if recipe.training.train_batch_size > int(os.environ.get("STANDIN_MEMORY", "65536")):
            sys.exit(EXIT_OUT_OF_MEMORY)
        if recipe is not self.known[0]:
            self.known = recipe, knobs_of(recipe)
        state = self.state = self.state.after_a_step(recipe.training.train_batch_size, self.known[1])
        if os.environ.get("STANDIN_FAIL_AT") == str(state.step):
            raise RuntimeError(f"asked to fail at step {state.step}")
        if os.environ.get("STANDIN_EXIT_AT") == str(state.step):
            sys.exit(7)
        loss = 0.1 + math.exp(-state.step / 100) + int(state.weights[:4], 16) / 65536 / 50
        self.session.metrics(
            state.step,
            loss=loss,
            learning_rate=recipe.optimizer.learning_rate,
            grad_norm=loss / 2,
            steps_per_second=1 / max(self.step_seconds, 1e-4),
        )
        if recipe.evaluation.every_steps and state.step % recipe.evaluation.every_steps == 0:
            self.session.record("validation", state.step, loss=loss, ema_loss=loss * 0.9, by_timestep=[], seconds=0.0)
        if recipe.sampling.every_steps and state.step % recipe.sampling.every_steps == 0:
            try:
                self.preview("every_steps")
            except LabError as error:
                self.session.record("warning", state.step, message=error.message)
        if recipe.training.checkpointing_steps and state.step % recipe.training.checkpointing_steps == 0:
            try:
                self.checkpoint()
            except DiskFullError as error:
                self.pause(error.message)

    def preview(self, reason: str) -> None:
        count = 3
        rng = np.random.default_rng(int(self.state.weights[:8], 16))
        trajectory = rng.integers(0, 256, (count, 2, 2, 4, 4, 3), dtype=np.uint8)
        header = {"kind": "preview", "step": self.state.step, "count": count, "seed": 0, "panes": ["x_t", "x0"]}
        for index in range(count):
            self.session.frame({**header, "index": index, "final": index == count - 1}, trajectory[index])
        path = self.session.next_preview_path(self.state.step)
        array = io.BytesIO()
        np.save(array, trajectory)
        replace_file(path, array.getvalue())
        replace_file(path.with_suffix(".json"), json.dumps({"step": self.state.step, "seed": 0}).encode())
        self.session.record("preview", self.state.step, path=str(path), weights="ema", reason=reason)

    def checkpoint(self) -> Path:
        self.session.flush_metrics()  # or a kill between the checkpoint and its record would leave a gap in the curve
        if full := self.session.disk_full:
            raise DiskFullError(full)
        target = self.folder.checkpoint(self.state.step)
        if not target.exists():
            aside = target.with_name(f".{target.name}")
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir(mode=0o700)
            replace_file(aside / "state.json", json.dumps(asdict(self.state)).encode())
            aside.rename(target)
            self.session.record("checkpoint", self.state.step, path=str(target))
            steps, keep = self.folder.checkpoint_steps(), self.session.recipe.training.checkpoints_total_limit
            for step in steps[:-keep] if keep else ():
                if step not in self.session.kept:
                    discard_folder(self.folder.checkpoint(step))
        return target

    def restore(self) -> None:
        steps = self.folder.checkpoint_steps()
        if steps:
            self.state = self.read_checkpoint(steps[-1])

    def read_checkpoint(self, step: int) -> State:
        return State(**json.loads((self.folder.checkpoint(step) / "state.json").read_text()))

    def export(self) -> None:
        self.folder.pipeline.mkdir(mode=0o700, exist_ok=True)
        replace_file(self.folder.pipeline / "model_index.json", json.dumps({"_class_name": "Standin"}).encode())

    def leave(self, word: str, **data: object) -> None:
        checkpoint = self.checkpoint()
        self.session.record(word, self.state.step, checkpoint=str(checkpoint), **data)


def die_at_write(number: int) -> None:
    """kill -9 of this process in its write (or rename) of that number, half of it done: a torn line, a lost answer."""
    left = itertools.count(number, -1)
    write, renames = os.write, (os.replace, os.rename)

    def dying_write(descriptor: int, data: bytes | memoryview) -> int:
        if next(left) == 1:
            write(descriptor, data[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        return write(descriptor, data)

    def dying(rename: Callable[..., None]) -> Callable[..., None]:
        def renamed(*paths: object, **options: object) -> None:
            if next(left) == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            rename(*paths, **options)

        return renamed

    os.write, os.replace, os.rename = dying_write, *map(dying, renames)


def warm_up(hint: str) -> Iterator[None]:
    """There is nothing to get ready."""
    yield from ()


def main() -> None:
    path = await_run(warm_up) if sys.argv[1] == SPARE else Path(sys.argv[1])
    if path is None:
        return
    if at := int(os.environ.get("STANDIN_DIE_AT_WRITE", "0")):
        die_at_write(at)
    engine = StandinEngine(RunFolder(path))
    try:
        engine.run()
    except RuntimeError as error:
        log, step = str(engine.folder.logs / "rank-0.log"), engine.state.step
        engine.session.record("failed", step, message=str(error), log=log, refused=step == 0)
        raise
    finally:
        engine.session.close()


if __name__ == "__main__":
    main()
