"""Taking runs away, or what they need no more: by rename aside first, so that nothing half removed is ever listed."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tui_lab.errors import RunError
from tui_lab.runs.disk import disk_use
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.lock import hold_lock
from tui_lab.runs.previews import recorded
from tui_lab.runs.roster import living_ranks
from tui_lab.runs.weights import is_whole

ASIDE = ".removed-"
"""What a name begins with once the thing is out of the way; no reader of run folders takes such names for anything."""
LOCK_SECONDS = 0.3
"""How long a lock is waited for that may only be looked at."""


@dataclass(frozen=True)
class Removal:
    """What would go of one run, and in words: "all of it", "3 checkpoints, 12 previews". Nothing is touched yet."""

    folder: RunFolder
    paths: tuple[Path, ...]
    words: str


def whole_run(folder: RunFolder) -> Removal:
    """The run with all that it holds."""
    return Removal(folder, (folder.path,), "all of it")


def surplus(folder: RunFolder, keep: int = 1, previews: bool = False) -> Removal:
    """All checkpoints but the newest `keep` that are whole; with `previews` all recorded denoisings but the newest too.

    Raises RunError for a `keep` below 1: a run without a checkpoint cannot go on.
    """
    if keep < 1:
        raise RunError("prune keeps at least one checkpoint: to be rid of a run, delete it")
    checkpoints = [folder.checkpoint(step) for step in reversed(folder.checkpoint_steps())]
    kept = 0
    while checkpoints and kept < keep:
        kept += is_whole(checkpoints.pop(0))
    pictures = [one.path for one in recorded(folder.previews)[:-1]] if previews else []
    sidecars = [path.with_suffix(".json") for path in pictures if path.with_suffix(".json").exists()]
    words = ", ".join(
        f"{count} {name}{'' if count == 1 else 's'}"
        for count, name in ((len(checkpoints), "checkpoint"), (len(pictures), "preview"))
        if count
    )
    return Removal(folder, (*reversed(checkpoints), *pictures, *sidecars), words or "nothing")


def freed_by(removals: Sequence[Removal]) -> int:
    """Bytes that would be free if all these were carried out."""
    return disk_use(path for removal in removals for path in removal.paths).freed


def remove(removal: Removal, progress: Callable[[int, int], None] | None = None) -> None:
    """Carry it out. `progress(done, in all)` may raise to stop it: what is not yet renamed then stays.

    Raises RunError for a run that is alive, or whose folder cannot be changed.
    """
    folder = removal.folder
    with _held(folder):
        try:
            for done, path in enumerate(removal.paths):
                if progress is not None:
                    progress(done, len(removal.paths))
                aside = path.with_name(f"{ASIDE}{path.name}-{secrets.token_hex(4)}")
                path.rename(aside)
                _discard(aside)
        except OSError as error:
            raise RunError(f"{folder.id} cannot be removed from {folder.path.parent}: {error.strerror}") from error
    if removal.paths == (folder.path,):
        sweep(folder.path.parent)


def sweep(home: Path) -> None:
    """Finish what earlier removals in `home` were killed at."""
    for left in home.glob(f"{ASIDE}*"):
        _discard(left)


def _discard(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):  # two may sweep at once
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


@contextmanager
def _held(folder: RunFolder) -> Iterator[None]:
    """Nobody starts the run meanwhile. RunError where somebody has."""
    if folder.path.is_symlink():
        raise RunError(f"{folder.id} is a link to {folder.path.resolve()}: remove it there")
    try:
        held = hold_lock(folder, patience=LOCK_SECONDS)
    except OSError as error:
        raise RunError(f"{folder.id} cannot be removed: {folder.lock_path}: {error.strerror}") from error
    if held is None:
        raise RunError(f"{folder.id} is going: stop it first: diffusion-lab stop {folder.id}")
    try:
        if ranks := living_ranks(folder):
            raise RunError(f"{folder.id} has a process that has not left yet ({ranks[0].pid}): try again in a moment")
        yield
    finally:
        os.close(held)
