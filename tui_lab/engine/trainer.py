"""The loop of a rank: updates, and between them orders, previews, validation and checkpoints."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch

from tui_lab.engine.checkpointing import Checkpointing
from tui_lab.engine.checkpoints import Checkpoint
from tui_lab.engine.control import Control, Orders, Pending
from tui_lab.engine.evaluation import Evaluation
from tui_lab.engine.guards import Guards
from tui_lab.engine.learner import Learner
from tui_lab.engine.memory import is_out_of_memory
from tui_lab.engine.meter import Meter
from tui_lab.engine.previews import Previews
from tui_lab.errors import DeviceError, DiskFullError, LabError
from tui_lab.models.export import export_pipeline
from tui_lab.recipe import replaced
from tui_lab.runs.rank import RankSession

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
        pending: Pending,
        guards: Guards,
        beginning: Callable[[], Checkpoint],
    ) -> None:
        """`pending` are changes from the journal, which come at their steps; `beginning` is the state at step 0."""
        self._session = session
        self._learner = learner
        self._evaluation = evaluation
        self._previews = Previews(session, learner.best, learner.predict, "ema" if learner.ema else "live")
        self._guards = guards
        self._meter = Meter(session, guards, next(learner.model.parameters()).device)
        self._checkpointing = Checkpointing(session, learner, self._meter, guards, versions)
        self._control = Control(
            session,
            learner,
            self._previews,
            self._meter,
            guards,
            self._checkpointing,
            beginning,
            pending,
        )
        self._began = time.monotonic()

    def run(self) -> None:
        """Train until the recipe's last step, a stop, or the end of the supervisor. Raises LabError."""
        try:
            self._run()
            self._learner.close()
        except torch.AcceleratorError as error:
            why = str(error).strip().splitlines()[0]
            raise DeviceError(
                f"the device failed after step {self.step}: {why}; the checkpoints are good, go on from the newest by: "
                f"diffusion-lab resume {self._session.folder.id}"
            ) from error

    def _run(self) -> None:
        control = self._control
        if waits := self._session.waits:
            control.pause(f"{waits}, as before its process was killed")
        while True:
            control.apply_pending()
            orders = self._orders()
            if orders.leave:
                return self._leave()
            control.obey(orders)
            if control.stop is not None:
                if self._ended(self._stopped):
                    return None
            elif control.paused:
                self._wait()
            elif not self._done:
                self._train()
            elif self._ended(self._finished):
                return None

    def _orders(self) -> Orders:
        """What to do at this boundary. Whatever hangs on clocks, files or pipes is looked at here alone."""
        self._checkpointing.settle_or_ask()
        leave = self._session.orphaned
        if (full := self._session.disk_full) and not self._control.paused:
            self._guards.ask_pause(f"{full}; then resume")
        asked = self._guards.take()
        hears = not full and not leave and (not self._done or self._control.paused)
        commands = tuple(self._session.poll(self.step)) if hears else ()
        return Orders(leave, asked.undo, asked.pause, commands)

    def _ended(self, end: Callable[[], None]) -> bool:
        """Whether the run could end. A disk without room for its checkpoint keeps it, paused, and nothing is lost."""
        try:
            end()
        except DiskFullError as error:
            self._control.refuse_stop(f"{error.message}; the run waits, paused")
            self._control.pause(f"{error.message}; then resume")
            return False
        return True

    @property
    def step(self) -> int:
        return self._learner.step

    @property
    def _done(self) -> bool:
        return 0 < self._session.last_step <= self.step

    # One step

    def _train(self) -> None:
        try:
            update = self._learner.update()
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            self._out_of_memory(error)
            return
        self._control.updated()
        self._previews.work()
        self._meter.count(self.step, update, self._previews.share)
        if not self._done:
            self._at_step(self.step)

    def _at_step(self, step: int) -> None:
        """What is due after this update."""
        recipe = self._learner.recipe
        if _due(step, recipe.evaluation.every_steps):
            self._validate()
        if _due(step, recipe.training.checkpointing_steps):
            self._checkpointing.begin_or_ask()
        if _due(step, recipe.sampling.every_steps) and self._previews.drawing is None and self._previews.paid_for:
            try:
                self._previews.begin(step, recipe, "cadence")
            except LabError as error:
                self._warn(error.message)

    def _out_of_memory(self, error: RuntimeError) -> None:
        """Undo the change of the batch size that led here; without one, there is nothing to go on with."""
        size = self._learner.recipe.training.train_batch_size
        self._learner.forget_gradients()
        torch.cuda.empty_cache()
        undone = self._control.take_batch_back()
        if undone is None:
            raise DeviceError(
                f"the device's memory is full at train_batch_size {size}: lower it, and raise "
                "gradient_accumulation_steps to make up for it"
            ) from error
        self._warn(undone)

    def _wait(self) -> None:
        """While paused: go on with a preview, or look again a little later."""
        if self._previews.drawing:
            self._previews.advance()
        else:
            time.sleep(POLL_SECONDS)

    def _validate(self) -> None:
        if self._evaluation is None:
            return
        self._meter.read()
        learner, began = self._learner, time.perf_counter()
        live = self._evaluation.loss(partial(learner.predict, learner.model))
        losses: dict[str, Any] = {"loss": live.mean}
        if learner.ema:
            live = self._evaluation.loss(partial(learner.predict, learner.ema.model))
            losses["ema_loss"] = live.mean
        losses["by_timestep"] = [list(pair) for pair in live.by_timestep]
        self._session.record("validation", self.step, **losses, seconds=round(time.perf_counter() - began, 3))

    def _warn(self, message: str) -> None:
        self._session.record("warning", self.step, message=message)

    # The end

    def _export(self) -> str:
        folder = self._session.folder.pipeline
        export_pipeline(self._learner.recipe, self._learner.best.state_dict(), folder)
        return str(folder)

    def _leave(self) -> None:
        self._previews.cancel("the run was told to end")
        checkpoint = self._checkpointing.now()
        self._session.record(
            "stopped", self.step, checkpoint=checkpoint, message="its supervisor is gone, or asked it to leave"
        )

    def _stopped(self) -> None:
        self._previews.cancel("the run was stopped")
        checkpoint = self._checkpointing.now()
        pipeline = self._export()
        if self._control.stop is not None:
            self._session.applied(self._control.stop, self.step)
        self._session.record("stopped", self.step, checkpoint=checkpoint, pipeline=pipeline)

    def _finished(self) -> None:
        """Checkpoint first: what comes after may fail, and the weights are what counts."""
        self._previews.cancel("the run has finished")
        checkpoint = self._checkpointing.now()
        self._session.compare_with_replayed(self.step)
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


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0
