"""The keys that go back in a run: undo, in the same run, and a fork from any of its checkpoints."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType

from tui_lab.errors import LabError, RunError
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.interventions import Interventions
from tui_lab.runs.journal import JournalReader
from tui_lab.runs.launch import start
from tui_lab.runs.undo_at_rest import undo_at_rest
from tui_lab.runs.undoing import undo_of
from tui_lab.tui.checkpoint_choice import checkpoint_options
from tui_lab.tui.screens.ask import Ask, Choose
from tui_lab.tui.screens.running import RunningScreen


class GoingBackScreen(RunningScreen):
    """Asks before anything is dropped, and says what."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "F", "fork_at", "Fork at …", id="fork-at", show=False,
            tooltip="A new run with the edited knobs, from any checkpoint of this run",
        ),
        Binding(
            "U", "rewind", "Rewind", id="rewind", show=False,
            tooltip="Take the last live change back: the run returns to its checkpoint before it",
        ),
    ]  # fmt: skip

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "rewind":
            return True if self.attached is not None else None
        return super().check_action("fork" if action == "fork_at" else action, parameters)

    @work(exclusive=True, group="going-back")
    async def action_rewind(self) -> None:
        attached = self.attached
        if attached is None:
            return
        try:
            words = await asyncio.to_thread(undo_words, attached.folder, attached.curves.step)
        except (LabError, OSError) as error:
            self.complain(error if isinstance(error, LabError) else LabError(f"{attached.id}: {error}"))
            return
        answer = await self.app.push_screen_wait(
            Ask(f"Go back in {attached.id}", words, [("u", "go back: the same run goes on from there", "undo")])
        )
        if answer is None or self.attached is not attached:
            return
        if attached.alive:
            self.send("undo")
            return
        try:
            self.say(await asyncio.to_thread(undo_at_rest, attached.folder, None))
            await asyncio.to_thread(start, attached.folder, self.spares.take())
        except LabError as error:
            self.complain(error)

    @work(exclusive=True, group="going-back")
    async def action_fork_at(self) -> None:
        attached = self.attached
        if attached is None:
            return
        if not self.steers:
            self.action_fork()  # which says why not
            return
        options = checkpoint_options(attached.folder, attached.curves)
        chosen = await self.app.push_screen_wait(Choose(f"Fork {attached.id} from its checkpoint at step …", options))
        if chosen is not None and self.attached is attached:
            self.fork(attached.folder, dict(self.draft.changes), int(chosen))


def undo_words(folder: RunFolder, step: int) -> str:
    """ "Back to step 1200, before learning_rate 1e-3 → 1e-1: 340 steps go." Raises RunError where there is nothing."""
    interventions = Interventions()
    interventions.feed(JournalReader(folder).read_events())
    undo = undo_of(interventions, step, None)
    earlier = [at for at in folder.checkpoint_steps() if at <= undo.step]
    if not earlier and folder.parent() is not None:
        raise RunError(f"{folder.id} has no checkpoint at or before step {undo.step} to go back to")
    target = earlier[-1] if earlier else 0
    where = f"Back to its checkpoint at step {target}" if earlier else "Back to its very beginning"
    return (
        f"{where}, before {undo.what} (step {undo.step}). {step - target} steps go, and what was drawn of them stays."
    )
