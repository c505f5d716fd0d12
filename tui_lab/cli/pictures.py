"""Commands that ask the workbench: sample, export."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tui_lab.cli.arguments import JsonOption, RunArgument
from tui_lab.cli.output import put, put_json, say
from tui_lab.errors import LabError, RunError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tui_lab.recipe.denoising import Denoising
    from tui_lab.workbench.client import DenoisedStep

CheckpointOption = Annotated[
    int | None, typer.Option("--checkpoint", metavar="STEP", help="The run's checkpoint; the newest if not said.")
]


def sample(
    source: Annotated[str, typer.Argument(metavar="RUN|PIPELINE", help="A run, or the folder of an export.")],
    scheduler: Annotated[
        str | None, typer.Option(metavar="S", help="As DDIMScheduler; the run's own if not said.")
    ] = None,
    num_inference_steps: Annotated[int | None, typer.Option(metavar="N", help="Denoising steps.")] = None,
    eta: Annotated[float | None, typer.Option(metavar="E", help="Noise added again at each step, for DDIM.")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="The same seed, the same pictures.")] = None,
    num_images: Annotated[int | None, typer.Option(metavar="N", help="How many pictures.")] = None,
    class_label: Annotated[
        list[str] | None,
        typer.Option(
            metavar="L", help="A class to draw, by number or name; said again, they take turns. Not said: all of them."
        ),
    ] = None,
    guidance_scale: Annotated[
        float | None, typer.Option(metavar="G", help="How strongly to heed the class; 1 is the plain model.")
    ] = None,
    timestep_spacing: Annotated[
        str | None, typer.Option(metavar="S", help="auto, leading, trailing or linspace: which timesteps are visited.")
    ] = None,
    sigma_schedule: Annotated[
        str | None, typer.Option(metavar="S", help="auto, karras, exponential or beta: how a solver spaces its levels.")
    ] = None,
    checkpoint: CheckpointOption = None,
    device: Annotated[str, typer.Option(metavar="D", help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="A .png for the end, a .gif for all steps.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Draw pictures from a run or a pipeline: into a file, and into the shell where that is a terminal.

    \b
    Examples: diffusion-lab sample amber-heron --num-inference-steps 20 --seed 1 -o steps.gif
              diffusion-lab sample amber-heron --class-label 3 --guidance-scale 2
    """
    from tui_lab.cli.stills import can_print, print_picture
    from tui_lab.pictures.files import save_grid, save_steps
    from tui_lab.pictures.grid import grid
    from tui_lab.recipe.denoising import Denoising

    _check_source(source, checkpoint)
    if output is not None:
        _check_output(output)
    knobs = {
        "scheduler": scheduler,
        "num_inference_steps": num_inference_steps,
        "eta": eta,
        "seed": seed,
        "num_images": num_images,
        "guidance_scale": guidance_scale,
        "timestep_spacing": timestep_spacing,
        "sigma_schedule": sigma_schedule,
    }
    asked = Denoising(
        source=source,
        checkpoint=checkpoint,
        knobs={name: value for name, value in knobs.items() if value is not None},
        class_labels=tuple(class_label or ()),
    )
    steps = _denoised(asked, device, keep_all=output is not None and output.suffix == ".gif")
    last = steps[-1]
    pictures = last.pane("x_t")
    if last.at_once < len(pictures):
        say(f"the device's memory was full: drawn {last.at_once} pictures at a time")
    path = output or Path(_default_name(source, last))
    if path.suffix == ".gif":
        save_steps(path, [step.pixels for step in steps])
    else:
        save_grid(path, pictures)
    drawn_with = last.denoising.knobs
    if json:
        put_json(
            {
                "source": source,
                "path": str(path.absolute()),
                "seed": drawn_with["seed"],
                "scheduler": drawn_with["scheduler"],
                "weights": last.origin.weights,
                "step": last.denoising.checkpoint,
                "class_labels": last.origin.class_labels,
                "num_inference_steps": last.count,
                "num_images": len(pictures),
            }
        )
        return
    if can_print():
        print_picture(grid(pictures, columns=None))
    put(str(path))


def export(
    run: RunArgument,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to; made if it is not there.")],
    checkpoint: CheckpointOption = None,
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


def _denoised(asked: Denoising, device: str, keep_all: bool) -> list[DenoisedStep]:
    """The denoising steps, or only the last."""
    from tui_lab.workbench.client import Workbench, run_sync

    with _progress() as show:

        async def ask(workbench: Workbench) -> list[DenoisedStep]:
            kept: list[DenoisedStep] = []
            async with contextlib.aclosing(workbench.denoise(asked, ("x_t", "x0"), device)) as steps:
                async for step in steps:
                    kept = [*kept, step] if keep_all else [step]
                    show(step.index + 1, step.count)
            return kept

        steps = run_sync(ask)
    if not steps:
        raise LabError(f"no picture came of {asked.source}")
    return steps


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    if not sys.stderr.isatty():
        yield lambda done, count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(bar_width=30), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("loading torch", total=None)
        yield lambda done, count: bar.update(task, description="denoising", completed=done, total=count)


def _check_source(source: str, checkpoint: int | None) -> None:
    """What can be told without torch is told before it is imported."""
    from tui_lab.runs.exports import is_export
    from tui_lab.runs.folder import RunFolder

    if not is_export(Path(source).expanduser()):
        RunFolder.open(source).find_checkpoint(checkpoint)


def _check_output(output: Path) -> None:
    """Before the minutes of denoising, not after."""
    if output.suffix not in (".png", ".gif"):
        raise RunError(f"{output} has to end in .png (the pictures) or .gif (all steps)")
    if not output.absolute().parent.is_dir():
        raise RunError(f"there is no folder {output.parent}: make it, or write elsewhere with -o")


def _default_name(source: str, last: DenoisedStep) -> str:
    step = f"-step{last.denoising.checkpoint}" if last.denoising.checkpoint is not None else ""
    return f"{Path(source).name or 'sample'}{step}-seed{last.denoising.knobs['seed']}.png"
