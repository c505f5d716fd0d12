"""The run folder: its layout, how one is made, named, found and listed."""

from __future__ import annotations

import difflib
import json
import random
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui_lab.errors import DiskFullError, RunError
from tui_lab.runs.files import FOLDER_MODE, is_disk_full, replace_file
from tui_lab.runs.home import runs_home

if TYPE_CHECKING:
    from tui_lab.recipe import Recipe

ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_COLOURS = """
amber azure coral crimson emerald golden indigo ivory jade lilac magenta maroon ochre olive pearl plum
rose ruby russet saffron sepia silver teal umber violet
"""
_BIRDS = """
avocet bunting crane curlew dipper egret falcon finch gannet grebe heron hoopoe ibis kestrel lapwing linnet
martin merlin oriole osprey petrel plover puffin raven robin siskin starling swift tern thrush wagtail wren
"""


@dataclass(frozen=True)
class RunFolder:
    """Paths inside one run; making the object touches no disk."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def recipe_path(self) -> Path:
        return self.path / "recipe.toml"

    @property
    def parent_path(self) -> Path:
        return self.path / "parent.json"

    @property
    def journal_dir(self) -> Path:
        return self.path / "journal"

    @property
    def lifecycle_path(self) -> Path:
        return self.path / "lifecycle.jsonl"

    @property
    def launch_path(self) -> Path:
        return self.path / "launch.json"

    @property
    def roster(self) -> Path:
        return self.path / "roster"

    @property
    def commands(self) -> Path:
        return self.path / "commands"

    @property
    def commands_new(self) -> Path:
        return self.commands / "new"

    @property
    def commands_done(self) -> Path:
        return self.commands / "done"

    @property
    def frame_path(self) -> Path:
        return self.path / "live" / "frame"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def previews(self) -> Path:
        return self.path / "previews"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    def rank_log(self, rank: int = 0) -> Path:
        return self.logs / f"rank-{rank}.log"

    @property
    def lock_path(self) -> Path:
        return self.path / "run.lock"

    @property
    def pipeline(self) -> Path:
        return self.path / "pipeline"

    def recipe(self) -> Recipe:
        """The recipe as it was asked for; changes made while it ran are in the journal."""
        from tui_lab.recipe import load_recipe

        return load_recipe(self.recipe_path)

    def parent(self) -> dict[str, Any] | None:
        """`{"run", "step"}` of the run this one was forked from, if it was."""
        try:
            parent = json.loads(self.parent_path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise RunError(f"{self.parent_path} is damaged: {error}") from error
        return parent if isinstance(parent, dict) else None

    def checkpoint_steps(self) -> list[int]:
        """Steps of the complete checkpoints, oldest first."""
        found = self.checkpoints.glob("step-*") if self.checkpoints.is_dir() else ()
        return sorted(int(path.name[5:]) for path in found if path.name[5:].isdigit() and path.is_dir())

    def checkpoint(self, step: int) -> Path:
        return self.checkpoints / f"step-{step:08d}"

    def find_checkpoint(self, step: int | None = None) -> int:
        """That step, or the newest, of the checkpoints there are. RunError where there is none."""
        steps = self.checkpoint_steps()
        if not steps:
            raise RunError(
                f"{self.id} has no checkpoint yet: while it runs, write one: diffusion-lab checkpoint {self.id}"
            )
        if step is None:
            return steps[-1]
        if step not in steps:
            raise RunError(f"{self.id} has no checkpoint at step {step}: there are {', '.join(map(str, steps))}")
        return step

    @classmethod
    def create(cls, recipe_text: str, name: str | None = None, parent: dict[str, Any] | None = None) -> RunFolder:
        """Make a run's folder. The recipe is written last: a folder without one is not a run."""
        chosen = new_name() if name is None else name
        if not ID.fullmatch(chosen):
            raise RunError(
                f"{chosen!r} cannot name a run: use a-z, 0-9, '.', '_' and '-', beginning with a letter or digit, "
                "64 at most"
            )
        folder = cls(runs_home() / chosen)
        try:
            folder.path.mkdir(mode=FOLDER_MODE)
            for part in (
                folder.journal_dir,
                folder.commands,
                folder.commands_new,
                folder.commands_done,
                folder.frame_path.parent,
                folder.checkpoints,
                folder.previews,
                folder.logs,
            ):
                part.mkdir(mode=FOLDER_MODE)
        except FileExistsError as error:
            raise RunError(
                f"a run named {chosen} is there already: choose another --name, or see it with: "
                f"diffusion-lab show {chosen}"
            ) from error
        except OSError as error:
            if is_disk_full(error):
                raise DiskFullError(f"no room left on the disk of {folder.path.parent}") from error
            raise RunError(f"cannot make {folder.path}: {error.strerror}") from error
        try:
            if parent is not None:
                replace_file(folder.parent_path, json.dumps(parent).encode())
            replace_file(folder.recipe_path, recipe_text.encode())
        except DiskFullError:
            shutil.rmtree(folder.path)  # or its name would stay taken by what is no run
            raise
        return folder

    @classmethod
    def open(cls, name_or_path: str | Path) -> RunFolder:
        """The run of that id, or at that path. RunError names the nearest ids where there is none."""
        asked = str(name_or_path)
        if ID.fullmatch(asked):
            folder = cls(runs_home() / asked)
            if folder.recipe_path.is_file():
                return folder
            raise RunError(f"no run named {asked}{_way_out(asked)}")
        path = Path(name_or_path)
        if ".." in path.parts:
            raise RunError(f"{asked!r} is not a run's name: it climbs out of the folder of runs{_way_out(path.name)}")
        if len(path.parts) > 1 and path.is_dir():
            folder = cls(path.absolute())
            if folder.recipe_path.is_file() and folder.journal_dir.is_dir():
                return folder
            raise RunError(f"{asked} is a folder, but not a run's{_way_out(path.name)}")
        raise RunError(f"no run named {asked!r}{_way_out(path.name)}")


def list_runs() -> list[RunFolder]:
    """Every run in the lab's home, newest first."""
    found = []
    for path in runs_home().iterdir():
        if path.name.startswith("."):  # on its way out, or not yet in
            continue
        folder = RunFolder(path)
        try:
            found.append((folder.recipe_path.stat().st_mtime_ns, folder.id, folder))
        except OSError:  # not a run, or one that is being made or removed
            continue
    return [folder for _, _, folder in sorted(found, key=lambda item: item[:2], reverse=True)]


def new_name() -> str:
    """A name that is easy to say and not in use: amber-heron."""
    dice = random.SystemRandom()  # the global generator belongs to whoever seeded it
    home = runs_home()
    colours, birds = _COLOURS.split(), _BIRDS.split()
    for attempt in range(1000):
        name = f"{dice.choice(colours)}-{dice.choice(birds)}"
        if attempt > 50:
            name = f"{name}-{dice.randrange(2, 10_000)}"
        if not (home / name).exists():
            return name
    raise RunError(f"no free name left in {home}; choose one with --name")


def _way_out(asked: str) -> str:
    ids = [folder.id for folder in list_runs()]
    if not ids:
        return "; there are no runs yet: diffusion-lab train RECIPE"
    near = difflib.get_close_matches(asked, ids, n=3, cutoff=0.5)
    guess = f"; did you mean {' or '.join(near)}?" if near else ";"
    return f"{guess} all of them: diffusion-lab runs"
