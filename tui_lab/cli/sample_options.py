"""The options of `sample`, in the order of its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def _option(help: str, metavar: str) -> typer.models.OptionInfo:
    return typer.Option(help=help, metavar=metavar)


Source = Annotated[
    str | None, typer.Argument(metavar="RUN|PIPELINE", help="A run, or the folder of an export or of a pipeline.")
]
Checkpoint = Annotated[
    int | None, typer.Option("--checkpoint", metavar="STEP", help="The run's checkpoint; the newest if not said.")
]

Scheduler = Annotated[str | None, _option("As DDIMScheduler; the run's own if not said.", "S")]
Steps = Annotated[int | None, _option("Denoising steps.", "N")]
Eta = Annotated[float | None, _option("Noise added again at each step, for DDIM.", "E")]
Seed = Annotated[int | None, _option("The same seed, the same pictures.", "N")]
Images = Annotated[int | None, _option("How many pictures.", "N")]
Spacing = Annotated[str | None, _option("auto, leading, trailing or linspace: which timesteps are visited.", "S")]
Sigmas = Annotated[str | None, _option("auto, karras, exponential or beta: how a solver spaces its levels.", "S")]

ClassLabels = Annotated[
    list[str] | None,
    _option("A class to draw, by number or name; said again, they take turns. Not said: all of them.", "L"),
]
NegativeClass = Annotated[str | None, _option("A class to keep away from, in the place of none.", "L")]
Guidance = Annotated[float | None, _option("How strongly to heed the class; 1 is the plain model.", "G")]
GuidanceSchedule = Annotated[str | None, _option("How guidance changes on the way: constant, linear or cosine.", "S")]
GuidanceFrom = Annotated[float | None, _option("Guide only above this share of the noise's time, 0 to 1.", "T")]
GuidanceUntil = Annotated[float | None, _option("Guide only below this share of the noise's time, 0 to 1.", "T")]
Prompt = Annotated[str | None, _option("What to draw, of a text-to-image pipeline.", "TEXT")]
NegativePrompt = Annotated[str | None, _option("What to keep away from.", "TEXT")]

Image = Annotated[str | None, _option("Begin with a picture: a file, or data:17 of the dataset.", "FILE|data:N")]
Strength = Annotated[float | None, _option("How far it is noised: 0 leaves it as it is, 1 is noise.", "S")]
Invert = Annotated[bool, typer.Option("--invert", help="Begin at the noise under the picture (DDIM inversion).")]
MaskFile = Annotated[
    Path | None, _option("Keep a part of the picture: a PNG of its size; what is light is drawn anew.", "FILE")
]

BetweenSeeds = Annotated[int | None, _option("A row of pictures from the seed to this one.", "SEED")]
BetweenClasses = Annotated[str | None, _option("A row of pictures from the class to this one.", "L")]
Variation = Annotated[str | None, _option("Neighbours of one sample, as 7:3 for place 3 of seed 7.", "SEED:PLACE")]
Amount = Annotated[float | None, _option("How far they are from it: 0 is the sample itself, 1 another one.", "A")]

PullTo = Annotated[
    str | None,
    _option("Pull towards colour=#1ae680, brightness=0.8, symmetry, likeness=FILE or likeness=data:17.", "W"),
]
PullScale = Annotated[float | None, _option("How strongly; 40 is plain to see.", "S")]
Loss = Annotated[Path | None, _option("Pull by your own loss(x0), in a Python file, which is run.", "FILE")]

DeviceName = Annotated[str | None, _option("auto, cpu, cuda, cuda:1 or mps.", "D")]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="A .png of the end; a .gif or .webp of all steps."),
]
Strip = Annotated[int | None, _option("Into the .png: so many evenly spaced steps in a row, for a paper.", "N")]
Singles = Annotated[Path | None, _option("Each picture as a PNG of its own in this folder.", "DIR")]
Again = Annotated[
    Path | None, _option("Draw what a picture's sidecar says, and tell whether it is the same to the bit.", "FILE.json")
]
