"""Decoded pictures on disk: a folder a dataset and shaping, complete or absent, its arrays memory-mapped.

`<cache_home>/datasets/<name>-<source>-<shaping>/` holds `images.npy` (uint8, N×H'×W'×C), `labels.npy` (int64, -1
without a label), `held_out.npy` (bool), `index.npy` (int64: which of the source's entries a row is), `sizes.npy`
(int32, N×2: width and height before shaping), `names.json` and `about.json`. <source> is a hash of the source's
manifest and <shaping> one of the Shaping: what has changed is decoded anew, and an older format never misread.

Whoever has `images.npy` mapped holds a shared lock on it, with the map's own descriptor: a set in use is never let go.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tui_lab.data.images import Images, Progress, Rejected
from tui_lab.data.shaping import Shaping
from tui_lab.data.split import choose_rows
from tui_lab.errors import DataError, DiskFullError
from tui_lab.runs.files import is_disk_full, private_folder, sync
from tui_lab.runs.home import cache_home
from tui_lab.sanitize import clean

if TYPE_CHECKING:
    from tui_lab.data.source import Source
    from tui_lab.recipe import Dataset

FORMAT = 3
LIMIT_VARIABLE = "DIFFUSION_LAB_CACHE_GB"
LIMIT_GB = 20.0
ABANDONED = 600.0
"""Seconds without a write after which a folder that nobody has locked is taken for a dead process's."""
_ASIDE = ".decoding-"


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """A dataset as the cache holds it, before rows of it are chosen."""

    name: str
    origin: str
    folder: Path
    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    held_out: NDArray[np.bool_]
    classes: tuple[str, ...]
    rejected: tuple[Rejected, ...]
    content_hash: str
    margin: tuple[int, int]

    def images(self, dataset: Dataset) -> Images:
        """The rows that the recipe trains on and holds out; split as the source itself does, where it does."""
        chosen = choose_rows(dataset, self.name, self.labels, self.classes, self.held_out)
        return Images(
            name=self.name,
            origin=self.origin,
            pixels=self.pixels,
            **chosen._asdict(),
            rejected=self.rejected,
            content_hash=self.content_hash,
            margin=self.margin,
            folder=self.folder,
            streaming=dataset.streaming,
        )


def read(source: Source, dataset: Dataset, progress: Progress | None = None) -> Stored | None:
    """What the cache holds for the source as it is now at the recipe's shaping, or None."""
    shaping = Shaping.of(dataset)
    return _load(_folder(source, shaping, progress), source, shaping)


def write(source: Source, dataset: Dataset, progress: Progress | None = None) -> Stored:
    """Decodes the source into the cache. Raises DataError if not one picture of it can be used, and whatever
    `progress` raises; nothing half-written stays behind."""
    from tui_lab.data.decoding import decode_all

    shaping = Shaping.of(dataset)
    folder = _folder(source, shaping, progress)
    opened = source.open(progress)
    try:
        private_folder(folder.parent)
        _make_room(folder.parent, opened.count * int(np.prod(shaping.shape)), source.name)
        with _aside(folder) as aside:
            decode_all(opened, source.name, shaping, aside, progress)
            if _load(folder, source, shaping) is None:
                shutil.rmtree(folder, ignore_errors=True)  # damaged, if it is there at all
            # Another process may have decoded the same set meanwhile: then the rename fails, and its folder is as good.
            with contextlib.suppress(OSError):
                aside.rename(folder)
                sync(folder.parent)
        stored = _load(folder, source, shaping)
    except OSError as error:
        if is_disk_full(error):
            raise DiskFullError(
                f"no room to decode {source.name} into {folder.parent}; free some space there"
            ) from error
        raise DataError(f"cannot decode {source.name} into {folder.parent}: {error.strerror or error}") from error
    if stored is None:
        raise DataError(f"the decoded {source.name} in {folder} cannot be read back; delete that folder and try again")
    return stored


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """What the usable pictures of a source are, whatever they are shaped to: `index` (N,) are their places in it."""

    labels: NDArray[np.int64]
    held_out: NDArray[np.bool_]
    index: NDArray[np.int64]
    classes: tuple[str, ...]


def entries_of(source: Source) -> Entries | None:
    """From the source as it was decoded at any shaping; None where it never was."""
    for folder in sorted(_home().glob(f"*-{_source_key(source, None)}-*")):
        try:
            about = json.loads((folder / "about.json").read_text())
            labels, held_out, index = (
                np.load(folder / f"{name}.npy", allow_pickle=False) for name in ("labels", "held_out", "index")
            )
        except (OSError, ValueError):
            continue  # being let go, or damaged
        return Entries(labels, held_out, index, tuple(about["classes"]))
    return None


