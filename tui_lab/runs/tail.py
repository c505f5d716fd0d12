"""The end of a journal, without reading all of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tui_lab.runs.folder import RunFolder
from tui_lab.runs.journal import journal_files
from tui_lab.runs.lines import decode
from tui_lab.runs.record import Record, as_record

STATES = frozenset({"starting", "started", "paused", "resumed", "stopped", "failed", "finished"})
_CHUNK = 64 * 1024


@dataclass(frozen=True)
class LastWords:
    """`state` is the last record that tells how the run is: a state's own, or metrics, as only a running one has.

    `last` is the last that has a step: `starting` is said before the checkpoint is read.
    """

    state: Record | None
    metrics: Record | None
    started: Record | None
    last: Record | None


def last_words(folder: RunFolder) -> LastWords:
    """Looks back as far as the last metrics, and into the head of the last file for what was started."""
    files = journal_files(folder)
    state = metrics = started = last = None
    for record in _backwards(files):
        last = last or (record if record.kind != "starting" else None)
        if record.kind == "started":
            started = started or record
        if record.kind in STATES or record.kind == "metrics":
            state = state or record
        if record.kind == "metrics":
            metrics = record
            break
    if started is None and files:
        started = _started_at_head(files[-1])
    return LastWords(state, metrics, started, last)


def _backwards(files: list[Path]) -> Iterator[Record]:
    """Whole records from the newest to the oldest, damaged lines left out."""
    for path in reversed(files):
        with path.open("rb") as file:
            position = file.seek(0, 2)
            rest = b""
            while position > 0:
                start = max(0, position - _CHUNK)
                file.seek(start)
                lines = (file.read(position - start) + rest).split(b"\n")
                position = start
                if position > 0:  # the first line may begin in the chunk before
                    rest, lines = lines[0], lines[1:]
                yield from _records(reversed(lines))


def _records(lines: Iterator[bytes]) -> Iterator[Record]:
    for line in lines:
        document = decode(line)
        record = None if document is None else as_record(document)
        if record is not None:
            yield record


def _started_at_head(path: Path) -> Record | None:
    with path.open("rb") as file:
        lines = file.read(_CHUNK).split(b"\n")
    for record in _records(iter(lines)):
        if record.kind in ("started", "continued"):
            return record
    return None
