"""All commands, gathered from the modules that hold them."""

from __future__ import annotations

import importlib.metadata
from typing import Annotated

import typer

from tui_lab.cli import (
    bench,
    comparison,
    control,
    data,
    doctor,
    exporting,
    history,
    inspection,
    pictures,
    recipes,
    removal,
    training,
)
from tui_lab.cli.output import put

app = typer.Typer(
    name="diffusion-lab",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""A laboratory for diffusion models in the terminal.

    \b
    diffusion-lab                  open the lab; it finds the run that is going
    diffusion-lab RECIPE           open it on a recipe, by name or file
    diffusion-lab RUN              open it attached to a run

    The commands below do the same without a screen. Results are on stdout, words on stderr.

    \b
    Example: diffusion-lab train pixel-faces-16 --detach
    """,
)

app.command("train")(training.train)
app.command("runs")(inspection.runs)
app.command("show")(inspection.show)
app.command("log")(inspection.log)
app.command("pause")(control.pause)
app.command("resume")(training.resume)
app.command("stop")(control.stop)
app.command("checkpoint")(control.checkpoint)
app.command("set")(control.set_knobs)
app.command("fork")(training.fork)
app.command("undo")(history.undo)
app.command("replay")(history.replay)
app.command("diff")(comparison.diff)
app.command("delete")(removal.delete)
app.command("prune")(removal.prune)
app.command("sample")(pictures.sample)
app.command("export")(exporting.export)
app.command("schedule")(recipes.schedule)
app.command("recipes")(recipes.recipes)
app.add_typer(data.app, name="datasets")
app.command("doctor")(doctor.doctor)
app.command("bench", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(bench.bench)


def _version(wanted: bool) -> None:
    if wanted:
        put(f"diffusion-lab {importlib.metadata.version('diffusion-lab')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Options that stand before any command."""


def run_command(words: list[str]) -> int:
    app(args=words, prog_name="diffusion-lab")
    return 0
