"""Pictures in the shell and in files: grids of uint8 images as PNG, GIF or half blocks."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tui_lab.errors import DiskFullError, LabError
from tui_lab.runs.files import is_disk_full

if TYPE_CHECKING:
    from PIL import Image

Bytes = NDArray[np.uint8]
CELL = 64
"""Pictures smaller than this are enlarged by a whole factor in files, so that a viewer shows pixels and not a blur."""


def grid(images: Bytes, columns: int | None = None) -> Bytes:
    """Images with shape (B, H, W, C) side by side, as (rows·H, columns·W, C), grey as RGB; nearly square if not told
    otherwise."""
    count, height, width, channels = images.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    cells = np.zeros((rows * columns, height, width, channels), np.uint8)
    cells[:count] = images
    tiled = cells.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    flat = tiled.reshape(rows * height, columns * width, channels)
    return np.ascontiguousarray(np.broadcast_to(flat, (*flat.shape[:2], max(3, channels))))


def save_png(path: Path, images: Bytes) -> None:
    """Write the grid of images (B, H, W, C)."""
    _save(path, [_enlarged(grid(images), images.shape[1])])


def save_gif(path: Path, steps: Sequence[Bytes]) -> None:
    """Write denoising steps, each (2, B, H, W, C): x_t on the left, the predicted x₀ on the right; the end stays."""
    frames = [np.concatenate([grid(panes[0]), grid(panes[1])], axis=1) for panes in steps]
    _save(path, [_enlarged(frame, steps[0].shape[2]) for frame in frames])


def can_print() -> bool:
    """Whether stdout is a terminal that shows colours: a picture in half blocks is nothing but colour."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"


def print_picture(pixels: Bytes) -> None:
    """Pixels (H, W, 3), or (H, W, 4) over white, as half blocks, made smaller where the terminal is narrower."""
    from PIL import Image
    from rich.console import Console
    from rich_pixels import Pixels

    console = Console()
    image = Image.fromarray(pixels)
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    if image.width > console.width:
        height = max(2, round(image.height * console.width / image.width))
        image = image.resize((console.width, height), Image.Resampling.BOX)
    console.print(Pixels.from_image(image))


def _enlarged(pixels: Bytes, side: int) -> Image.Image:
    from PIL import Image

    factor = max(1, CELL // side)
    return Image.fromarray(pixels.repeat(factor, axis=0).repeat(factor, axis=1))


def _save(path: Path, frames: Sequence[Image.Image]) -> None:
    try:
        if len(frames) == 1:
            frames[0].save(path)
        else:
            durations = [100] * (len(frames) - 1) + [2000]
            frames[0].save(path, save_all=True, append_images=list(frames[1:]), duration=durations, loop=0)
    except OSError as error:
        kind = DiskFullError if is_disk_full(error) else LabError
        raise kind(f"cannot write {path}: {error.strerror or error}") from error
