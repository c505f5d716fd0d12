"""What can be done to runs from their list: to the marked ones, or to the one under the cursor. All of it goes on in
threads, can be cancelled between two runs, and asks before anything is lost."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.screen import Screen

from tui_lab.data import Progress
from tui_lab.errors import LabError, RunError
from tui_lab.runs.creation import fork_run
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.launch import start
from tui_lab.runs.lock import is_locked
from tui_lab.runs.removal import Removal, freed_by, remove, surplus, whole_run
from tui_lab.runs.spool import submit
from tui_lab.runs.status import Status, status_of
from tui_lab.sanitize import clean
from tui_lab.tui.aside import aside
from tui_lab.tui.checkpoint_choice import checkpoint_options
from tui_lab.tui.overlay import FollowedCurves
from tui_lab.tui.screens.ask import Ask, AskText, Choose
from tui_lab.tui.widgets.run_table import megabytes
from tui_lab.workbench.client import Workbench

Answer = tuple[str, str] | None


class RunDeedsScreen(Screen[Answer]):
    """Dismisses with ("attach", run) or ("recipe", run), or None."""

    DEEDS: ClassVar[list[BindingType]] = [
        Binding("f", "fork", "Fork", tooltip="A new run from any checkpoint of this one"),
        Binding(
            "g", "go_on", "Go on", tooltip="Let paused runs go on; start others again from their newest checkpoint"
        ),
        Binding("x", "stop", "Stop", tooltip="End these runs with a checkpoint and an exported pipeline"),
        Binding("delete,D", "delete", "Delete", key_display="D", tooltip="Remove these runs; asks first"),
        Binding("P", "prune", "Prune", tooltip="Remove all of their checkpoints but the newest; asks first"),
        Binding("v", "log", "Log", tooltip="What its rank prints"),
        Binding("e", "export", "Export", tooltip="Write their weights for diffusers into a folder"),
        Binding("y", "copy_path", "Copy path", tooltip="Copy the folders' paths"),
        Binding("b", "recipe", "Its recipe", tooltip="Begin anew from this run's recipe"),
    ]
    """Bindings, for the screen to put among its own."""

    def __init__(self, workbench: Workbench) -> None:
        super().__init__()
        self._workbench = workbench

    @property
    @abstractmethod
    def chosen(self) -> str | None:
        """The run under the cursor."""

    @property
    @abstractmethod
    def meant(self) -> list[str]:
        """The marked runs, or the one under the cursor."""

    @abstractmethod
    def busy(self, words: str) -> None:
        """Say what goes on aside; "" when it is over."""

    @abstractmethod
    def look_again(self) -> None:
        """Something of the runs has changed."""

    def complain(self, error: LabError) -> None:
        self.notify(error.message, severity="error", timeout=12, markup=False)

    def say(self, words: str) -> None:
        self.notify(words, markup=False)

    async def each(self, runs: Sequence[str], deed: Callable[[RunFolder], str], doing: str) -> None:
        """Do it to one after the other in a thread; what each says is told, and so is what went wrong with it."""

        def all_of_it(progress: Progress) -> list[str]:
            told = []
            for done, run in enumerate(runs):
                progress(done, len(runs))
                try:
                    told.append(deed(RunFolder.open(run)))
                except (LabError, OSError) as error:
                    failed = error if isinstance(error, LabError) else LabError(f"{run}: {error}")
                    self.app.call_later(self.complain, failed)  # also where this screen was left
            return told

        self.busy(doing)
        try:
            told = await aside(all_of_it, lambda done, total: self.busy(f"{doing}: {done} of {total}; esc stops here"))
        finally:
            self.busy("")
            self.look_again()
        for words in told:
            self.say(words)

    # One run

    def action_attach(self) -> None:
        if self.chosen:
            self.dismiss(("attach", self.chosen))

    def action_recipe(self) -> None:
        if self.chosen:
            self.dismiss(("recipe", self.chosen))

    def action_log(self) -> None:
        from tui_lab.tui.screens.log import LogScreen

        if folder := self._open(self.chosen):
            self.app.push_screen(LogScreen(folder))

    def _open(self, run: str | None) -> RunFolder | None:
        if run is None:
            return None
        try:
            return RunFolder.open(run)
        except LabError as error:
            self.complain(error)
            return None

    @work(exclusive=True, group="deed")
    async def action_fork(self) -> None:
        parent = self._open(self.chosen)
        if parent is None:
            return
        followed = FollowedCurves(parent)
        try:
            await asyncio.to_thread(followed.read)
            parent.find_checkpoint()
            options = checkpoint_options(parent, followed.curves)
            chosen = await self.app.push_screen_wait(Choose(f"Fork {parent.id} from its checkpoint at step …", options))
            if chosen is None:
                return
            changes = await self._room_to_train(parent, int(chosen))
            if changes is None:
                return
            self.busy(f"forking {parent.id}")
            child = await asyncio.to_thread(_fork, parent, int(chosen), changes)
        except (LabError, OSError) as error:
            self.complain(error if isinstance(error, LabError) else LabError(f"{parent.id}: {error}"))
            return
        finally:
            self.busy("")
        self.dismiss(("attach", child.id))

    async def _room_to_train(self, parent: RunFolder, step: int) -> dict[str, Any] | None:
        """What has to change so that there are steps left after the checkpoint: asked where there are none."""
        last = parent.recipe().training.max_train_steps
        if not 0 < last <= step:
            return {}

        def check(text: str) -> int:
            if not text.strip().isdigit() or int(text) <= step:
                raise RunError(f"a whole number above {step}, which is where the checkpoint stands")
            return int(text)

        words = f"{parent.id} was to end at step {last}. Up to which step does its fork train?"
        until = await self.app.push_screen_wait(AskText("Fork", words, str(2 * step), check))
        return None if until is None else {"training.max_train_steps": until}

    # One or several

    @work(exclusive=True, group="deed")
    async def action_go_on(self) -> None:
        await self.each(self.meant, _go_on, "going on")

    @work(exclusive=True, group="deed")
    async def action_stop(self) -> None:
        await self.each(self.meant, _stop, "stopping")

    def action_copy_path(self) -> None:
        paths = [str(folder.path) for folder in map(self._open, self.meant) if folder is not None]
        if paths:
            self.app.copy_to_clipboard("\n".join(paths))
            self.say(f"Copied: {', '.join(paths)}")

    @work(exclusive=True, group="deed")
    async def action_delete(self) -> None:
        await self._remove(whole_run, "Delete")

    @work(exclusive=True, group="deed")
    async def action_prune(self) -> None:
        await self._remove(surplus, "Prune")

    async def _remove(self, planned: Callable[[RunFolder], Removal], verb: str) -> None:
        folders = [folder for folder in map(self._open, self.meant) if folder is not None]
        if not folders:
            return
        self.busy("counting")
        try:
            plans, freed = await asyncio.to_thread(_planned, folders, planned)
        except LabError as error:
            self.complain(error)
            return
        finally:
            self.busy("")
        if not plans:
            self.say("There is nothing to prune: one checkpoint each is all they hold")
            return
        listed = [f"{plan.folder.id}: {plan.words}" for plan in plans[:8]]
        if len(plans) > 8:
            listed.append(f"and {len(plans) - 8} more")
        runs = "run" if len(plans) == 1 else f"{len(plans)} runs"
        body = "\n".join([*(clean(line, 84) for line in listed), "", f"{megabytes(freed)} go, for good."])
        # Enter takes the first: a second key that came by habit keeps everything.
        choices = [("n", "keep it all", "no"), ("y", f"{verb.lower()}: this cannot be undone", "yes")]
        if await self.app.push_screen_wait(Ask(f"{verb} {runs}?", body, choices)) != "yes":
            return
        by_run = {plan.folder.id: plan for plan in plans}

        def carry_out(folder: RunFolder) -> str:
            remove(by_run[folder.id])
            return f"{folder.id}: {by_run[folder.id].words} removed"

        await self.each(list(by_run), carry_out, "removing")

    @work(exclusive=True, group="deed")
    async def action_export(self) -> None:
        folders = [folder for folder in map(self._open, self.meant) if folder is not None]
        if not folders:
            return
        many = len(folders) > 1
        words = "A folder for all of them; each gets one of its own in it." if many else "The folder to write."
        ask = AskText("Export for diffusers", words, "exports" if many else f"{folders[0].id}-pipeline", _free_folder)
        target: Path | None = await self.app.push_screen_wait(ask)
        if target is None:
            return
        try:
            for done, folder in enumerate(folders, start=1):
                self.busy(f"exporting {folder.id} ({done} of {len(folders)}); esc stops here")
                folder.find_checkpoint()
                written = await self._workbench.export(str(folder.path), target / folder.id if many else target)
                self.say(f"{folder.id} is exported to {written['folder']}")
        except LabError as error:
            self.complain(error)
        finally:
            self.busy("")


def _fork(parent: RunFolder, step: int, changes: dict[str, Any]) -> RunFolder:
    child = fork_run(parent, step, changes)
    start(child)
    return child


def _go_on(folder: RunFolder) -> str:
    status: Status = status_of(folder)
    if status.alive and status.name != "paused":
        raise RunError(f"{folder.id} is {status.name} already")
    if status.alive:
        submit(folder, "resume")
    else:
        start(folder)
    return f"{folder.id} goes on"


def _stop(folder: RunFolder) -> str:
    if not is_locked(folder):
        raise RunError(f"{folder.id} is not going")
    submit(folder, "stop")
    return f"{folder.id} stops: it writes a checkpoint and exports its pipeline"


def _planned(folders: Sequence[RunFolder], planned: Callable[[RunFolder], Removal]) -> tuple[list[Removal], int]:
    """What would go, and how many bytes that frees. RunError where a run is alive."""
    for folder in folders:
        if is_locked(folder):
            raise RunError(f"{folder.id} is going: x stops it, and then it can be removed")
    plans = [plan for plan in map(planned, folders) if plan.paths]
    return plans, freed_by(plans)


def _free_folder(text: str) -> Path:
    path = Path(text.strip()).expanduser().absolute()
    if not text.strip():
        raise RunError("a folder's name, such as my-pipeline")
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise RunError(f"{path} is there already, and not an empty folder: name another")
    return path
