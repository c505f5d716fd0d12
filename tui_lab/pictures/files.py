"""Pictures into files: PNG, GIF, animated WebP; each appears whole or not at all."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tui_lab.errors import DiskFullError, LabError, RunError
from tui_lab.pictures.grid import grid, side_by_side, strip
from tui_lab.runs.files import is_disk_full

if TYPE_CHECKING:
    from PIL import Image

Bytes = NDArray[np.uint8]

STILL, MOVING = (".png",), (".gif", ".webp")
CELL = 64
"""Pictures smaller than this are enlarged by a whole factor in files, so that a viewer shows pixels and not a blur."""
STEP_MILLISECONDS, END_MILLISECONDS = 100, 2000


def check_path(path: Path, kinds: Sequence[str]) -> None:
    """Before the minutes of denoising, not after. Raises RunError."""
    if path.suffix not in kinds:
        raise RunError(f"{path} has to end in {' or '.join(kinds)}")
    if not path.absolute().parent.is_dir():
        raise RunError(f"there is no folder {path.parent}: make it, or name another")
    if path.is_dir():
        raise RunError(f"{path} is a folder: name a file")


def save_grid(path: Path, images: Bytes) -> None:
    """The grid of images (B, H, W, C), as PNG."""
    _save_png(path, grid(images), images.shape[1])


def save_strip(path: Path, steps: Sequence[Bytes], count: int) -> None:
    """For a paper: `count` evenly spaced steps, each (B, H, W, C), as columns, a row for each picture, as PNG."""
    _save_png(path, strip(steps, count), steps[0].shape[1])


def save_single(path: Path, image: Bytes) -> None:
    """One picture (H, W, C) as PNG, pixel for pixel: neither enlarged nor made RGB."""
    write(path, encoded(_image(image[..., 0] if image.shape[-1] == 1 else image), "PNG"))


def save_singles(folder: Path, images: Iterable[Bytes]) -> list[Path]:
    """Each picture (H, W, C) as `folder/000.png` and so on; the folder is made where it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _failed(folder, error) from error
    paths = []
    for place, image in enumerate(images):
        paths.append(folder / f"{place:03d}.png")
        save_single(paths[-1], image)
    return paths


def save_steps(path: Path, steps: Iterable[Bytes]) -> None:
    """A denoising as GIF or lossless WebP, by the path's suffix: a frame for each step (P, B, H, W, C), its panes side
    by side; the end stays."""
    frames = [_enlarged(side_by_side(panes), panes.shape[2]) for panes in steps]
    durations = [STEP_MILLISECONDS] * (len(frames) - 1) + [END_MILLISECONDS]
    options = {"save_all": True, "append_images": frames[1:], "duration": durations, "loop": 0}
    if path.suffix == ".webp":
        write(path, encoded(frames[0], "WEBP", lossless=True, **options))
    else:
        write(path, encoded(frames[0], "GIF", **options))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """As a file of that kind holds it, in Pillow's name for it."""
    into = io.BytesIO()
    image.save(into, kind, **options)
    return into.getvalue()


def write(path: Path, content: bytes) -> None:
    """Beside its place first, then renamed, with the mode that files of this user have. Raises LabError."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        aside.write_bytes(content)
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise _failed(path, error) from error


def _save_png(path: Path, pixels: Bytes, side: int) -> None:
    write(path, encoded(_enlarged(pixels, side), "PNG"))


def _image(pixels: Bytes) -> Image.Image:
    from PIL import Image

    return Image.fromarray(np.ascontiguousarray(pixels))


def _enlarged(pixels: Bytes, side: int) -> Image.Image:
    """`side` is that of one of the pictures in it."""
    factor = max(1, CELL // side)
    return _image(pixels.repeat(factor, axis=0).repeat(factor, axis=1))


def _failed(path: Path, error: OSError) -> LabError:
    kind = DiskFullError if is_disk_full(error) else LabError
    return kind(f"cannot write {path}: {error.strerror or error}")