def let_go(needed: int = 0) -> list[Path]:
    """Deletes the sets used longest ago until `needed` more bytes fit the limit, but none that is in use; and what dead
    processes left half-written. Returns the folders that went."""
    entries, most = [], limit()
    with contextlib.suppress(OSError):
        entries = [entry for entry in _home().iterdir() if entry.is_dir()]
    gone = [entry for entry in entries if entry.name.startswith(_ASIDE) and _abandoned(entry) and _delete(entry)]
    sets = [(*_used(entry), entry) for entry in entries if not entry.name.startswith(".")]
    total = sum(size for _, size, _ in sets) + needed
    for _, size, entry in sorted(sets):
        if total <= most:
            break
        if _delete(entry):
            gone.append(entry)
            total -= size
    return gone


def limit() -> float:
    """How many bytes the cache may hold."""
    asked = os.environ.get(LIMIT_VARIABLE, "")
    try:
        gigabytes = float(asked or LIMIT_GB)
    except ValueError as error:
        raise DataError(f"{LIMIT_VARIABLE} is {clean(asked, 40)!r}; write gigabytes, such as 20") from error
    return max(0.0, gigabytes) * 1e9


def _home() -> Path:
    return cache_home() / "datasets"


def _folder(source: Source, shaping: Shaping, progress: Progress | None) -> Path:
    word = re.sub(r"[^A-Za-z0-9-]+", "-", source.name).strip("-")[:40] or "dataset"
    return _home() / f"{word}-{_source_key(source, progress)}-{_hash(repr(shaping))[:8]}"


def _source_key(source: Source, progress: Progress | None) -> str:
    return _hash(f"{FORMAT}\n{source.manifest(progress)}")[:16]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def _load(folder: Path, source: Source, shaping: Shaping) -> Stored | None:
    try:
        with (folder / "images.npy").open("rb") as file:
            # The map keeps a duplicate of this descriptor, and with it the lock, for as long as anyone uses its pixels.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            pixels = _mapped(file)
        about = json.loads((folder / "about.json").read_text())
        stored = Stored(
            name=source.name,
            origin=source.origin,
            folder=folder,
            pixels=pixels,
            labels=np.load(folder / "labels.npy", allow_pickle=False),
            held_out=np.load(folder / "held_out.npy", allow_pickle=False),
            classes=tuple(clean(name, 80) for name in about["classes"]),
            rejected=tuple(Rejected(clean(path), clean(reason)) for path, reason in about["rejected"]),
            content_hash=about["content_hash"],
            margin=shaping.margin,
        )
        os.utime(folder)
    except (OSError, ValueError, KeyError, TypeError):
        return None  # absent, being let go, or damaged: decoded again in any case
    whole = pixels.shape[1:] == shaping.shape and len(pixels) == len(stored.labels) == len(stored.held_out)
    return stored if whole else None


def _mapped(file: Any) -> NDArray[np.uint8]:
    """The array of an open .npy file, memory-mapped. Raises ValueError where it is damaged."""
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise ValueError(f"version {version}")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    if fortran or dtype != np.uint8:
        raise ValueError(f"{dtype}")
    return np.memmap(file, dtype=np.uint8, mode="r", offset=file.tell(), shape=shape)


@contextlib.contextmanager
def _aside(folder: Path) -> Iterator[Path]:
    """A folder beside the others to write into; it is gone at the end unless it was renamed."""
    aside = Path(tempfile.mkdtemp(prefix=_ASIDE, dir=folder.parent))
    try:
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _make_room(home: Path, needed: int, name: str) -> None:
    """Lets old sets go, and refuses at once what the disk cannot take."""
    let_go(needed)
    free = shutil.disk_usage(home).free
    if needed > free:
        raise DiskFullError(
            f"no room to decode {name}: it takes {needed / 1e9:.1f} GB and {home} has {free / 1e9:.1f} GB free; "
            "free some space, lower dataset.resolution or set DIFFUSION_LAB_HOME to a larger disk"
        )


def _used(folder: Path) -> tuple[float, int]:
    """When a set was last opened, and its bytes."""
    try:
        return folder.stat().st_mtime, sum(file.stat().st_size for file in folder.iterdir())
    except OSError:
        return 0.0, 0


def _abandoned(aside: Path) -> bool:
    try:
        return time.time() - max(file.stat().st_mtime for file in (aside, *aside.iterdir())) > ABANDONED
    except OSError:
        return False


def _delete(folder: Path) -> bool:
    """Deletes a set that nobody has mapped or writes; moved aside first, so that no reader finds half of it."""
    with contextlib.ExitStack() as held:
        try:
            file = held.enter_context((folder / "images.npy").open("rb"))
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            pass
        except OSError:
            return False
        try:
            going = folder.with_name(f"{_ASIDE}{folder.name}-{os.getpid()}")
            folder.rename(going)
        except OSError:
            return False
        shutil.rmtree(going, ignore_errors=True)
    return True
