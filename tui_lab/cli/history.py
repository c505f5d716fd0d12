"""Going back in a run, and doing one over: undo, replay."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tui_lab.cli.arguments import DetachOption, JsonOption, NameOption, RunArgument
from tui_lab.cli.output import say


def undo(
    run: RunArgument,
    to: Annotated[
        int | None, typer.Option("--to", metavar="STEP", help="Take back all from this step on, not one change alone.")
    ] = None,
    detach: DetachOption = False,
    json: JsonOption = False,
) -> None:
    """Take a run's last change back: it trains again from its last checkpoint before that, without the change.

    A run that is going goes back as it goes; one that is not is started again, and waited for unless --detach.

    \b
    Example: diffusion-lab undo amber-heron
    """
    from tui_lab.cli.control import send
    from tui_lab.cli.training import go
    from tui_lab.runs.folder import RunFolder
    from tui_lab.runs.status import status_of
    from tui_lab.runs.undo_at_rest import undo_at_rest

    folder = RunFolder.open(run)
    if status_of(folder).alive:
        send(folder, "undo", {} if to is None else {"to": to}, json)
        return
    say(undo_at_rest(folder, to))
    go(folder, detach, json, again=True)


def replay(run: RunArgument, name: NameOption = None, detach: DetachOption = False, json: JsonOption = False) -> None:
    """Train a run once more, recipe and live changes and all, as a new run, and compare the weights in the end.

    Exit 0: they are equal, bit by bit; 1: they are not, or the replay failed.

    \b
    Example: diffusion-lab replay amber-heron
    """
    from tui_lab.cli.training import check_name, go
    from tui_lab.runs.folder import RunFolder
    from tui_lab.runs.replaying import outcome_of, replay_run

    check_name(name)
    folder = replay_run(RunFolder.open(run), name)

    def compared() -> dict[str, Any]:
        outcome = outcome_of(folder) or {}
        return {"replays": run, "equal": outcome.get("equal"), "weights": outcome.get("weights")}

    go(folder, detach, json, more=compared)
    if detach:
        return
    outcome = outcome_of(folder)
    if outcome is None:
        raise typer.Exit(1)
    weights, expected = outcome["weights"][:12], outcome["expected"][:12]
    if not outcome["equal"]:
        say(f"the weights of {folder.id} are NOT those of {run}: {weights}, not {expected}")
        raise typer.Exit(1)
    say(f"the weights of {folder.id} are those of {run}, bit by bit: {weights}")
