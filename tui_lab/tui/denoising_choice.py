"""What can be denoised with: a run's checkpoints, or a pipeline's folder; and which checkpoint stands next to which."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from pathlib import Path

from tui_lab.data import Progress
from tui_lab.errors import LabError
from tui_lab.recipe.denoising import Denoising
from tui_lab.runs.exports import INDEX, holds_components, is_export
from tui_lab.runs.folder import RunFolder
from tui_lab.sanitize import clean


def asked_of(source: str) -> Denoising:
    """A denoising as the source would draw it by itself, from a run's newest checkpoint. Raises LabError: no such run,
    or one without a checkpoint."""
    if is_export(Path(source).expanduser()):
        return Denoising(source=str(Path(source).expanduser().absolute()))
    folder = RunFolder.open(source)
    return Denoising(source=named(folder), checkpoint=folder.find_checkpoint())


def named(folder: RunFolder) -> str:
    """A run by its id where that finds it: the same run is named alike wherever its pictures are asked for."""
    try:
        return folder.id if RunFolder.open(folder.id).path == folder.path else str(folder.path)
    except LabError:
        return str(folder.path)


def checkpoints_of(source: str) -> tuple[int, ...]:
    """The steps of the checkpoints that are there now, rising; none of a pipeline, or of a run that is gone."""
    if is_export(Path(source).expanduser()):
        return ()
    try:
        return tuple(RunFolder.open(source).checkpoint_steps())
    except (LabError, OSError):
        return ()


def beside(steps: Sequence[int], step: int, by: int) -> int | None:
    """The next of rising `steps` after `step` (`by` 1) or before it (-1), whether or not that is there any more."""
    at = bisect_right(steps, step) if by > 0 else bisect_left(steps, step) - 1
    return steps[at] if 0 <= at < len(steps) else None


def pipeline_words(folder: Path, progress: Progress | None = None) -> str:
    """What a folder is to whoever looks for a pipeline: "DDPMPipeline of diffusers 0.35"."""
    if holds_components(folder):
        return "an export of this lab's"
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return f"no pipeline: there is no {INDEX} in it"
    except (OSError, ValueError) as error:
        return clean(f"no pipeline: its {INDEX} cannot be read: {error}", 120)
    if not isinstance(index, dict):
        return f"no pipeline: its {INDEX} holds no JSON object"
    return clean(
        f"{index.get('_class_name', 'a pipeline')} of diffusers {index.get('_diffusers_version', '')}".strip(), 80
    )
