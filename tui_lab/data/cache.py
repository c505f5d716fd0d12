"""Decoded pictures on disk: a folder a dataset, complete or absent, its arrays memory-mapped.

`<cache_home>/datasets/<name>-<key>/` holds `images.npy` (uint8, N×H×W×C), `labels.npy` (int64, -1 without a label),
`held_out.npy` (bool) and `about.json`. The key is a hash of the source's manifest, so that a changed source is decoded
anew, and what an older version of the lab wrote is never misread.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tui_lab.data.images import Images, Progress, Rejected
from tui_lab.data.source import Opened, Source
from tui_lab.data.split import choose_rows
from tui_lab.errors import DataError, DiskFullError
from tui_lab.runs.files import is_disk_full
from tui_lab.runs.home import cache_home
from tui_lab.sanitize import clean

if TYPE_CHECKING:
    from tui_lab.recipe import Dataset

FORMAT = 1


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """A dataset as the cache holds it, before it is split."""

    name: str
    origin: str
    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    held_out: NDArray[np.bool_]
    classes: tuple[str, ...]
    rejected: tuple[Rejected, ...]
    key: str

    def images(self, dataset: Dataset) -> Images:
        """The rows that the recipe trains on and holds out; split as the source itself does, where it does."""
        rows = choose_rows(dataset, self.name, self.labels, self.classes, self.held_out)
        return Images(
            name=self.name,
            origin=self.origin,
            pixels=self.pixels,
            labels=self.labels,
            classes=self.classes,
            train_rows=rows.train,
            held_out_rows=rows.held_out,
            rejected=self.rejected,
            content_hash=self.key,
        )


def read(source: Source) -> Stored | None:
    """What the cache holds for the source as it is now, or None."""
    key = _key(source)
    return _load(_folder(source, key), source, key)


def write(source: Source, progress: Progress | None = None) -> Stored:
    """Decodes the source into the cache. Raises DataError if not one picture of it can be used."""
    opened = source.open()
    key = _key(source)
    folder = _folder(source, key)
    aside: Path | None = None
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".decoding-", dir=folder.parent))
        _decode(source, opened, aside, progress)
        if _load(folder, source, key) is None:
            shutil.rmtree(folder, ignore_errors=True)  # damaged, if it is there at all
        # Another process may have decoded the same set meanwhile: then the rename fails, and its folder is as good.
        with contextlib.suppress(OSError):
            aside.rename(folder)
        stored = _load(folder, source, key)
    except OSError as error:
        if is_disk_full(error):
            raise DiskFullError(
                f"no room to decode {source.name} into {folder.parent}; free some space there"
            ) from error
        raise DataError(f"cannot decode {source.name} into {folder.parent}: {error.strerror or error}") from error
    finally:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)
    if stored is None:
        raise DataError(f"the decoded {source.name} in {folder} cannot be read back; delete that folder and try again")
    return stored


def _key(source: Source) -> str:
    about = json.dumps([FORMAT, source.shape, source.manifest()])
    return hashlib.sha256(about.encode(errors="surrogatepass")).hexdigest()[:16]


def _folder(source: Source, key: str) -> Path:
    word = re.sub(r"[^A-Za-z0-9-]+", "-", source.name).strip("-")[:40] or "dataset"
    return cache_home() / "datasets" / f"{word}-{key}"


def _load(folder: Path, source: Source, key: str) -> Stored | None:
    try:
        about = json.loads((folder / "about.json").read_text())
        stored = Stored(
            name=source.name,
            origin=source.origin,
            pixels=np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False),
            labels=np.load(folder / "labels.npy", allow_pickle=False),
            held_out=np.load(folder / "held_out.npy", allow_pickle=False),
            classes=tuple(clean(name, 80) for name in about["classes"]),
            rejected=tuple(Rejected(clean(path), clean(reason)) for path, reason in about["rejected"]),
            key=key,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None  # absent, or damaged: decoded again either way
    whole = stored.pixels.shape[1:] == source.shape and len(stored.pixels) == len(stored.labels) == len(stored.held_out)
    return stored if whole else None


def _decode(source: Source, opened: Opened, folder: Path, progress: Progress | None) -> None:
    """Streams the pictures to disk by plain writes: a memory map of a file on a full disk would die of SIGBUS."""
    labels: list[int] = []
    held_out: list[bool] = []
    rejected: list[Rejected] = []
    report_every = max(1, opened.count // 200)
    with (folder / "images.npy").open("wb") as file:
        _write_header(file, opened.count, source.shape)
        for done, picture in enumerate(opened.pictures(), start=1):
            if isinstance(picture, Rejected):
                rejected.append(picture)
            else:
                file.write(picture.pixels.tobytes())
                labels.append(-1 if picture.label is None else picture.label)
                held_out.append(picture.held_out)
            if progress and (done % report_every == 0 or done == opened.count):
                progress(done, opened.count)
        # The header keeps its length: numpy pads it with room for the first axis to grow.
        file.seek(0)
        _write_header(file, len(labels), source.shape)
    if not labels:
        first = (
            f"; the first of {len(rejected)}: {clean(rejected[0].path)}: {clean(rejected[0].reason)}"
            if rejected
            else ""
        )
        raise DataError(f"{source.name} holds no picture that can be used{first}")
    np.save(folder / "labels.npy", np.array(labels, dtype=np.int64))
    np.save(folder / "held_out.npy", np.array(held_out, dtype=np.bool_))
    about = {
        "name": source.name,
        "classes": opened.classes,
        "rejected": [(picture.path, picture.reason) for picture in rejected],
    }
    (folder / "about.json").write_text(json.dumps(about))


def _write_header(file: IO[bytes], count: int, shape: tuple[int, int, int]) -> None:
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": (count, *shape)})
