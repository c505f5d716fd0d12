"""The JSON beside a picture: what makes it again, and what tells whether it is the same."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tui_lab.errors import LabError, RunError
from tui_lab.pictures.files import write
from tui_lab.pictures.origin import Origin
from tui_lab.recipe.denoising import Denoising, parse_denoising

FORMAT, SHEET_FORMAT = "diffusion-lab pictures 1", "diffusion-lab sheet 1"
_LIMIT = 16 << 20


@dataclass(frozen=True, slots=True)
class Sidecar:
    """`denoising` with all that was resolved. `shape` and `sha256` are of the finished pictures that are meant, uint8
    (B, H, W, C): all of the batch, or the one at `denoising.place`."""

    denoising: Denoising
    origin: Origin
    shape: tuple[int, ...]
    sha256: str

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "denoising": self.denoising.to_json(),
            "origin": self.origin.to_json(),
            "pixels": {"shape": list(self.shape), "sha256": self.sha256},
        }


def sidecar_of(denoising: Denoising, origin: Origin, pictures: NDArray[np.uint8]) -> Sidecar:
    """Of the finished batch (B, H, W, C), all of it whatever `denoising.place` says."""
    meant = _meant(denoising, pictures)
    return Sidecar(denoising, origin, meant.shape, pixels_sha256(meant))


def is_same(sidecar: Sidecar, pictures: NDArray[np.uint8]) -> bool:
    """Whether the finished batch, drawn again, is that of the sidecar, bit by bit."""
    meant = _meant(sidecar.denoising, pictures)
    return meant.shape == sidecar.shape and pixels_sha256(meant) == sidecar.sha256


def pixels_sha256(pictures: NDArray[np.uint8]) -> str:
    return hashlib.sha256(np.ascontiguousarray(pictures).tobytes()).hexdigest()


def sidecar_path(picture: Path) -> Path:
    """`a.png.json` of `a.png`: what bears this name beside a picture is nothing else."""
    return picture.with_name(f"{picture.name}.json")


def write_sidecar(picture: Path, sidecar: Sidecar) -> Path:
    """Beside the picture, or beside the folder of single ones. Raises LabError."""
    path = sidecar_path(picture)
    write(path, (json.dumps(sidecar.to_json(), indent=2, ensure_ascii=False) + "\n").encode())
    return path


def read_sidecar(path: Path) -> Sidecar:
    """Raises RunError where it is none; a picture's own path stands for its sidecar's."""
    path = _file_of(path)
    return _sidecar(_fields(path), path)


def read_sheet(path: Path) -> dict[str, Sidecar]:
    """Of a sheet what makes each of its places again, by the titles of its row and column; nothing of what is none, or
    cannot be read. Raises RunError where it is a sheet's and damaged."""
    path = _file_of(path)
    try:
        fields = _fields(path)
    except RunError:
        return {}
    if fields.get("format") != SHEET_FORMAT:
        return {}
    try:
        return {" · ".join(map(str, cell["title"])): _sidecar(cell, path) for cell in fields["cells"]}
    except (KeyError, TypeError) as error:
        raise RunError(f"{path} is no whole sidecar of a sheet: it does not say how each place was made") from error


def _file_of(path: Path) -> Path:
    return sidecar_path(path) if path.suffix != ".json" and sidecar_path(path).is_file() else path


def _fields(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            fields = json.loads(file.read(_LIMIT))
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path} is no sidecar of a picture: {getattr(error, 'strerror', None) or 'no JSON'}") from error
    return fields if isinstance(fields, dict) else {}


def _sidecar(fields: dict[str, Any], path: Path) -> Sidecar:
    if fields.get("format") != FORMAT:
        raise RunError(f"{path} is no sidecar of a picture that this version knows")
    try:
        pixels = fields["pixels"]
        origin = Origin.of_json(fields["origin"])
        return Sidecar(parse_denoising(fields["denoising"]), origin, tuple(pixels["shape"]), str(pixels["sha256"]))
    except (KeyError, TypeError) as error:
        raise RunError(f"{path} is no sidecar of a picture: it does not say how one was made") from error
    except LabError as error:
        raise RunError(f"{path}: {error.message}") from error


def _meant(denoising: Denoising, pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return pictures if denoising.place is None else pictures[denoising.place : denoising.place + 1]
