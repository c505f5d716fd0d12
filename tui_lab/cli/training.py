"""Commands that start a run's processes: train, resume, fork."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tui_lab.cli import BAD_INPUT, COMMANDS
from tui_lab.cli.arguments import (
    DetachOption,
    JsonOption,
    LaunchArgsOption,
    NameOption,
    ProcessesOption,
    RecipeArgument,
    RunArgument,
    SetOption,
    assignments,
)
from tui_lab.cli.output import put_json, say
from tui_lab.errors import RunError

if TYPE_CHECKING:
    from tui_lab.runs.folder import RunFolder


def train(
    recipe: RecipeArgument,
    set_: SetOption = None,
    name: NameOption = None,
    device: Annotated[str | None, typer.Option(metavar="D", help="auto, cpu, cuda, cuda:1 or mps.")] = None,
    processes: ProcessesOption = None,
    launch_args: LaunchArgsOption = None,
    detach: DetachOption = False,
    json: JsonOption = False,
) -> None:
    """Train a recipe, and wait for its end. Exit 0: finished or stopped; 1: failed; 2: bad input.

    Ctrl-C once asks the run to stop with a checkpoint and a pipeline; a closed terminal does not disturb it.

    \b
    Example: diffusion-lab train pixel-faces-16 --set optimizer.learning_rate=3e-4 --name first
    """
    from tui_lab.catalog.recipes import find_recipe
    from tui_lab.recipe import parse_recipe, replaced
    from tui_lab.runs.creation import new_run
    from tui_lab.runs.launcher import Launch, asked_launch, check_batch, write_launch

    path = find_recipe(recipe)
    changes = assignments(set_)
    if device is not None:
        changes.update(assignments([f"training.device={device}"]))
    check_name(name)
    text = path.read_text(encoding="utf-8", errors="replace")
    launch = asked_launch(Launch(), processes, launch_args)
    check_batch(replaced(parse_recipe(text, str(path)), changes).training.train_batch_size, launch.processes)
    folder = new_run(text, changes, name, source=str(path))
    write_launch(folder, launch)
    go(folder, detach, json)


def resume(
    run: RunArgument,
    processes: ProcessesOption = None,
    launch_args: LaunchArgsOption = None,
    detach: DetachOption = False,
    json: JsonOption = False,
) -> None:
    """Let a paused run go on, or start one that stopped, failed or was lost from its newest checkpoint.

    Waits for the end as train does; a paused run is let go on, and not waited for.

    \b
    Example: diffusion-lab resume amber-heron --detach
    """
    from tui_lab.cli.control import send
    from tui_lab.runs.folder import RunFolder
    from tui_lab.runs.interventions import recipe_now
    from tui_lab.runs.launcher import Launch, asked_launch, check_batch, read_launch, write_launch
    from tui_lab.runs.status import status_of

    folder = RunFolder.open(run)
    status = status_of(folder)
    if status.name == "paused" and status.alive:
        send(folder, "resume", {}, json)
    elif status.alive:
        raise RunError(f"{folder.id} is {status.name} already: see it with: diffusion-lab {folder.id}")
    else:
        if processes is not None or launch_args is not None:
            before = Launch() if processes is not None and launch_args is not None else read_launch(folder)
            launch = asked_launch(before, processes, launch_args)
            check_batch(recipe_now(folder).training.train_batch_size, launch.processes)
            write_launch(folder, launch)
        go(folder, detach, json)


def fork(
    run: RunArgument,
    at: Annotated[
        int | None, typer.Option(metavar="STEP", help="The checkpoint to take; the newest if not said.")
    ] = None,
    set_: SetOption = None,
    name: NameOption = None,
    detach: DetachOption = False,
    json: JsonOption = False,
) -> None:
    """Begin a new run from a checkpoint of another, with some knobs changed; the other is not touched.

    \b
    Example: diffusion-lab fork amber-heron --at 500 --set optimizer.learning_rate=1e-4
    """
    from tui_lab.runs.creation import fork_run
    from tui_lab.runs.folder import RunFolder

    check_name(name)
    go(fork_run(RunFolder.open(run), at, assignments(set_), name), detach, json)


def check_name(name: str | None) -> None:
    if name in COMMANDS:
        raise RunError(f"{name} is a command, and cannot name a run: `diffusion-lab {name}` would never open it")


def go(
    folder: RunFolder,
    detach: bool,
    json: bool,
    again: bool = False,
    more: Callable[[], dict[str, Any]] | None = None,
) -> None:
    """Start it, with `again` also where it had finished; wait for its end unless told not to; say or print how it
    stands, with `more` in the JSON."""
    from tui_lab.cli.following import ending, follow
    from tui_lab.runs.journal import JournalReader
    from tui_lab.runs.launch import start
    from tui_lab.runs.logout import hazards
    from tui_lab.runs.status import status_of

    past = JournalReader(folder)
    for _ in past.read_events():
        pass
    start(folder, again=again)
    if detach:
        status = status_of(folder)
        for hazard in hazards()[:1]:
            say(f"{folder.id} may not outlive you: {hazard}")
        say(f"{folder.id} trains. See it with: diffusion-lab {folder.id}")
    else:
        say(f"{folder.id} trains. See it, from any terminal, with: diffusion-lab {folder.id}")
        status = follow(folder, past)
        say(ending(status))
    if json:
        put_json({**status.as_json(), **(more() if more else {})})
    if status.name in ("failed", "lost"):
        raise typer.Exit(BAD_INPUT if status.refused else 1)
