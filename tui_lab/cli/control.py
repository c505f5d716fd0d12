"""Commands to a run that is going: pause, stop, checkpoint, set."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tui_lab.cli.arguments import JsonOption, RunArgument, assignments
from tui_lab.cli.output import put, put_json
from tui_lab.errors import LabError, RunError

if TYPE_CHECKING:
    from tui_lab.runs.folder import RunFolder
    from tui_lab.runs.spool import Answer

PATIENCE_SECONDS = 10.0
STOP_PATIENCE_SECONDS = 120.0
"""A stop is answered when the checkpoint and the pipeline are written."""


def pause(run: RunArgument, json: JsonOption = False) -> None:
    """Let a run wait, its processes and memory kept, until diffusion-lab resume.

    \b
    Example: diffusion-lab pause amber-heron
    """
    send(_open(run), "pause", {}, json)


def stop(run: RunArgument, json: JsonOption = False) -> None:
    """End a run with a checkpoint to go on from, and a pipeline that diffusers loads.

    \b
    Example: diffusion-lab stop amber-heron
    """
    send(_open(run), "stop", {}, json)


def checkpoint(run: RunArgument, json: JsonOption = False) -> None:
    """Write a checkpoint now.

    \b
    Example: diffusion-lab checkpoint amber-heron
    """
    send(_open(run), "checkpoint", {}, json)


def set_knobs(
    run: RunArgument,
    changes: Annotated[list[str], typer.Argument(metavar="K=V...", help="Knobs that may change while a run goes.")],
    json: JsonOption = False,
) -> None:
    """Change knobs of a run that is going, from its next step on. Which ones are live: diffusion-lab recipes --knobs.

    \b
    Example: diffusion-lab set amber-heron optimizer.learning_rate=3e-4 ema.decay=0.999
    """
    send(_open(run), "set", {"changes": assignments(changes)}, json)


def send(folder: RunFolder, kind: str, data: dict[str, Any], as_json: bool) -> None:
    """Submit a command, wait for its answer and print that. RunError where nobody is there to hear it."""
    from dataclasses import asdict

    from tui_lab.runs.spool import submit
    from tui_lab.runs.status import status_of

    status = status_of(folder)
    if not status.alive:
        way_out = "" if status.name == "finished" else f": go on with it by: diffusion-lab resume {folder.id}"
        raise RunError(f"{folder.id} is not going ({status.name} at step {status.step}){way_out}")
    patience = STOP_PATIENCE_SECONDS if kind == "stop" else PATIENCE_SECONDS
    answer = _answer(folder, submit(folder, kind, data), patience)
    if as_json:
        put_json({"run": folder.id, **asdict(answer)})
    elif answer.ok:
        put(answer.message)
    if not answer.ok:
        raise RunError(f"{folder.id} refused: {answer.message}")


def _answer(folder: RunFolder, identity: str, patience: float) -> Answer:
    from tui_lab.runs.spool import read_answer

    deadline = time.monotonic() + patience
    while (answer := read_answer(folder, identity)) is None:
        if time.monotonic() > deadline:
            raise LabError(
                f"{folder.id} has not answered within {patience:.0f} s; it will when it comes to it, "
                f"and says so in: diffusion-lab log {folder.id} --json"
            )
        time.sleep(0.02)
    return answer


def _open(run: str) -> RunFolder:
    from tui_lab.runs.folder import RunFolder

    return RunFolder.open(run)
