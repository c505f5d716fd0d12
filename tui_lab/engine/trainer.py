"""The loop of a rank: updates, and between them commands, previews, validation and checkpoints."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch

from tui_lab.engine import checkpoints
from tui_lab.engine.devices import memory_bytes
from tui_lab.engine.evaluation import Evaluation
from tui_lab.engine.learner import Learner
from tui_lab.engine.previews import Previews
from tui_lab.engine.readings import Pending, Reading, Readings
from tui_lab.errors import DeviceError, DiskFullError, LabError
from tui_lab.models.export import export_pipeline
from tui_lab.recipe import diff, get, recipe_hash, replaced
from tui_lab.runs.interventions import Changes
from tui_lab.runs.rank import RankSession
from tui_lab.runs.spool import Command

BAD_STEPS_UNTIL_PAUSE = 5
POLL_SECONDS = 0.05
"""How often a paused run looks for commands."""
FINAL_IMAGES = 32
"""The last preview of a run shows at least so many images."""


class Trainer:
    """One process's turn at a run, from the first update to its last word in the journal.

    Step N is the state after N updates. What is applied at step N takes effect with the update that follows.
    """

    def __init__(
        self,
        session: RankSession,
        learner: Learner,
        evaluation: Evaluation | None,
        versions: Mapping[str, str],
        pending: list[tuple[int, Changes]],
    ) -> None:
        """`pending` are changes from an earlier process's journal, which come at their steps."""
        self._session = session
        self._learner = learner
        self._evaluation = evaluation
        self._versions = versions
        self._pending = pending
        self._previews = Previews(session, learner.best, learner.predict, "ema" if learner.ema else "live")
        self._readings = Readings(next(learner.model.parameters()).device)
        self._rate = Rate()
        self._began = time.monotonic()
        self._paused = False
        self._stop: Command | None = None
        self._bad_in_a_row = 0
        self._batch_change: tuple[Command, int] | None = None
        self._memory = (0.0, 0.0)

    def run(self) -> None:
        """Train until the recipe's last step, a stop, or the end of the supervisor."""
        while True:
            self._apply_pending()
            if self._session.orphaned:
                return self._leave()
            if not self._done or self._paused:
                self._obey_all()
            if self._stop is not None:
                if self._ended(self._stopped):
                    return None
            elif self._paused:
                self._wait()
            elif not self._done:
                self._train()
            elif self._ended(self._finished):
                return None

    def _ended(self, end: Callable[[], None]) -> bool:
        """Whether the run could end. A disk without room for its checkpoint keeps it, paused, and nothing is lost."""
        try:
            end()
        except DiskFullError as error:
            if self._stop is not None:
                self._session.rejected(self._stop, self.step, f"{error.message}; the run waits, paused")
                self._stop = None
            self._pause(f"{error.message}; then resume")
            return False
        return True

    @property
    def step(self) -> int:
        return self._learner.step

    @property
    def _done(self) -> bool:
        return 0 < self._learner.recipe.training.max_train_steps <= self.step

    # One step

    def _train(self) -> None:
        try:
            update = self._learner.update()
        except torch.OutOfMemoryError as error:
            self._out_of_memory(error)
            return
        self._batch_change = None
        self._previews.work()
        seconds = self._rate.tick()
        known = {
            "learning_rate": update.learning_rate,
            "ema_decay": update.ema_decay,
            "data_share": update.data_seconds / seconds,
            "preview_share": self._previews.share,
            "steps_per_second": self._rate.steps_per_second,
        }
        self._readings.add(Pending(self.step, update.loss, update.grad_norm, update.skipped, known))
        if self._readings.due:
            self._read()
        self._at_step(self.step)

    def _at_step(self, step: int) -> None:
        """What is due after this update."""
        recipe = self._learner.recipe
        if _due(step, recipe.evaluation.every_steps) and not self._done:
            self._validate()
        if _due(step, recipe.training.checkpointing_steps) and not self._done:
            self._checkpoint_or_pause()
        due = _due(step, recipe.sampling.every_steps) and not self._done
        if due and self._previews.drawing is None and self._previews.paid_for:
            try:
                self._previews.begin(step, recipe, "cadence")
            except LabError as error:
                self._warn(error.message)

    def _read(self) -> None:
        """Journal the numbers of the steps that are not read yet, and mind those that are not finite."""
        for reading in self._readings.take():
            self._session.metrics(
                reading.step,
                loss=reading.loss,
                grad_norm=reading.grad_norm,
                memory=self._memory_now(),
                **reading.known,
            )
            self._mind(reading)

    def _mind(self, reading: Reading) -> None:
        if not reading.skipped:
            self._bad_in_a_row = 0
            return
        self._bad_in_a_row += 1
        if self._bad_in_a_row == 1:
            self._warn("the loss or its gradient is not finite: the update was skipped")
        if self._bad_in_a_row == BAD_STEPS_UNTIL_PAUSE:
            self._bad_in_a_row = 0
            self._pause(
                f"{BAD_STEPS_UNTIL_PAUSE} losses in a row were not finite: lower the learning rate, then resume"
            )

    def _memory_now(self) -> float:
        """Looked at once a second."""
        at, used = self._memory
        if time.monotonic() - at > 1.0:
            used = float(memory_bytes(next(self._learner.model.parameters()).device))
            self._memory = (time.monotonic(), used)
        return used

    def _out_of_memory(self, error: torch.OutOfMemoryError) -> None:
        """Undo the change of the batch size that led here; without one, there is nothing to go on with."""
        size = self._learner.recipe.training.train_batch_size
        if self._batch_change is None:
            raise DeviceError(
                f"the device's memory is full at train_batch_size {size}: lower it, and raise "
                "gradient_accumulation_steps to make up for it"
            ) from error
        (command, old), self._batch_change = self._batch_change, None
        self._learner.forget_gradients()
        torch.cuda.empty_cache()
        self._adopt({"training.train_batch_size": old})
        # Under the same id, so that a replay of the journal ends with the old size too.
        self._session.record(
            "applied",
            self.step,
            id=command.id,
            command="set",
            message=f"train_batch_size is {old} again: {size} did not fit into the device's memory",
            changes={"training.train_batch_size": [size, old]},
        )
        self._warn(f"train_batch_size {size} did not fit into the device's memory: it is {old} again")

    # Commands

    def _apply_pending(self) -> None:
        while self._pending and self._pending[0][0] <= self.step:
            self._adopt(self._pending.pop(0)[1])

    def _adopt(self, changes: Changes) -> None:
        self._session.adopt(changes)
        self._learner.recipe = self._session.recipe

    def _obey_all(self) -> None:
        for command in self._session.poll(self.step):
            try:
                self._orders[command.kind](self, command)
            except LabError as error:
                self._session.rejected(command, self.step, error.message)

    def _set(self, command: Command) -> None:
        changes = {key: [get(self._session.recipe, key), new] for key, new in command.data["changes"].items()}
        if "training.train_batch_size" in changes:
            self._batch_change = (command, changes["training.train_batch_size"][0])
        self._session.applied(command, self.step, changes=changes)
        self._learner.recipe = self._session.recipe

    def _obey_pause(self, command: Command) -> None:
        if self._paused:
            raise LabError("the run is paused already")
        self._pause("asked for")
        self._session.applied(command, self.step)

    def _obey_resume(self, command: Command) -> None:
        if not self._paused:
            raise LabError("the run is not paused")
        self._paused = False
        self._rate = Rate()
        self._session.record("resumed", self.step)
        self._session.applied(command, self.step)

    def _obey_stop(self, command: Command) -> None:
        self._stop = command

    def _obey_checkpoint(self, command: Command) -> None:
        path = self._checkpoint()
        self._session.applied(command, self.step, message=f"checkpoint written: {path}", path=path)

    def _obey_preview(self, command: Command) -> None:
        """Answered when it begins."""
        self._begin_request(command, None)
        self._session.applied(command, self.step, message=f"preview begun at step {self.step}")

    def _obey_sample(self, command: Command) -> None:
        """Answered when it is drawn, with its path."""
        step = self.step

        def done(path: str) -> None:
            self._session.applied(command, step, message=f"drawn from step {step}: {path}", path=path)

        def dropped(why: str) -> None:
            self._session.rejected(command, step, why)

        self._begin_request(command, done, dropped)

    def _begin_request(
        self,
        command: Command,
        done: Callable[[str], None] | None,
        dropped: Callable[[str], None] | None = None,
    ) -> None:
        wishes = {f"sampling.{name}": value for name, value in command.data.items()}
        self._previews.begin(self.step, replaced(self._learner.recipe, wishes), "request", done, dropped)

    _orders: Mapping[str, Callable[[Trainer, Command], None]] = {
        "set": _set,
        "pause": _obey_pause,
        "resume": _obey_resume,
        "stop": _obey_stop,
        "checkpoint": _obey_checkpoint,
        "preview": _obey_preview,
        "sample": _obey_sample,
    }

    def _pause(self, why: str) -> None:
        self._read()
        self._paused = True
        self._session.record("paused", self.step, message=why)

    def _wait(self) -> None:
        """While paused: go on with a preview, or look again a little later."""
        if self._previews.drawing:
            self._previews.advance()
        else:
            time.sleep(POLL_SECONDS)

    # Validation and checkpoints

    def _validate(self) -> None:
        if self._evaluation is None:
            return
        self._read()
        learner, began = self._learner, time.perf_counter()
        live = self._evaluation.loss(partial(learner.predict, learner.model))
        losses: dict[str, Any] = {"loss": live.mean}
        if learner.ema:
            live = self._evaluation.loss(partial(learner.predict, learner.ema.model))
            losses["ema_loss"] = live.mean
        losses["by_timestep"] = [list(pair) for pair in live.by_timestep]
        self._session.record("validation", self.step, **losses, seconds=round(time.perf_counter() - began, 3))

    def _checkpoint(self) -> str:
        """Write one, unless there is one of this step; its path. Raises LabError."""
        self._read()
        learner, session, began = self._learner, self._session, time.perf_counter()
        if not learner.finite():
            raise LabError("the weights are not finite: no checkpoint of them is written; the last good one is kept")
        asked = session.folder.recipe()
        state = {
            "recipe_hash": recipe_hash(asked),
            "changes": {key: new for key, _, new in diff(asked, learner.recipe)},
            "versions": dict(self._versions),
        }
        keep = learner.recipe.training.checkpoints_total_limit
        written = checkpoints.write(learner.checkpoint(state), session.folder.checkpoints, keep)
        session.record(
            "checkpoint",
            self.step,
            path=str(written.path),
            seconds=round(time.perf_counter() - began, 3),
            bytes=written.bytes,
        )
        return str(written.path)

    def _checkpoint_or_pause(self) -> None:
        """A full disk stops no run: it waits, and the checkpoints that are there stay."""
        try:
            self._checkpoint()
        except DiskFullError as error:
            self._warn(error.message)
            self._pause(f"{error.message}; then resume")
        except LabError as error:
            self._warn(error.message)

    def _warn(self, message: str) -> None:
        self._session.record("warning", self.step, message=message)

    # The end

    def _export(self) -> str:
        folder = self._session.folder.pipeline
        export_pipeline(self._learner.recipe, self._learner.best.state_dict(), folder)
        return str(folder)

    def _leave(self) -> None:
        self._previews.cancel("the run was told to end")
        checkpoint = self._checkpoint()
        self._session.record(
            "stopped", self.step, checkpoint=checkpoint, message="its supervisor is gone, or asked it to leave"
        )

    def _stopped(self) -> None:
        self._previews.cancel("the run was stopped")
        checkpoint = self._checkpoint()
        pipeline = self._export()
        if self._stop is not None:
            self._session.applied(self._stop, self.step)
        self._session.record("stopped", self.step, checkpoint=checkpoint, pipeline=pipeline)

    def _finished(self) -> None:
        """Checkpoint first: what comes after may fail, and the weights are what counts."""
        self._previews.cancel("the run has finished")
        checkpoint = self._checkpoint()
        self._validate()
        recipe = self._learner.recipe
        if recipe.sampling.every_steps:
            images = max(FINAL_IMAGES, recipe.sampling.num_images)
            self._previews.begin(self.step, replaced(recipe, {"sampling.num_images": images}), "final")
            self._previews.finish()
        pipeline = self._export()
        self._session.record(
            "finished",
            self.step,
            checkpoint=checkpoint,
            pipeline=pipeline,
            seconds=round(time.monotonic() - self._began, 3),
        )


class Rate:
    """Steps a second, over about the last two seconds."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self._mean = 0.0

    def tick(self) -> float:
        """A step has ended; the seconds since the one before."""
        now = time.perf_counter()
        seconds, self._last = now - self._last, now
        weight = min(1.0, seconds / 2.0) if self._mean else 1.0
        self._mean += weight * (seconds - self._mean)
        return seconds

    @property
    def steps_per_second(self) -> float:
        return 1.0 / self._mean if self._mean else 0.0


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0
