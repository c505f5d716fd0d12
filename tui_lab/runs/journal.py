"""The journal: what happened in a run, in order. Rank 0 writes it, everyone reads it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tui_lab.runs.folder import RunFolder
from tui_lab.runs.lines import Document, LineReader, LineWriter

ROTATE_BYTES = 16 * 1024 * 1024
SYNC_SECONDS = 1.0
_UNHURRIED = frozenset({"metrics", "starting", "preview"})
"""Kinds that wait for the next grouped fsync; the others are on the disk when `append` returns."""


@dataclass(frozen=True, slots=True)
class Record:
    """One line of a journal. `time` is seconds since 1970; `seq` has no gaps."""

    seq: int
    time: float
    step: int
    kind: str
    data: dict[str, Any]


def journal_files(folder: RunFolder) -> list[Path]:
    """Oldest first: 000001.jsonl, 000002.jsonl, …"""
    return sorted(path for path in folder.journal_dir.glob("*.jsonl") if path.stem.isdigit())


def as_record(document: Document) -> Record | None:
    seq, when, step = document.get("seq"), document.get("time"), document.get("step")
    kind, data = document.get("kind"), document.get("data")
    if (
        isinstance(seq, int)
        and isinstance(when, int | float)
        and isinstance(step, int)
        and isinstance(kind, str)
        and isinstance(data, dict)
    ):
        return Record(seq, float(when), step, kind, data)
    return None


class Journal:
    """The writer. Opening it cuts a torn tail and goes on counting where the last whole record stopped."""

    def __init__(self, folder: RunFolder, rotate_bytes: int = ROTATE_BYTES) -> None:
        self._folder = folder
        self._rotate_bytes = rotate_bytes
        files = journal_files(folder)
        self._number = int(files[-1].stem) if files else 1
        self._seq = _last_seq(files)
        self._lines = self._open(self._number)
        self._started: dict[str, Any] | None = None
        self._synced = time.monotonic()

    def _open(self, number: int) -> LineWriter:
        return LineWriter(self._folder.journal_dir / f"{number:06d}.jsonl")

    def append(self, kind: str, step: int, **data: Any) -> int:
        """Write one record and return its seq. Raises DiskFullError with the journal as it was before.

        A new file begins with `continued`, which repeats what `started` said: its end is all that a listing reads.
        """
        if self._lines.size >= self._rotate_bytes:
            full = self._lines
            full.sync()
            self._lines = self._open(self._number + 1)
            self._number += 1
            full.close()
            if self._started is not None:
                self._write("continued", step, self._started)
        if kind == "started":
            self._started = data
        self._write(kind, step, data)
        if kind not in _UNHURRIED or time.monotonic() - self._synced > SYNC_SECONDS:
            self.sync()
        return self._seq

    def _write(self, kind: str, step: int, data: dict[str, Any]) -> None:
        seq = self._seq + 1
        self._lines.append({"seq": seq, "time": round(time.time(), 4), "step": int(step), "kind": kind, "data": data})
        self._seq = seq

    def sync(self) -> None:
        self._lines.sync()
        self._synced = time.monotonic()

    def close(self) -> None:
        self._lines.close()


def _last_seq(files: list[Path]) -> int:
    for path in reversed(files):
        records = [record for record in map(as_record, LineReader(path).read_new()) if record is not None]
        if records:
            return records[-1].seq
    return 0


class JournalReader:
    """Follows a journal across rotations. Damaged lines are counted in `skipped`, a torn tail is waited for."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._skipped = 0
        self._lines = LineReader(folder.journal_dir / "000001.jsonl")

    @property
    def skipped(self) -> int:
        return self._skipped + self._lines.skipped

    def read_new(self) -> list[Record]:
        """The records written since the last call; all of them at the first."""
        records: list[Record] = []
        while True:
            following = self._following()
            # Looked for before reading: once a later file is there, this one gets no more lines.
            for document in self._lines.read_new():
                record = as_record(document)
                if record is None:
                    self._skipped += 1
                else:
                    records.append(record)
            if following is None:
                return records
            if self._lines.path.exists() and self._lines.has_torn_tail():
                self._skipped += 1
            self._skipped += self._lines.skipped
            self._lines = LineReader(following)

    def _following(self) -> Path | None:
        number = int(self._lines.path.stem)
        following = self._lines.path.with_name(f"{number + 1:06d}.jsonl")
        return following if following.exists() else None
