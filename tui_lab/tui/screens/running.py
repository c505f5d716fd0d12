"""The keys that start, steer and leave a run, and the eyes on its folder. `LabScreen` adds the panels."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.timer import Timer

from tui_lab.errors import LabError
from tui_lab.recipe import KNOBS
from tui_lab.runs.creation import fork_run, new_run
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.launch import start
from tui_lab.tui.attached import AttachedRun, Update
from tui_lab.tui.draft import Draft
from tui_lab.tui.screens.ask import Ask
from tui_lab.tui.spare_keeper import SpareKeeper

POLL_SECONDS = 0.15
SPARE_SECONDS = 2.0
"""How often the lab looks whether there is a spare for the next run."""
SEEN_ON_SCREEN = ("pause", "resume", "preview", "stop")
"""Commands whose effect shows by itself, and needs no word."""
SEND_AFTER_SECONDS = 0.2
"""Nudges in quick succession become one command."""


class RunningScreen(Screen[None]):
    """Owns the attachment to a run. Commands go to the spool; what became of them comes back through `poll`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "train", "Train", id="train", tooltip="Start a run of the recipe as it stands"),
        Binding("space", "pause", "Pause", id="pause", tooltip="Pause the run, or let it go on"),
        Binding("p", "preview", "Preview", id="preview", tooltip="Draw pictures now, from the same noise as before"),
        Binding("s", "sample", "Sample", id="sample", tooltip="Draw pictures now, from new noise"),
        Binding(
            "f", "fork", "Fork", id="fork", tooltip="A new run with the edited knobs, from this run's newest checkpoint"
        ),
        Binding(
            "c", "checkpoint", "Checkpoint", id="checkpoint", show=False, tooltip="Write a checkpoint at the next step"
        ),
        Binding("x", "stop", "Stop", id="stop", tooltip="End the run with a checkpoint and an exported pipeline"),
    ]

    draft: Draft
    attached: AttachedRun | None = None

    def __init__(self) -> None:
        super().__init__()
        self._pending: dict[str, Any] = {}
        self._send_timer: Timer | None = None
        self.spares = SpareKeeper()

    def on_mount(self) -> None:
        self.set_interval(POLL_SECONDS, self._poll)
        self.set_interval(SPARE_SECONDS, self._keep_spare)

    async def on_unmount(self) -> None:
        self.spares.close()

    # What the screen with the panels does with it

    @abstractmethod
    def run_attached(self) -> None:
        """Another run is attached, or none."""

    @abstractmethod
    def run_updated(self, update: Update) -> None:
        """The attached run has news."""

    @abstractmethod
    def sample_at_rest(self, attached: AttachedRun, fresh: bool) -> object:
        """Draw from the newest checkpoint of a run that nothing trains."""

    @property
    def alive(self) -> bool:
        return self.attached is not None and self.attached.alive

    @property
    def steers(self) -> bool:
        """Whether the knobs on the screen are those of the attached run, and not of another recipe."""
        return self.attached is not None and self.draft.run == self.attached.id

    def complain(self, error: LabError) -> None:
        self.notify(error.message, severity="error", timeout=12, markup=False)

    def say(self, words: str) -> None:
        self.notify(words, markup=False)

    # Attaching

    @work(thread=True, exclusive=True, group="attach")
    def attach(self, folder: RunFolder) -> None:
        """Follow this run from now on. Its whole journal is read aside, so that the keys stay quick."""
        try:
            attached = AttachedRun(folder)
            attached.poll()
        except (LabError, OSError) as error:
            failed = error if isinstance(error, LabError) else LabError(f"{folder.id} cannot be read: {error}")
            self.call_later(self.complain, failed)
            return
        self.call_later(self._followed, attached)

    def _followed(self, attached: AttachedRun) -> None:
        self.attached = attached
        self._pending.clear()
        self.run_attached()
        self.refresh_bindings()

    def _poll(self) -> None:
        if self.attached is None:
            return
        try:
            update = self.attached.poll()
        except (OSError, LabError) as error:
            gone = isinstance(error, FileNotFoundError)
            why = "is gone: its folder was moved or deleted" if gone else f"cannot be read any more: {error}"
            self.complain(LabError(f"{self.attached.id} {why}"))
            self.attached = None
            self.run_attached()
            return
        for kind, answer in update.answers:
            if not answer.ok:
                self.notify(answer.message, severity="warning", markup=False)
            elif kind not in SEEN_ON_SCREEN:
                self.say(answer.message)
        if update:
            self.run_updated(update)
        if update.status_changed or any(record.kind == "checkpoint" for record in update.records):
            self.refresh_bindings()  # which keys work

    def send(self, kind: str, **data: Any) -> bool:
        """Tell the attached run something; False, and said, where the command could not be written down."""
        if self.attached is None:
            return False
        try:
            self.attached.send(kind, **data)
        except (OSError, LabError) as error:
            self.complain(LabError(f"{self.attached.id} cannot be told to {kind}: {error}"))
            return False
        return True

    # The spare

    @property
    @abstractmethod
    def settled(self) -> bool:
        """Whether nothing of the lab's own needs the processor just now."""

    def _keep_spare(self) -> None:
        """Not beside a run on the CPU: getting one ready would be taken from it."""
        training = self.alive and self.attached is not None and self.attached.status.device in ("", "cpu")
        if self.settled and not training and not self.draft.problems:
            self.spares.keep(self.draft.recipe)

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("stop", "checkpoint"):
            return True if self.alive else None
        if action in ("pause", "preview", "sample"):
            return True if self.attached is not None else None
        if action == "fork":
            return True if self.attached is not None and self.attached.folder.checkpoint_steps() else None
        return True

    @work
    async def action_train(self) -> None:
        if self.draft.problems:
            self.complain(LabError(self.draft.problems[0].message))
            return
        if self.alive and self.attached is not None:
            name = self.attached.id
            answer = await self.app.push_screen_wait(
                Ask(
                    f"{name} is {self.attached.status.name}",
                    f"Train {self.draft.origin} as a new run?",
                    [
                        ("s", f"stop {name} first (it keeps a checkpoint and its pipeline)", "stop"),
                        ("b", "train beside it: both get slower", "beside"),
                    ],
                )
            )
            if answer is None:
                return
            if answer == "stop" and not self.send("stop"):
                return
        self._train(self.draft.to_toml())

    @work(thread=True, exclusive=True, group="launch")
    def _train(self, recipe_toml: str) -> None:
        try:
            folder = new_run(recipe_toml, {}, source=self.draft.origin)
            start(folder, self.spares.take())
        except LabError as error:
            self.call_later(self.complain, error)
            return
        self.call_later(self.attach, folder)

    def action_pause(self) -> None:
        if self.attached is None:
            return
        if not self.attached.alive:
            self._resume(self.attached.folder)
        elif self.attached.status.name == "paused":
            self.send("resume")
        else:
            self.send("pause")

    @work(thread=True, exclusive=True, group="launch")
    def _resume(self, folder: RunFolder) -> None:
        try:
            start(folder, self.spares.take())
        except LabError as error:
            self.call_later(self.complain, error)
            return
        self.call_later(self.say, f"{folder.id} goes on from its newest checkpoint")

    def action_preview(self) -> None:
        self._draw(fresh=False)

    def action_sample(self) -> None:
        self._draw(fresh=True)

    def _draw(self, fresh: bool) -> None:
        if self.attached is None:
            return
        if not self.attached.alive:
            self.sample_at_rest(self.attached, fresh)
        elif fresh:
            self.send("preview", seed=self.next_seed())
        else:
            self.send("preview")

    @abstractmethod
    def next_seed(self) -> int:
        """A sampling seed that was not used in this window yet."""

    def action_checkpoint(self) -> None:
        self.send("checkpoint")

    def action_stop(self) -> None:
        if self.send("stop") and self.attached is not None:
            self.say(f"{self.attached.id} stops: it writes a checkpoint and exports its pipeline")

    def action_fork(self) -> None:
        if self.attached is None:
            return
        if self.steers:
            self.fork(self.attached.folder, dict(self.draft.changes))
        else:
            self.complain(LabError(f"these knobs are {self.draft.origin}'s: r opens {self.attached.id} to fork it"))

    @work(thread=True, exclusive=True, group="launch")
    def fork(self, parent: RunFolder, changes: dict[str, Any], at: int | None = None) -> None:
        """Begin a run from a checkpoint of `parent`, the newest where `at` is None, and attach to it."""
        try:
            child = fork_run(parent, at, changes)
            start(child, self.spares.take())
        except LabError as error:
            self.call_later(self.complain, error)
            return
        self.call_later(self.attach, child)

    # Live knobs

    def send_live(self, key: str, value: Any) -> None:
        """Let a running run take a knob's value; several within a blink go as one command."""
        if self.attached is None or not KNOBS[key].live:
            return
        self._pending[key] = value
        if self._send_timer is not None:
            self._send_timer.stop()
        self._send_timer = self.set_timer(SEND_AFTER_SECONDS, self._send_pending)

    def _send_pending(self) -> None:
        if self._pending:
            self.send("set", changes=dict(self._pending))
        self._pending.clear()
