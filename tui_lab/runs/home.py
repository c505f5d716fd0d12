"""Where the lab keeps its files: `$DIFFUSION_LAB_HOME`, else the user's data folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from tui_lab.errors import DiskFullError, LabError
from tui_lab.runs.files import FILE_MODE, is_disk_full, private_folder

_LOG_LIMIT = 1 << 20


def lab_home() -> Path:
    """The lab's home, created on first use for its owner alone (0700)."""
    asked = os.environ.get("DIFFUSION_LAB_HOME")
    if asked:
        path = Path(asked).expanduser().absolute()
    else:
        from platformdirs import user_data_path

        path = user_data_path("diffusion-lab", appauthor=False)
    return _made(path)


def runs_home() -> Path:
    return _made(lab_home() / "runs")


def cache_home() -> Path:
    """For what can be made again: decoded data sets and the like."""
    return _made(lab_home() / "cache")


def open_log(name: str) -> BinaryIO:
    """`logs/NAME` in the lab's home, to append to; emptied first where it has grown beyond 1 MiB."""
    path = _made(lab_home() / "logs") / name
    try:
        full = path.exists() and path.stat().st_size > _LOG_LIMIT
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | (os.O_TRUNC if full else 0)
        return os.fdopen(os.open(path, flags, FILE_MODE), "ab")
    except OSError as error:
        raise LabError(f"cannot write {path}: {error.strerror}") from error


def _made(path: Path) -> Path:
    try:
        private_folder(path)
    except OSError as error:
        kind = DiskFullError if is_disk_full(error) else LabError
        raise kind(f"cannot make {path}: {error.strerror}; set DIFFUSION_LAB_HOME to a folder you can write") from error
    return path
