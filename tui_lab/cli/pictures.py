"""The command that draws pictures: sample."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from tui_lab.cli import sample_options as option
from tui_lab.cli.arguments import JsonOption
from tui_lab.cli.output import put, put_json, say
from tui_lab.cli.wishes import Wishes
from tui_lab.errors import LabError, RecipeError, RunError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from tui_lab.pictures.sidecar import Sidecar
    from tui_lab.recipe.denoising import Denoising
    from tui_lab.workbench.client import DenoisedStep

THREADS = "OMP_NUM_THREADS"


def sample(
    source: option.Source = None,
    scheduler: option.Scheduler = None,
    num_inference_steps: option.Steps = None,
    eta: option.Eta = None,
    seed: option.Seed = None,
    num_images: option.Images = None,
    timestep_spacing: option.Spacing = None,
    sigma_schedule: option.Sigmas = None,
    class_label: option.ClassLabels = None,
    negative_class: option.NegativeClass = None,
    guidance_scale: option.Guidance = None,
    guidance_schedule: option.GuidanceSchedule = None,
    guidance_from: option.GuidanceFrom = None,
    guidance_until: option.GuidanceUntil = None,
    image: option.Image = None,
    strength: option.Strength = None,
    invert: option.Invert = False,
    mask: option.MaskFile = None,
    between_seeds: option.BetweenSeeds = None,
    between_classes: option.BetweenClasses = None,
    variation: option.Variation = None,
    amount: option.Amount = None,
    pull: option.PullTo = None,
    pull_scale: option.PullScale = None,
    loss: option.Loss = None,
    prompt: option.Prompt = None,
    negative_prompt: option.NegativePrompt = None,
    checkpoint: option.Checkpoint = None,
    device: option.DeviceName = None,
    output: option.Output = None,
    strip: option.Strip = None,
    singles: option.Singles = None,
    again: option.Again = None,
    json: JsonOption = False,
) -> None:
    """Draw pictures from a run or a pipeline: into files, each with a .json beside it that makes it again, and into the
    shell where that is a terminal.

    \b
    Examples: diffusion-lab sample amber-heron --num-inference-steps 20 --seed 1 -o steps.gif
              diffusion-lab sample amber-heron --class-label 3 --guidance-scale 2
              diffusion-lab sample amber-heron --image face.png --strength 0.5 --pull colour=#1ae680
              diffusion-lab sample amber-heron --num-images 4 --strip 8 -o figure.png
              diffusion-lab sample --again figure.png.json
    """
    wishes = Wishes(
        knobs={
            "scheduler": scheduler,
            "num_inference_steps": num_inference_steps,
            "eta": eta,
            "seed": seed,
            "num_images": num_images,
            "timestep_spacing": timestep_spacing,
            "sigma_schedule": sigma_schedule,
            "guidance_scale": guidance_scale,
            "guidance_schedule": guidance_schedule,
            "guidance_from": guidance_from,
            "guidance_until": guidance_until,
        },
        class_label=class_label,
        negative_class=negative_class,
        image=image,
        strength=strength,
        invert=invert,
        mask=mask,
        between_seeds=between_seeds,
        between_classes=between_classes,
        variation=variation,
        amount=amount,
        pull=pull,
        pull_scale=pull_scale,
        loss=loss,
        prompt=prompt,
        negative_prompt=negative_prompt,
    )
    _check_outputs(output, strip, singles)
    before: Sidecar | None = None
    if again is not None and (places := _sheet_of(again, source, checkpoint, wishes, (output, strip, singles))):
        _draw_sheet_again(places, device, json)
        return
    if again is not None:
        before = _sidecar_of(again, source, checkpoint, wishes)
        asked, device = before.denoising, _device_again(before, device)
    elif source is None:
        raise RunError("name a run or the folder of a pipeline, or a sidecar by --again; diffusion-lab runs lists runs")
    else:
        asked = _asked(source, checkpoint, wishes)
    steps = _denoised(asked, device or "auto", _wanted(output, strip))
    last = steps[-1]
    pictures = last.pane("x_t") if asked.place is None else last.pane("x_t")[[asked.place]]
    _say_how(last)
    if output is None and singles is None and before is None:
        output = Path(_default_name(last))
    paths = _save(steps, pictures, output, strip, singles)
    differences = None if before is None else _differences(before, last)
    if json:
        put_json({**_about(last, paths), **({} if before is None else {"same": not differences, "why": differences})})
    else:
        _show(pictures, paths)
    if differences is not None and not json:
        say("the same to the bit" if not differences else f"not the same: {'; '.join(differences)}")
    if differences:
        raise typer.Exit(1)


def _asked(source: str, checkpoint: int | None, wishes: Wishes) -> Denoising:
    """What can be told without torch is told before it is imported."""
    from tui_lab.data.drawable import drawable
    from tui_lab.runs.exports import is_export
    from tui_lab.runs.folder import RunFolder
    from tui_lab.runs.home import runs_home
    from tui_lab.runs.source_recipe import source_recipe

    folder = Path(source).expanduser().absolute()
    if is_export(folder):
        if checkpoint is not None:
            raise RunError("--checkpoint is for runs: the folder of a pipeline has but one")
        source = str(folder)
    else:
        run = RunFolder.open(source)
        run.find_checkpoint(checkpoint)
        source = run.id if run.path.parent == runs_home() else str(run.path)
    recipe = source_recipe(source)
    asked = wishes.denoising(source, checkpoint, recipe.dataset)
    drawable(asked, recipe)
    return asked


def _sidecar_of(path: Path, source: str | None, checkpoint: int | None, wishes: Wishes) -> Sidecar:
    """What is to be drawn again, and nothing else with it."""
    from tui_lab.pictures.sidecar import read_sidecar

    _refuse_wishes(source, checkpoint, wishes)
    return read_sidecar(path)


def _sheet_of(
    path: Path, source: str | None, checkpoint: int | None, wishes: Wishes, outputs: tuple[object, ...]
) -> dict[str, Sidecar]:
    """The places of a sheet, which go into no file; none of any other picture."""
    from tui_lab.pictures.sidecar import read_sheet

    places = read_sheet(path)
    if places:
        _refuse_wishes(source, checkpoint, wishes)
        if any(output is not None for output in outputs):
            raise RecipeError(
                "a sheet that is drawn again is only told from others: leave -o, --strip and --singles out"
            )
    return places


def _refuse_wishes(source: str | None, checkpoint: int | None, wishes: Wishes) -> None:
    given = [*(["--checkpoint"] if checkpoint is not None else []), *wishes.given]
    if source is not None or given:
        extra = given[0] if given else f"the name {source}"
        raise RecipeError(f"--again draws what the sidecar says: leave out {extra}, or draw something new without it")


def _device_again(before: Sidecar, device: str | None) -> str:
    """That of the sidecar, unless another is asked for; a CPU with as many threads."""
    device = device or before.origin.device
    if device == "cpu":
        os.environ.setdefault(THREADS, before.origin.versions.get("threads", "1"))
    return device


def _draw_sheet_again(places: dict[str, Sidecar], device: str | None, json: bool) -> None:
    """Say which places are not the same to the bit; exit code 1 where there are any."""
    from tui_lab.workbench.client import Workbench, run_sync

    device = _device_again(next(iter(places.values())), device)
    with _progress() as show:

        async def ask(workbench: Workbench) -> dict[str, list[str]]:
            found: dict[str, list[str]] = {}
            for title, before in places.items():
                show(len(found), len(places))
                async with contextlib.aclosing(workbench.denoise(before.denoising, ("x_t",), device)) as steps:
                    *_, last = [step async for step in steps]
                found[title] = _differences(before, last)
            return found

        differing = {title: why for title, why in run_sync(ask).items() if why}
    if json:
        put_json({"places": len(places), "same": not differing, "why": differing})
    else:
        for title, why in differing.items():
            say(f"{title}: not the same: {'; '.join(why)}")
        say(f"{len(places) - len(differing)} of {len(places)} places are the same to the bit")
    if differing:
        raise typer.Exit(1)


def _check_outputs(output: Path | None, strip: int | None, singles: Path | None) -> None:
    from tui_lab.pictures.files import MOVING, STILL, check_path

    if strip is not None and strip < 1:
        raise RecipeError(f"--strip {strip}: take at least one step")
    if strip is not None and output is None:
        raise RunError("--strip goes into a file: name a .png by -o")
    if output is not None:
        check_path(output, STILL if strip is not None else STILL + MOVING)
    if singles is not None and singles.exists() and not singles.is_dir():
        raise RunError(f"{singles} is a file: name a folder for the single pictures")


def _wanted(output: Path | None, strip: int | None) -> Callable[[int, int], bool]:
    """(index, count) → whether that step is shown in the end. The last one always is."""
    from tui_lab.pictures.files import MOVING
    from tui_lab.pictures.grid import evenly

    if strip is not None:
        return lambda index, count: index in evenly(count, strip)
    moving = output is not None and output.suffix in MOVING
    return lambda index, count: moving


def _denoised(asked: Denoising, device: str, wanted: Callable[[int, int], bool]) -> list[DenoisedStep]:
    """The denoising steps that are wanted, and the last."""
    from tui_lab.workbench.client import Workbench, run_sync

    with _progress() as show:

        async def ask(workbench: Workbench) -> list[DenoisedStep]:
            kept: list[DenoisedStep] = []
            async with contextlib.aclosing(workbench.denoise(asked, ("x_t", "x0"), device)) as steps:
                async for step in steps:
                    if step.final or wanted(step.index, step.count):
                        kept.append(step)
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


def _say_how(last: DenoisedStep) -> None:
    from tui_lab.pictures.closeness import error_words

    if last.word:
        say(last.word)
    if last.at_once < last.pixels.shape[1]:
        say(f"the device's memory was full: drawn {last.at_once} pictures at a time")
    if last.rmse is not None:
        say(f"drawn again from the noise under it, the picture is off by {error_words(last.rmse)}")


def _save(
    steps: list[DenoisedStep],
    pictures: NDArray[np.uint8],
    output: Path | None,
    strip: int | None,
    singles: Path | None,
) -> list[Path]:
    """Write what was asked for, a sidecar beside each; the files, or for single pictures their folder."""
    from tui_lab.pictures.files import MOVING, save_grid, save_singles, save_steps, save_strip
    from tui_lab.pictures.sidecar import sidecar_of, write_sidecar

    last = steps[-1]
    chosen = slice(None) if last.denoising.place is None else [last.denoising.place]
    if output is not None and strip is not None:
        save_strip(output, [step.pane("x_t")[chosen] for step in steps], strip)
    elif output is not None and output.suffix in MOVING:
        save_steps(output, [step.pixels[:, chosen] for step in steps])
    elif output is not None:
        save_grid(output, pictures)
    if singles is not None:
        save_singles(singles, pictures)
    paths = [path for path in (output, singles) if path is not None]
    for path in paths:
        write_sidecar(path, sidecar_of(last.denoising, last.origin, last.pane("x_t")))
    return paths


def _differences(before: Sidecar, last: DenoisedStep) -> list[str]:
    """Why the pictures are not those of the sidecar; nothing where they are."""
    from tui_lab.pictures.sidecar import is_same

    if is_same(before, last.pane("x_t")):
        return []
    return last.origin.differences(before.origin) or ["other pixels from the same weights, versions and device"]


def _about(last: DenoisedStep, paths: list[Path]) -> dict[str, Any]:
    from tui_lab.pictures.sidecar import sidecar_path

    knobs = last.denoising.knobs
    written = [str(path.absolute()) for path in paths]
    return {
        "source": last.denoising.source,
        "path": written[0] if written else None,
        "paths": written,
        "sidecars": [str(sidecar_path(path.absolute())) for path in paths],
        "seed": knobs["seed"],
        "scheduler": knobs["scheduler"],
        "weights": last.origin.weights,
        "step": last.denoising.checkpoint,
        "class_labels": last.origin.class_labels,
        "num_inference_steps": knobs["num_inference_steps"],
        "num_images": last.pixels.shape[1],
        "rmse": last.rmse,
        "device": last.origin.device,
    }


def _show(pictures: NDArray[np.uint8], paths: list[Path]) -> None:
    from tui_lab.cli.stills import can_print, print_picture
    from tui_lab.pictures.grid import grid

    if can_print():
        print_picture(grid(pictures))
    for path in paths:
        put(str(path))


def _default_name(last: DenoisedStep) -> str:
    asked = last.denoising
    step = f"-step{asked.checkpoint}" if asked.checkpoint is not None else ""
    return f"{Path(asked.source).name or 'sample'}{step}-seed{asked.knobs['seed']}.png"
