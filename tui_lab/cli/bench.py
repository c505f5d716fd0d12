"""`diffusion-lab bench`: started as a process, since what is measured imports torch, and a command must not."""

from __future__ import annotations

import subprocess
import sys
from typing import Annotated

import typer

from tui_lab.cli.arguments import JsonOption


def bench(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="[train|sample|ui|data|runs]", help="Which; all without it.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Measure this machine: training against diffusers' script, sampling, pictures and keys, data, what a run costs.

    Takes minutes, and wants the machine for itself. Progress is on stderr, the table on stdout; both are kept as JSON
    in the lab's home, in bench/. Options behind a name are that bench's own: NAME -- --help lists them.

    \b
    Example: diffusion-lab bench train
    """
    words = [*([name] if name else []), *context.args, *(["--json"] if json else [])]
    raise typer.Exit(subprocess.run([sys.executable, "-P", "-m", "tui_lab.bench", *words]).returncode)
