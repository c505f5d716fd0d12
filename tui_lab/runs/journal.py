"""The journal: what happened in a run, in order. Rank 0 writes it, everyone reads it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from tui_lab.errors import DiskFullError, LabError
from tui_lab.runs.damage import Damage
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.lines import LineReader, LineWriter
from tui_lab.runs.record import Record, as_record
from tui_lab.runs.summary import CADENCE, Summary, SummaryBuilder, read_summary

ROTATE_BYTES = 4 * 1024 * 1024
"""What a reader has to parse line by line at most: some 50 ms. Before it are columns."""
SYNC_SECONDS = 1.0
FULL_FILES = 12
"""Of so many files before the last, every record is a point of a curve; of older ones, one for each 64."""
WAITING = 10_000
"""So many records are kept in memory while the disk is full."""
_UNHURRIED = frozenset({"metrics", "starting", "preview"})
"""Kinds that wait for the next grouped fsync; the others are on the disk when `append` returns."""


def journal_files(folder: RunFolder) -> list[Path]:
    """Oldest first: 000001.jsonl, 000002.jsonl, …"""
    return sorted(path for path in folder.journal_dir.glob("*.jsonl") if path.stem.isdigit())


class Journal:
    """The writer. Opening it cuts a torn tail and goes on counting where the last whole record stopped.

    On a full disk records wait in memory, in their order, until there is room again; whoever writes should pause then.
    """

    def __init__(self, folder: RunFolder, rotate_bytes: int | None = None) -> None:
        self._folder = folder
        self._rotate_bytes = rotate_bytes or ROTATE_BYTES
        files = journal_files(folder)
        self._number = int(files[-1].stem) if files else 1
        self._lines = self._open(self._number)
        self._columns = SummaryBuilder()
        self._columns.feed_lines(LineReader(self._lines.path))
        self._seq = self._columns.last_seq or _last_seq(files[:-1])
        self._started: dict[str, Any] | None = None
        self._waiting: list[Record] = []
        self._full = ""
        self._synced = time.monotonic()

    def _open(self, number: int) -> LineWriter:
        return LineWriter(self._folder.journal_dir / f"{number:06d}.jsonl")

    @property
    def full(self) -> str:
        """Why records wait in memory; empty while none does."""
        return self._full

    def append(self, kind: str, step: int, **data: Any) -> int:
        """Write one record and return its seq. Raises DiskFullError where the disk is full and WAITING wait already.

        A new file begins with `continued`, which repeats what `started` said: its end is all that a listing reads.
        """
        if kind == "started":
            self._started = data
        if len(self._waiting) >= WAITING and not self.retry():
            raise DiskFullError(self._full)
        self._waiting.append(self._next(kind, step, data))
        if self.retry() and (kind not in _UNHURRIED or time.monotonic() - self._synced > SYNC_SECONDS):
            try:
                self.sync()
            except DiskFullError as error:
                self._full = error.message
        return self._waiting[-1].seq if self._waiting else self._seq

    def retry(self) -> bool:
        """Write what waits. Whether nothing does any more."""
        try:
            while self._waiting:
                if self._lines.size >= self._rotate_bytes:
                    self._rotate(self._waiting[0])
                self._write(self._waiting[0])
                del self._waiting[0]
        except DiskFullError as error:
            self._full = error.message
            return False
        self._full = ""
        return True

    def _next(self, kind: str, step: int, data: dict[str, Any]) -> Record:
        seq = (self._waiting[-1].seq if self._waiting else self._seq) + 1
        return Record(seq, round(time.time(), 4), int(step), kind, data)

    def _rotate(self, following: Record) -> None:
        full = self._lines
        full.sync()
        self._lines = self._open(self._number + 1)
        self._number += 1
        full.close()
        columns, self._columns = self._columns, SummaryBuilder()
        with suppress(LabError):  # readers make it from the lines
            columns.write(full.path, full.size)
        if self._started is not None and following.kind != "started":
            head = replace(following, kind="continued", data=self._started)
            self._waiting = [head, *(replace(record, seq=record.seq + 1) for record in self._waiting)]

    def _write(self, record: Record) -> None:
        self._lines.append(
            {"seq": record.seq, "time": record.time, "step": record.step, "kind": record.kind, "data": record.data}
        )
        self._seq = record.seq
        self._columns.feed(record)

    def sync(self) -> None:
        self._lines.sync()
        self._synced = time.monotonic()

    def close(self) -> None:
        self._lines.close()


def _last_seq(files: list[Path]) -> int:
    return max((read_summary(path, full=False).last_seq for path in files[-1:]), default=0)


class JournalReader:
    """Follows a journal across rotations. A torn tail is waited for; `damage` tells what could not be read."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._lines = LineReader(folder.journal_dir / "000001.jsonl")
        self._skipped = 0
        self.damage = Damage()

    @property
    def skipped(self) -> int:
        """Lines that are damaged."""
        return self.damage.damaged

    def read_past(self, full_files: int = FULL_FILES) -> Iterator[Summary]:
        """What files that get no more lines say, oldest first, of all but the newest in coarse rows.

        For a reader that has read nothing yet: `read_new` then goes on with the last file.
        """
        files = journal_files(self._folder)
        for index, path in enumerate(files[:-1]):
            summary = read_summary(path, full=len(files) - 1 - index <= full_files)
            self.damage.lines(path.name, summary.skipped)
            if summary.records:
                self.damage.records(path.name, summary.first_seq, summary.last_seq, summary.records)
            yield summary
        if files:
            self._lines = LineReader(files[-1])

    def read_events(self) -> Iterator[Record]:
        """All records so far that do not come at a cadence: what was started, commanded, applied, rewound …"""
        for summary in self.read_past(full_files=0):
            yield from summary.events
        yield from (record for record in self.records_new() if record.kind not in CADENCE)

    def read_new(self) -> list[Record]:
        """The records written since the last call; all of them at the first."""
        return list(self.records_new())

    def records_new(self) -> Iterator[Record]:
        """The same one by one, with the lines of one file in memory at most."""
        while True:
            following = self._following()
            # Looked for before reading: once a later file is there, this one gets no more lines.
            yield from self._new_lines()
            if following is None:
                return
            if self._lines.has_torn_tail():
                self.damage.lines(self._lines.path.name, 1)
            self._lines, self._skipped = LineReader(following), 0

    def _new_lines(self) -> Iterator[Record]:
        name, documents = self._lines.path.name, self._lines.read_new()
        records = [record for record in map(as_record, documents) if record is not None]
        self.damage.lines(name, self._lines.skipped - self._skipped + len(documents) - len(records))
        self._skipped = self._lines.skipped
        if records:
            self.damage.records(name, records[0].seq, records[-1].seq, len(records))
        yield from records

    def _following(self) -> Path | None:
        """The next file. One that somebody deleted is passed over."""
        path = self._lines.path
        following = path.with_name(f"{int(path.stem) + 1:06d}.jsonl")
        if following.exists():
            return following
        if path.exists():
            return None
        return next((later for later in journal_files(self._folder) if later.name > path.name), None)
