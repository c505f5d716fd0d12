"""`diffusion-lab diff`: what tells runs apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tui_lab.cli.arguments import JsonOption
from tui_lab.cli.output import put, put_json, put_table, say
from tui_lab.errors import RunError

if TYPE_CHECKING:
    from tui_lab.runs.comparison import Differing


def diff(
    runs: Annotated[list[str], typer.Argument(metavar="RUN RUN...", help="Two runs, or more.")],
    json: JsonOption = False,
) -> None:
    """What tells runs apart: knobs of their recipes, and what was changed while they ran. What is alike is left out.

    \b
    Example: diffusion-lab diff amber-heron jade-wren
    """
    from tui_lab.runs.comparison import compare
    from tui_lab.runs.folder import RunFolder

    if len(set(runs)) < 2:
        raise RunError("diff compares two runs or more: diffusion-lab diff amber-heron jade-wren")
    found = compare([RunFolder.open(run) for run in dict.fromkeys(runs)])
    if json:
        put_json(found.as_json())
        return
    _put("recipe", found.runs, found.knobs)
    if found.knobs and found.interventions:
        put()
    _put("at step", found.runs, found.interventions)
    if not found.knobs and not found.interventions:
        say("their recipes are alike, and so is what was done to them")
    elif found.alike:
        say(f"{found.alike} more changes are alike")


def _put(heading: str, runs: tuple[str, ...], lines: tuple[Differing, ...]) -> None:
    if lines:
        put_table((heading, *runs), [(line.name, *line.cells) for line in lines])
