"""Commands that take away: delete, prune. They ask first, and without a terminal they need --yes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from tui_lab.cli.arguments import JsonOption
from tui_lab.cli.output import put, put_json, say, size
from tui_lab.errors import RunError
from tui_lab.sanitize import clean

if TYPE_CHECKING:
    from tui_lab.runs.folder import RunFolder
    from tui_lab.runs.removal import Removal

RunsArgument = Annotated[list[str], typer.Argument(metavar="RUN...", help="Runs, as diffusion-lab runs lists them.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def delete(runs: RunsArgument, yes: YesOption = False, json: JsonOption = False) -> None:
    """Remove runs with all that they hold. One that is going is refused: stop it first. Forks keep what they need.

    \b
    Example: diffusion-lab delete amber-heron jade-wren
    """
    from tui_lab.runs.removal import whole_run

    _carry_out([whole_run(folder) for folder in _folders(runs)], "Delete", yes, json)


def prune(
    runs: RunsArgument,
    keep: Annotated[int, typer.Option(metavar="N", min=1, help="So many of the newest checkpoints stay.")] = 1,
    previews: Annotated[bool, typer.Option("--previews", help="Recorded denoisings too, but the newest.")] = False,
    yes: YesOption = False,
    json: JsonOption = False,
) -> None:
    """Remove what runs need no more: all checkpoints but the newest. A run that is going is refused.

    \b
    Example: diffusion-lab prune amber-heron --keep 2 --previews
    """
    from tui_lab.runs.removal import surplus

    asked = [surplus(folder, keep, previews) for folder in _folders(runs)]
    _carry_out([removal for removal in asked if removal.paths], "Remove", yes, json)


def _folders(runs: list[str]) -> list[RunFolder]:
    from tui_lab.runs.folder import RunFolder

    return [RunFolder.open(run) for run in dict.fromkeys(runs)]


def _carry_out(removals: list[Removal], verb: str, yes: bool, json: bool) -> None:
    """Ask, and then do it; the runs that are alive are refused before anything goes."""
    from tui_lab.runs.lock import is_locked
    from tui_lab.runs.removal import freed_by, remove

    for removal in removals:
        if is_locked(removal.folder):
            run = removal.folder.id
            raise RunError(f"{run} is going: stop it first: diffusion-lab stop {run}")
    freed = freed_by(removals)
    if not removals:
        say("there is nothing to remove")
    elif not yes:
        _ask(removals, verb, freed)
    for removal in removals:
        remove(removal)
    if json:
        put_json({"removed": {removal.folder.id: removal.words for removal in removals}, "freed_bytes": freed})
    elif removals:
        put(f"{size(freed)} freed")


def _ask(removals: list[Removal], verb: str, freed: int) -> None:
    """RunError without a terminal; SystemExit where the answer is no."""
    for removal in removals:
        say(f"{removal.folder.id}: {removal.words}")
    if not sys.stdin.isatty():
        raise RunError(f"nothing was removed: without a terminal to ask on, say --yes ({size(freed)} would go)")
    runs = f"{len(removals)} run{'' if len(removals) == 1 else 's'}"
    sys.stderr.write(clean(f"{verb} this of {runs}, {size(freed)}? [y/N] "))
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        say("nothing was removed")
        raise typer.Exit(1)
