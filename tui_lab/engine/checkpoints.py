"""Checkpoints on the disk: complete or absent, verified by sha256, and never in the way of the ones before them.

A checkpoint is a folder `step-00001000`: tensors as safetensors, all else in `state.json`. No pickle.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from tui_lab.engine.staging import Copy
from tui_lab.errors import DiskFullError, LabError
from tui_lab.runs.files import FILE_MODE, FOLDER_MODE, discard_folder, is_disk_full, sync, write_all

STATE = "state.json"
_SPARE_BYTES = 1 << 20
"""Room left for the journal beside a checkpoint."""

Tensors = Mapping[str, Tensor]
Buffer = bytes | memoryview


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a checkpoint holds. `tensors` by the name of their file, without its ending; `state` is plain JSON."""

    step: int
    tensors: Mapping[str, Tensors]
    state: Mapping[str, Any]


@dataclass(frozen=True)
class Written:
    """`seconds` are those of hashing and writing."""

    step: int
    path: Path
    bytes: int
    seconds: float


@dataclass(frozen=True)
class Skipped:
    """A checkpoint that does not verify."""

    path: Path
    why: str


def folder_name(step: int) -> str:
    return f"step-{step:08d}"


def write(copy: Copy, folder: Path, keep: int = 0, sacred: Collection[int] = ()) -> Written:
    """Write `folder/step-…`, then remove the oldest beyond `keep` (0 keeps all), but none of a step in `sacred`.

    A checkpoint of the same step is replaced. Raises DiskFullError where there is no room; whatever fails, those that
    were there before stay as they were. Nearly all of the time is spent in system calls and in hashing, where other
    threads go on.
    """
    began = time.perf_counter()
    sums = {
        f"{name}.safetensors": {"sha256": _digest(*image.parts), "bytes": image.bytes}
        for name, image in copy.images.items()
    }
    state = {**copy.state, "step": copy.step, "weights": sums["model.safetensors"]["sha256"], "files": sums}
    contents: dict[str, tuple[Buffer, ...]] = {
        f"{name}.safetensors": image.parts for name, image in copy.images.items()
    }
    contents[STATE] = (json.dumps({**state, "sha256": _sum_of(state)}, indent=1).encode(),)
    size = sum(len(part) for parts in contents.values() for part in parts)
    target = folder / folder_name(copy.step)
    aside = folder / f".{target.name}.new"
    try:
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)  # not its parents: a run that was moved away stays away
        _check_room(folder, size)
        remove_leftovers(folder)
        aside.mkdir(mode=FOLDER_MODE)
        for name, parts in contents.items():
            _write_file(aside / name, parts)
        sync(aside)
        _put(aside, target)
        sync(folder)
    except OSError as error:
        shutil.rmtree(aside, ignore_errors=True)
        if is_disk_full(error):
            raise _no_room(folder, size) from error
        raise LabError(f"cannot write the checkpoint {target}: {error.strerror or error}") from error
    _prune(folder, keep, copy.step, sacred)
    return Written(copy.step, target, size, time.perf_counter() - began)


def read(path: Path) -> Checkpoint:
    """The checkpoint in this folder. Raises LabError where a file is missing or does not match its sum."""
    try:
        state = json.loads((path / STATE).read_text(encoding="utf-8"))
        summed = "weights" in state or "sha256" in state  # the first checkpoints of the lab have neither
        if summed and state.pop("sha256") != _sum_of(state):
            raise LabError(f"{path / STATE} is damaged: its sha256 is another")
        sums = state.pop("files")
        tensors = {}
        for name, expected in sums.items():
            if Path(name).name != name or _sha256(path / name) != expected["sha256"]:
                raise LabError(f"{path / name} is damaged: its sha256 is not the one in {STATE}")
            tensors[name.removesuffix(".safetensors")] = load_file(path / name)
        return Checkpoint(int(state.pop("step")), tensors, state)
    except OSError as error:
        raise LabError(f"{path} is not complete: {error.strerror} ({Path(str(error.filename)).name})") from error
    except (ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        raise LabError(f"{path / STATE} is damaged: {error}") from error


def newest(folder: Path, until: int | None = None) -> tuple[Checkpoint | None, list[Skipped]]:
    """The newest checkpoint that verifies, of step `until` or before where that is said, or None; and the newer ones
    that do not."""
    skipped: list[Skipped] = []
    for path in reversed(_complete(folder)):
        if until is not None and int(path.name[5:]) > until:
            continue
        try:
            return read(path), skipped
        except LabError as error:
            skipped.append(Skipped(path, error.message))
    return None, skipped


def _complete(folder: Path) -> list[Path]:
    """Oldest first."""
    found = [path for path in folder.glob("step-*") if path.name[5:].isdigit() and path.is_dir()]
    return sorted(found, key=lambda path: int(path.name[5:]))


def _check_room(folder: Path, size: int) -> None:
    if shutil.disk_usage(folder).free < size + _SPARE_BYTES:
        raise _no_room(folder, size)


def _no_room(folder: Path, size: int) -> DiskFullError:
    return DiskFullError(
        f"no room for a checkpoint of {size / 1e6:.1f} MB in {folder}; free some space, or lower "
        "training.checkpoints_total_limit"
    )


def _sum_of(state: Mapping[str, Any]) -> str:
    return _digest(json.dumps(state, sort_keys=True).encode())


def _digest(*parts: Buffer) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _write_file(path: Path, parts: Sequence[Buffer]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    try:
        for part in parts:
            write_all(descriptor, part)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _put(aside: Path, target: Path) -> None:
    """Rename into place. A folder cannot replace another, so one of the same step steps aside for a moment."""
    old = target.with_name(f".{target.name}.old")
    if target.exists():
        target.rename(old)
    try:
        aside.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def remove_leftovers(folder: Path) -> None:
    """What a killed process left half-way, for the one that writes here now. An `.old` whose checkpoint is missing is
    the checkpoint: put it back."""
    for path in folder.glob(".step-*.*"):
        name, _, kind = path.name[1:].rpartition(".")
        if kind == "old" and not (folder / name).exists():
            path.rename(folder / name)
        else:
            shutil.rmtree(path, ignore_errors=True)


def _prune(folder: Path, keep: int, step: int, sacred: Collection[int]) -> None:
    """Leave the `keep` newest. Those beyond `step` are of a future that was rewound: they go before any other."""
    if not keep:
        return
    by_worth = sorted(_complete(folder), key=lambda path: (int(path.name[5:]) <= step, int(path.name[5:])))
    for path in by_worth[:-keep]:
        if int(path.name[5:]) not in sacred:
            discard_folder(path)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
