"""A full file of a journal in columns, `000001.columns` beside `000001.jsonl`: read in a thousandth of the time.

It holds nothing that is not in the lines, so that a missing, stale or damaged one is made again from them. No pickle: a
JSON header says where each section lies and its CRC-32; tables are rows of little-endian float64.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tui_lab.errors import LabError
from tui_lab.runs.columns import METRICS, VALIDATION, GrowingColumns, Rows, coarsened, group_starts, metrics_row, number
from tui_lab.runs.files import replace_file
from tui_lab.runs.lines import LineReader, as_json
from tui_lab.runs.record import Record, as_record

_MAGIC = b"DLC1"
_HEADER_LIMIT = 1 << 20
_PLAIN = ("checkpoint", "preview")
"""Kinds of which the steps are kept, as a table."""
CADENCE = frozenset({"metrics", "validation", *_PLAIN})
"""Kinds that come at a cadence. All others are kept whole."""
_WIDTHS = {
    "metrics": 1 + len(METRICS), "coarse": 1 + len(METRICS), "validation": 2 + len(VALIDATION), "bins": 2, "plain": 3
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Summary:
    """What the lines of one file say. Every table's first column is the record's seq, the others are

    `metrics`: METRICS, one row for each record, or coarse; `validation`: VALIDATION; `plain`: step, kind (of _PLAIN).
    `by_timestep` are the [[t, loss], …] of each validation; `events` all other records, whole. `skipped` lines were
    damaged.
    """

    path: Path
    first_seq: int
    last_seq: int
    last_step: int
    records: int
    metrics_records: int
    skipped: int
    metrics: Rows
    validation: Rows
    by_timestep: list[Rows]
    plain: Rows
    events: list[Record]

    def sections(self) -> Iterator[Summary]:
        """Split where the run was rewound: steps rise within each; all but the first begin with their `rewound`."""
        seqs = [event.seq for event in self.events if event.kind == "rewound"]
        for first, last in zip([self.first_seq, *seqs], [*seqs, self.last_seq + 1], strict=True):
            validated = _between(self.validation, first, last)
            yield replace(
                self,
                first_seq=first,
                last_seq=last - 1,
                metrics=self.metrics[_between(self.metrics, first, last)],
                validation=self.validation[validated],
                by_timestep=self.by_timestep[validated],
                plain=self.plain[_between(self.plain, first, last)],
                events=[event for event in self.events if first <= event.seq < last],
            )

    def cadence(self) -> Iterator[tuple[int, int, str]]:
        """(seq, step, kind) of the checkpoints and previews, in order."""
        return ((int(seq), int(step), _PLAIN[int(kind)]) for seq, step, kind in self.plain)


def _between(rows: Rows, first: int, last: int) -> slice:
    start, stop = np.searchsorted(rows[:, 0], [first, last])
    return slice(int(start), int(stop))


class SummaryBuilder:
    """Takes the records of one file in their order, and writes its summary."""

    def __init__(self) -> None:
        self._metrics = GrowingColumns("seq", *METRICS)
        self._validation = GrowingColumns("seq", *VALIDATION, "bins")
        self._bins = GrowingColumns("t", "loss")
        self._plain = GrowingColumns("seq", "step", "kind")
        self._events: list[Record] = []
        self._first_seq = self._last_step = self._records = self._skipped = 0
        self.last_seq = 0

    def feed_lines(self, lines: LineReader, complete: bool = False) -> None:
        """All whole lines of the file so far. Where it is complete, a torn tail is a damaged line."""
        documents = lines.read_new()
        records = [record for record in map(as_record, documents) if record is not None]
        self._skipped += lines.skipped + len(documents) - len(records) + (complete and lines.has_torn_tail())
        for record in records:
            self.feed(record)

    def feed(self, record: Record) -> None:
        data = record.data
        if record.kind == "metrics":
            self._metrics.append(record.seq, *metrics_row(record.step, data))
        elif record.kind == "validation":
            bins = [pair for pair in data.get("by_timestep") or [] if isinstance(pair, list | tuple) and len(pair) == 2]
            for t, loss in bins:
                self._bins.append(number(t), number(loss))
            self._validation.append(
                record.seq, record.step, number(data.get("loss")), number(data.get("ema_loss")), len(bins)
            )
        elif record.kind in _PLAIN:
            self._plain.append(record.seq, step_of(record), _PLAIN.index(record.kind))
        else:
            self._events.append(record)
        self._records += 1
        self._first_seq = self._first_seq or record.seq
        self.last_seq = record.seq
        if record.kind != "starting":  # said before the checkpoint is read, and so without a step
            self._last_step = record.step

    def summary(self, path: Path) -> Summary:
        ends = np.cumsum(self._validation["bins"]).astype(int)[:-1]
        return Summary(
            path,
            self._first_seq,
            self.last_seq,
            self._last_step,
            self._records,
            len(self._metrics),
            self._skipped,
            self._metrics.rows,
            self._validation.rows,
            np.split(self._bins.rows, ends) if len(self._validation) else [],
            self._plain.rows,
            self._events,
        )

    def write(self, path: Path, size: int) -> None:
        """Beside the lines at `path`, which are `size` bytes. Raises LabError."""
        tables = {
            "coarse": _coarse(self.summary(path)),
            "validation": self._validation.rows,
            "bins": self._bins.rows,
            "plain": self._plain.rows,
            "metrics": self._metrics.rows,
        }
        events = [[event.seq, event.time, event.step, event.kind, event.data] for event in self._events]
        sections = {"events": as_json(events)}
        sections |= {name: np.ascontiguousarray(rows, "<f8").tobytes() for name, rows in tables.items()}
        where, offset = {}, 0
        for name, section in sections.items():
            where[name] = [offset, len(section), zlib.crc32(section)]
            offset += len(section)
        header = json.dumps(
            {
                "lines": size,
                "first_seq": self._first_seq,
                "last_seq": self.last_seq,
                "last_step": self._last_step,
                "records": self._records,
                "metrics_records": len(self._metrics),
                "skipped": self._skipped,
                "sections": where,
            }
        ).encode()
        head = _MAGIC + struct.pack("<II", len(header), zlib.crc32(header)) + header
        replace_file(columns_path(path), head, *sections.values())


def step_of(record: Record) -> int:
    """The step that a record is about: a checkpoint may be complete some steps after the one that it is of."""
    of = record.data.get("of")
    return of if isinstance(of, int) else record.step


def columns_path(path: Path) -> Path:
    return path.with_suffix(".columns")


def _coarse(summary: Summary) -> Rows:
    """The metrics with few rows. A rewind goes back to a checkpoint, so that no row reaches across one: what is cut off
    by a later rewind is whole rows."""
    borders, first = [], 0
    for section in summary.sections():
        steps = section.metrics[:, 1]
        for _, step, kind in section.cadence():
            if kind == "checkpoint":
                borders.append(first + int(np.searchsorted(steps, step, side="right")))
        first += len(steps)
        borders.append(first)
    return coarsened(summary.metrics, group_starts(first, borders), ("step", *METRICS))


def read_summary(path: Path, full: bool) -> Summary:
    """The summary of the lines at `path`, which are complete; with all rows of its metrics, or the coarse ones.

    One that is missing, stale or damaged is made again from the lines, and written where that can be.
    """
    found = _read(path, full)
    return found if found is not None else _rebuilt(path)


def _rebuilt(path: Path) -> Summary:
    builder, lines = SummaryBuilder(), LineReader(path)
    builder.feed_lines(lines, complete=True)
    with suppress(LabError):  # a folder that cannot be written is still read
        builder.write(path, path.stat().st_size)
    return builder.summary(path)


def _read(path: Path, full: bool) -> Summary | None:
    """None where there is none that is whole and of these lines."""
    try:
        with columns_path(path).open("rb") as file:
            header, start = _header(file)
            if header["lines"] != path.stat().st_size:
                return None
            sections = header["sections"]
            events = json.loads(_section(file, start, sections["events"]))
            tables = {
                name: _table(_section(file, start, sections[name]), _WIDTHS[name])
                for name in ("metrics" if full else "coarse", "validation", "bins", "plain")
            }
        validation = tables["validation"]
        ends = np.cumsum(validation[:, -1]).astype(int)[:-1]
        return Summary(
            path,
            int(header["first_seq"]),
            int(header["last_seq"]),
            int(header["last_step"]),
            int(header["records"]),
            int(header["metrics_records"]),
            int(header["skipped"]),
            tables["metrics" if full else "coarse"],
            validation,
            np.split(tables["bins"], ends) if len(validation) else [],
            tables["plain"],
            [Record(*event) for event in events],
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None


def _header(file: BinaryIO) -> tuple[dict[str, Any], int]:
    """The header, and where the sections begin. ValueError where it is damaged."""
    head = file.read(12)
    if len(head) < 12 or head[:4] != _MAGIC:
        raise ValueError("no summary")
    length, checksum = struct.unpack("<II", head[4:])
    raw = file.read(min(length, _HEADER_LIMIT))
    if zlib.crc32(raw) != checksum:
        raise ValueError("a damaged header")
    return json.loads(raw), 12 + length


def _section(file: BinaryIO, start: int, where: list[int]) -> bytes:
    offset, length, checksum = where
    file.seek(start + offset)
    raw = file.read(length)
    if len(raw) != length or zlib.crc32(raw) != checksum:
        raise ValueError("a damaged section")
    return raw


def _table(raw: bytes, width: int) -> NDArray[np.float64]:
    return np.frombuffer(raw, "<f8").reshape(-1, width)
