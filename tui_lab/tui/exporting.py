"""A denoising into files: which kinds there are, what they are called, and the writing. Meant for a thread."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tui_lab.errors import RunError
from tui_lab.pictures.files import check_path, save_grid, save_singles, save_steps, save_strip
from tui_lab.pictures.grid import grid
from tui_lab.pictures.sidecar import sidecar_of, write_sidecar
from tui_lab.recipe.denoising import Denoising
from tui_lab.workbench.cell import Cell

Pixels = NDArray[np.uint8]

STRIP = 8
"""Steps of a strip where nothing else is asked for."""


@dataclass(frozen=True, slots=True)
class Kind:
    """`suffix` of its path, "" of a folder or of none at all."""

    name: str
    words: str
    suffix: str


KINDS = (
    Kind("grid", "PNG: the pictures of this step as a grid", ".png"),
    Kind("singles", "PNGs: each picture of this step, pixel for pixel, in a folder", ""),
    Kind("gif", "GIF: all steps, what is on the screen side by side", ".gif"),
    Kind("webp", "WebP: the same, without GIF's loss of colours", ".webp"),
    Kind("strip", "Strip for a paper: evenly spaced steps as columns, PNG", ".png"),
    Kind("print", "Print the grid into the shell's scrollback when I leave", ""),
)


@dataclass(frozen=True, slots=True, eq=False)
class Meant:
    """What of a cell: the kept step at `place`, the panes that are on the screen, all pictures or `one`."""

    cell: Cell
    place: int
    panes: tuple[str, ...]
    one: int | None

    @property
    def pictures(self) -> Pixels:
        """(B, H, W, C) of the first pane."""
        return self._part(self.cell.pane(self.panes[0], self.place))

    def steps(self, panes: tuple[str, ...]) -> list[Pixels]:
        """(P, B, H, W, C) of each kept step."""
        return [
            np.stack([self._part(self.cell.pane(name, place)) for name in panes])
            for place in range(len(self.cell.levels))
        ]

    def _part(self, pictures: Pixels) -> Pixels:
        return pictures if self.one is None else pictures[self.one : self.one + 1]

    @property
    def asked(self) -> Denoising:
        return self.cell.resolved or self.cell.asked


def suggested(meant: Meant, kind: Kind) -> str:
    """A name that tells it from others: "heron-750-seed0-step12.png"."""
    asked = meant.asked
    source = re.sub(r"[^\w.-]+", "-", Path(asked.source).name)
    parts = [source]
    if asked.checkpoint is not None:
        parts.append(str(asked.checkpoint))
    parts.append(f"seed{asked.knobs.get('seed', 0)}")
    if kind.name in ("grid", "singles"):
        parts.append(f"step{meant.cell.levels[meant.place].index + 1}")
    if meant.one is not None:
        parts.append(f"picture{meant.one + 1}")
    if kind.name == "strip":
        parts.append("strip")
    return "-".join(parts) + kind.suffix


def write(meant: Meant, kind: Kind, path: Path, count: int = STRIP) -> list[Path]:
    """Write it, and beside it the JSON with which it can be made again, where that can be; the paths, what was meant
    first. Raises LabError."""
    if kind.suffix:
        check_path(path, (kind.suffix,))
    elif path.exists() and not path.is_dir():
        raise RunError(f"{path} is a file: name a folder")
    match kind.name:
        case "grid":
            save_grid(path, meant.pictures)
        case "singles":
            save_singles(path, meant.pictures)
        case "strip":
            save_strip(path, [step[0] for step in meant.steps(meant.panes[:1])], count)
        case _:
            save_steps(path, meant.steps(meant.panes))
    return [path, *_sidecar(meant, path)]


def _sidecar(meant: Meant, path: Path) -> list[Path]:
    """None of weights that no checkpoint holds, or of a denoising that was not drawn to its end."""
    cell = meant.cell
    if cell.resolved is None or cell.origin is None or not cell.done:
        return []
    finished = cell.pane("x_t", len(cell.levels) - 1)
    return [write_sidecar(path, sidecar_of(cell.resolved.changed(place=meant.one), cell.origin, finished))]


def printed(meant: Meant) -> Pixels:
    """(H, W, 3) for the shell."""
    return grid(meant.pictures)
