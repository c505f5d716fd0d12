"""Kept samples: `$DIFFUSION_LAB_HOME/gallery`, a PNG and a sidecar each, with which it can be made again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tui_lab.errors import LabError, RunError
from tui_lab.pictures.files import save_single
from tui_lab.pictures.sidecar import Sidecar, pixels_sha256, read_sidecar, sidecar_path, write_sidecar
from tui_lab.runs.files import private_folder
from tui_lab.runs.home import lab_home


@dataclass(frozen=True, slots=True)
class Kept:
    """A sample that was kept, at `path` pixel for pixel; `since` in seconds since 1970."""

    path: Path
    sidecar: Sidecar
    since: float

    @property
    def id(self) -> str:
        return self.path.stem

    def pixels(self) -> NDArray[np.uint8]:
        """uint8 (H, W, C), as it was drawn. Raises RunError where the file is gone or damaged."""
        from PIL import Image

        try:
            with Image.open(self.path) as image:
                read = np.asarray(image)
        except (OSError, SyntaxError, ValueError) as error:
            raise RunError(f"{self.path} cannot be read any more: take it out of the gallery") from error
        return read[..., None] if read.ndim == 2 else read


def gallery_home() -> Path:
    path = lab_home() / "gallery"
    try:
        private_folder(path)
    except OSError as error:
        raise LabError(f"cannot make {path}: {error.strerror}") from error
    return path


def keep(picture: NDArray[np.uint8], sidecar: Sidecar) -> Kept:
    """Keep one finished picture (H, W, C), whose `sidecar.denoising.place` is its place in the batch. One that is kept
    already stays as it is. Raises LabError."""
    path = _path(picture, sidecar)
    if not _is_whole(path):
        save_single(path, picture)
        write_sidecar(path, sidecar)
    return _kept(path)


def is_kept(picture: NDArray[np.uint8], sidecar: Sidecar) -> bool:
    return _is_whole(_path(picture, sidecar))


def kept() -> list[Kept]:
    """The gallery, newest first; what is damaged is left out."""
    found = []
    for path in gallery_home().glob("*.png"):
        try:
            found.append(_kept(path))
        except (RunError, OSError):  # half written by a full disk, or removed just now
            continue
    return sorted(found, key=lambda one: (one.since, one.id), reverse=True)


def remove(one: Kept) -> None:
    """Take it out; gone already is as good. Raises LabError."""
    try:
        for path in (one.path, sidecar_path(one.path)):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise LabError(f"cannot remove {one.path}: {error.strerror}") from error


def _path(picture: NDArray[np.uint8], sidecar: Sidecar) -> Path:
    """Named by what it is, so that keeping it again makes no second one."""
    place = sidecar.denoising.place or 0
    return gallery_home() / f"{sidecar.denoising.key()[:8]}-{place:03d}-{pixels_sha256(picture)[:8]}.png"


def _is_whole(path: Path) -> bool:
    return path.is_file() and sidecar_path(path).is_file()


def _kept(path: Path) -> Kept:
    return Kept(path, read_sidecar(sidecar_path(path)), path.stat().st_mtime)
