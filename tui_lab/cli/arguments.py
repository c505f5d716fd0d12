"""Arguments and options that several commands share."""

from __future__ import annotations

from typing import Annotated, Any

import typer

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run's name, as diffusion-lab runs lists it.")]
RecipeArgument = Annotated[str, typer.Argument(metavar="RECIPE", help="A recipe's name, or a .toml file.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="K=V", help="Change a knob, as optimizer.learning_rate=3e-4; again for more."),
]
NameOption = Annotated[str | None, typer.Option("--name", metavar="NAME", help="What to call the run.")]
ProcessesOption = Annotated[
    int | None,
    typer.Option(
        "--processes", metavar="N", min=1, help="How many train it together, sharing out each batch; kept for resume."
    ),
]
LaunchArgsOption = Annotated[
    str | None,
    typer.Option(
        "--launch-args",
        metavar="TEXT",
        help="Options for accelerate launch (CPUs: torchrun), as '--main_process_port 29501'.",
    ),
]
DetachOption = Annotated[bool, typer.Option("--detach", "-d", help="Return at once; the run goes on.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, and nothing else there.")]


def assignments(texts: list[str] | None) -> dict[str, Any]:
    """{key: value} of the K=V given. Raises RecipeError."""
    from tui_lab.recipe import parse_assignment

    return dict(parse_assignment(text) for text in texts or ())
