"""The command that writes a run's weights for diffusers: export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tui_lab.cli.arguments import JsonOption, RunArgument
from tui_lab.cli.output import put, put_json, say
from tui_lab.cli.sample_options import Checkpoint
from tui_lab.errors import RunError


def export(
    run: RunArgument,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to; made if it is not there.")],
    checkpoint: Checkpoint = None,
    json: JsonOption = False,
) -> None:
    """Write a run's weights for diffusers: a pipeline that DDPMPipeline.from_pretrained loads, or, where diffusers has
    none (classes, flow, EDM, transformers), its components and a README with a program that draws from them.

    \b
    Example: diffusion-lab export amber-heron ./my-pipeline
    """
    from tui_lab.runs.folder import RunFolder
    from tui_lab.workbench.client import run_sync

    found = RunFolder.open(run)
    found.find_checkpoint(checkpoint)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunError(f"{folder} is there already, and not an empty folder: name another")
    result = run_sync(lambda workbench: workbench.export(str(found.path), folder.absolute(), checkpoint))
    if json:
        names = ("step", "weights")
        put_json({"run": found.id, "path": result["folder"], **{name: result.get(name) for name in names}})
    else:
        put(result["folder"])
        if result["pipeline"]:
            say(f"load it with: diffusers.DDPMPipeline.from_pretrained({result['folder']!r})")
        else:
            say(f"{result['folder']}/README.md has a program that draws from it")
