"""A whole source decoded into the arrays of a cache folder: in parallel, in order, hashed on the way."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import threading
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tui_lab.data.decode import UNREADABLE, decoded, why
from tui_lab.data.images import Progress, Rejected
from tui_lab.data.shaping import Shaping, shape_arrays
from tui_lab.errors import DataError
from tui_lab.runs.files import sync
from tui_lab.sanitize import clean

if TYPE_CHECKING:
    from tui_lab.data.source import Opened

CHUNK_PICTURES = 64
CHUNK_BYTES = 1 << 22
"""A worker's turn: so many pictures, fewer where they are large. What is in flight is a few chunks a worker."""
ARRAY_CHUNK_BYTES = 1 << 24
MOST_WORKERS = 16


class NothingUsableError(DataError):
    """Every single picture was rejected."""

    def __init__(self, name: str, rejected: tuple[Rejected, ...]) -> None:
        first = "".join(f"; the first of {len(rejected)}: {item.path}: {item.reason}" for item in rejected[:1])
        super().__init__(clean(f"{name} holds no picture that can be used{first}"))
        self.rejected = rejected


@dataclass(slots=True)
class Chunk:
    """Some of a source's entries in their order: usable pictures with what is known of them, and the others."""

    done: int
    pixels: NDArray[np.uint8]
    names: list[str] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    held_out: list[bool] = field(default_factory=list)
    index: list[int] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    modes: list[str] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


def decode_all(opened: Opened, name: str, shaping: Shaping, folder: Path, progress: Progress | None) -> None:
    """Writes the cache's files into `folder`. Raises DataError if not one picture can be used.

    By plain writes: a memory map of a file on a full disk would die of SIGBUS. All is on the disk when it returns.
    """
    whole = Chunk(0, np.empty(0, dtype=np.uint8))
    modes: Counter[str] = Counter()
    content = hashlib.sha256()
    with (folder / "images.npy").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # a sign that this folder is no dead process's
        _write_header(file, opened.count, shaping.shape)
        for chunk in _chunks(opened, shaping):
            file.write(chunk.pixels.data)
            content.update(chunk.pixels.data)
            whole.done += chunk.done
            for part in ("names", "labels", "held_out", "index", "sizes", "rejected"):
                getattr(whole, part).extend(getattr(chunk, part))
            modes.update(chunk.modes)
            if progress:
                progress(whole.done, opened.count)
        # The header keeps its length: numpy pads it with room for the first axis to grow.
        file.seek(0)
        _write_header(file, len(whole.labels), shaping.shape)
        file.flush()
        os.fsync(file.fileno())
    if not whole.labels:
        raise NothingUsableError(name, tuple(whole.rejected))
    labels = np.array(whole.labels, dtype=np.int64)
    content.update(labels.data)
    content.update(json.dumps(opened.labels.classes).encode())
    _save(folder / "labels.npy", labels)
    _save(folder / "held_out.npy", np.array(whole.held_out, dtype=np.bool_))
    _save(folder / "index.npy", np.array(whole.index, dtype=np.int64))
    _save(folder / "sizes.npy", np.array(whole.sizes, dtype=np.int32))
    _write_json(folder / "names.json", whole.names)
    about = {
        "classes": opened.labels.classes,
        "rejected": [(entry.path, entry.reason) for entry in whole.rejected],
        "modes": dict(modes.most_common()),
        "content_hash": content.hexdigest(),
    }
    _write_json(folder / "about.json", about)


def _chunks(opened: Opened, shaping: Shaping) -> Iterator[Chunk]:
    array = opened.array()
    if array is not None and (array.ndim == 3 or array.shape[-1] in (1, 3)):
        return _array_chunks(opened, array, shaping)
    return _decoded_chunks(opened, shaping)


def _array_chunks(opened: Opened, array: NDArray[Any], shaping: Shaping) -> Iterator[Chunk]:
    """Pictures of one size and type: shaped many at once."""
    height, width = array.shape[1:3]
    mode = "L" if array.ndim == 3 or array.shape[-1] == 1 else "RGB"
    step = max(1, ARRAY_CHUNK_BYTES // max(int(np.prod(array.shape[1:])), int(np.prod(shaping.shape))))
    for start in range(0, len(array), step):
        pixels = shape_arrays(np.asarray(array[start : start + step]), shaping)
        chunk = Chunk(len(pixels), pixels)
        for row in range(start, start + len(pixels)):
            raw = opened.raw(row)
            if isinstance(raw, Rejected):
                raise DataError(f"{clean(raw.path)}: {clean(raw.reason)}")
            chunk.names.append(raw.name)
            chunk.labels.append(-1 if raw.label is None else raw.label)
            chunk.held_out.append(raw.held_out)
        chunk.index.extend(range(start, start + len(pixels)))
        chunk.sizes.extend([(width, height)] * len(pixels))
        chunk.modes.extend([mode] * len(pixels))
        yield chunk


def _decoded_chunks(opened: Opened, shaping: Shaping) -> Iterator[Chunk]:
    """Decoded by as many threads as there are cores: Pillow lets go of the interpreter's lock while it decodes and
    resizes. Chunks come in the source's order, and only a few are ahead of the one that is asked for."""
    step = max(1, min(CHUNK_PICTURES, CHUNK_BYTES // int(np.prod(shaping.shape))))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = min(cores, MOST_WORKERS)
    stop = threading.Event()
    pending: deque[Future[Chunk]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="decoder") as pool:
        try:
            for start in range(0, opened.count, step):
                if len(pending) > 2 * workers:
                    yield pending.popleft().result()
                pending.append(pool.submit(_decode, opened, start, min(start + step, opened.count), shaping, stop))
            while pending:
                yield pending.popleft().result()
        finally:
            stop.set()
            for future in pending:
                future.cancel()


def _decode(opened: Opened, start: int, end: int, shaping: Shaping, stop: threading.Event) -> Chunk:
    pixels = np.empty((end - start, *shaping.shape), dtype=np.uint8)
    chunk = Chunk(end - start, pixels)
    for index in range(start, end):
        if stop.is_set():
            break
        raw = opened.raw(index)
        if isinstance(raw, Rejected):
            chunk.rejected.append(raw)
            continue
        try:
            picture = decoded(raw.content, shaping)
        except UNREADABLE as error:
            chunk.rejected.append(Rejected(raw.name, why(error)))
            continue
        pixels[len(chunk.names)] = picture.pixels
        chunk.names.append(raw.name)
        chunk.labels.append(-1 if raw.label is None else raw.label)
        chunk.held_out.append(raw.held_out)
        chunk.index.append(index)
        chunk.sizes.append((picture.width, picture.height))
        chunk.modes.append(picture.mode)
    chunk.pixels = pixels[: len(chunk.names)]
    return chunk


def _write_header(file: IO[bytes], count: int, shape: tuple[int, int, int]) -> None:
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": (count, *shape)})


def _save(path: Path, array: NDArray[Any]) -> None:
    np.save(path, array)
    sync(path)


def _write_json(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document))
    sync(path)
