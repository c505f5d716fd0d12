"""What commands and guards make of a run: it waits, goes on, changes, goes back, or is to end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tui_lab.engine import checkpoints
from tui_lab.engine.checkpointing import Checkpointing
from tui_lab.engine.checkpoints import Checkpoint
from tui_lab.engine.guards import Guards
from tui_lab.engine.learner import Learner
from tui_lab.engine.meter import Meter
from tui_lab.engine.previews import Previews
from tui_lab.errors import DiskFullError, LabError
from tui_lab.recipe import get, replaced
from tui_lab.recipe.denoising import parse_denoising
from tui_lab.runs.interventions import Changes
from tui_lab.runs.previews import REQUEST_SHARE
from tui_lab.runs.rank import RankSession
from tui_lab.runs.spool import DENOISING, OF, Command
from tui_lab.runs.status import ASKED_FOR

Pending = list[tuple[int, Changes]]
"""Changes from the journal, which come at their steps."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What is done at one step's boundary, in this order. `leave`: the supervisor is gone. `undo` and `pause` say why,
    and are empty where that is not called for."""

    leave: bool = False
    undo: str = ""
    pause: str = ""
    commands: tuple[Command, ...] = ()


class Control:
    """Carries out orders at a step's boundary. Whether the run waits (`paused`) or is to end (`stop`) stands here."""

    def __init__(
        self,
        session: RankSession,
        learner: Learner,
        previews: Previews,
        meter: Meter,
        guards: Guards,
        checkpointing: Checkpointing,
        beginning: Callable[[], Checkpoint],
        pending: Pending,
    ) -> None:
        """`beginning`: the state at step 0."""
        self._session = session
        self._learner = learner
        self._previews = previews
        self._meter = meter
        self._guards = guards
        self._checkpointing = checkpointing
        self._beginning = beginning
        self._pending = pending
        self.paused = False
        self.stop: Command | None = None
        self._batch_change: tuple[Command, int] | None = None

    def apply_pending(self) -> None:
        while self._pending and self._pending[0][0] <= self._learner.step:
            self._adopt(self._pending.pop(0)[1])

    def obey(self, orders: Orders) -> None:
        if orders.undo:
            self._undo_or_pause(orders.undo)
        if orders.pause:
            self.pause(orders.pause)
        for command in orders.commands:
            try:
                self._handlers[command.kind](self, command)
            except LabError as error:
                self._session.rejected(command, self._learner.step, error.message)

    def pause(self, why: str) -> None:
        """Let the run wait. One that waits already goes on waiting, with this reason."""
        self._meter.read()
        self.paused = True
        self._session.record("paused", self._learner.step, message=why)

    def refuse_stop(self, why: str) -> None:
        """The run cannot end now."""
        if self.stop is not None:
            self._session.rejected(self.stop, self._learner.step, why)
            self.stop = None

    def updated(self) -> None:
        """An update has succeeded: the batch fits."""
        self._batch_change = None

    def take_batch_back(self) -> str | None:
        """Undo the change of the batch size that filled the device's memory; what was done, or None without one."""
        if self._batch_change is None:
            return None
        (command, old), self._batch_change = self._batch_change, None
        size = self._learner.recipe.training.train_batch_size
        self._adopt({"training.train_batch_size": old})
        message = f"train_batch_size {size} did not fit into the device's memory: it is {old} again"
        self._session.taken_back(command.id, self._learner.step, "training.train_batch_size", size, old, message)
        return message

    # Commands

    def _set(self, command: Command) -> None:
        changes = {key: [get(self._session.recipe, key), new] for key, new in command.data["changes"].items()}
        old, new = changes.get("training.train_batch_size", (0, 0))
        if new > old:
            fits = self._batch_change[1] if self._batch_change else old
            self._batch_change = (command, fits)
        self._session.applied(command, self._learner.step, changes=changes)
        self._learner.recipe = self._session.recipe

    def _pause(self, command: Command) -> None:
        if self.paused:
            raise LabError("the run is paused already")
        self.pause(ASKED_FOR)
        self._session.applied(command, self._learner.step)

    def _resume(self, command: Command) -> None:
        if not self.paused:
            raise LabError("the run is not paused")
        self.paused = False
        self._meter.forget()
        self._session.record("resumed", self._learner.step)
        self._session.applied(command, self._learner.step)

    def _stop(self, command: Command) -> None:
        self.stop = command

    def _checkpoint(self, command: Command) -> None:
        path = self._checkpointing.now()
        self._session.applied(command, self._learner.step, message=f"checkpoint written: {path}", path=path)

    def _undo(self, command: Command) -> None:
        """Answered with the step from which it goes on; a paused run stays paused."""
        message = self._go_back(command.data.get("to"), f"undo by {command.client.get('user') or 'a command'}")
        self._session.applied(command, self._learner.step, message=message)

    def _preview(self, command: Command) -> None:
        """Answered when it begins."""
        self._begin_request(command, None)
        step = self._learner.step
        share = "" if self.paused else f", in up to {REQUEST_SHARE:.0%} of the time"
        self._session.applied(command, step, message=f"preview begun at step {step}{share}")

    def _sample(self, command: Command) -> None:
        """Answered when it is drawn, with its path."""
        step = self._learner.step

        def done(path: str) -> None:
            self._session.applied(command, step, message=f"drawn from step {step}: {path}", path=path)

        def dropped(why: str) -> None:
            self._session.rejected(command, step, why)

        self._begin_request(command, done, dropped)

    def _cancel(self, command: Command) -> None:
        """Before the next model call. One that is drawn already, or had to give way, is as good."""
        self._previews.cancel("cancelled", command.data[OF])
        self._session.applied(command, self._learner.step)

    def _begin_request(
        self,
        command: Command,
        done: Callable[[str], None] | None,
        dropped: Callable[[str], None] | None = None,
    ) -> None:
        step, recipe = self._learner.step, self._learner.recipe
        if DENOISING in command.data:
            asked = parse_denoising(command.data[DENOISING])
            self._previews.begin(step, recipe, "request", asked, done, dropped, command.id)
        else:
            wishes = {f"sampling.{name}": value for name, value in command.data.items()}
            self._previews.begin(step, replaced(recipe, wishes), "request", None, done, dropped, command.id)

    _handlers: Mapping[str, Callable[[Control, Command], None]] = {
        "set": _set,
        "pause": _pause,
        "resume": _resume,
        "stop": _stop,
        "checkpoint": _checkpoint,
        "undo": _undo,
        "preview": _preview,
        "sample": _sample,
        "cancel": _cancel,
    }

    # Going back

    def _undo_or_pause(self, why: str) -> None:
        try:
            done = self._go_back(None, why)
            self._session.record("warning", self._learner.step, message=f"{why}: {done}")
        except LabError as error:
            self.pause(f"{why}; it could not be undone: {error.message}")

    def _go_back(self, to: int | None, why: str) -> str:
        """Load the newest good checkpoint before what is undone, and journal it; what happened. Raises LabError, with
        the run as it was."""
        session, learner = self._session, self._learner
        came_from = learner.step
        if full := session.disk_full:
            raise DiskFullError(full)
        undo = session.undo_at(came_from, to)
        self._checkpointing.give_up()
        self._meter.flush()
        found, _ = checkpoints.newest(session.folder.checkpoints, until=undo.step)
        if found is None and session.origin:
            raise LabError(f"no checkpoint at or before step {undo.step} is left to go back to")
        found = found or self._beginning()
        self._previews.cancel("the run goes back")
        learner.load(found)
        session.rewind(came_from, found.step, why, undo)
        self._guards.rewound(found.state.get("guards", {}))
        self._meter.forget()
        self._batch_change = None
        self._pending = session.replay_after(found.step)
        learner.recipe = session.recipe
        return f"{undo.what} undone: back from step {came_from} to {found.step}"

    def _adopt(self, changes: Changes) -> None:
        self._session.adopt(changes)
        self._learner.recipe = self._session.recipe
