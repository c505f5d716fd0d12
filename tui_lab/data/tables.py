"""Pictures in tables: parquet and arrow files, with or without what Hugging Face writes about their columns."""

from __future__ import annotations

import contextlib
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tui_lab.data.columns import Features, choose_columns, features_of, labels_of
from tui_lab.data.images import Progress, Rejected
from tui_lab.data.labels import Labels
from tui_lab.data.source import Raw
from tui_lab.data.stamps import stamp
from tui_lab.errors import DataError
from tui_lab.sanitize import clean

if TYPE_CHECKING:
    import pyarrow as pa

    from tui_lab.recipe import Dataset

SUFFIXES = frozenset({".parquet", ".arrow", ".feather"})
MAX_GROUP = 4 << 30
"""Bytes that one row group of a parquet file may unpack to."""


class Cells(Protocol):
    """The rows of one column of a table, from any thread."""

    def __len__(self) -> int: ...

    def cell(self, row: int) -> Any: ...


class Table(Protocol):
    """The files of a table as one."""

    schema: pa.Schema

    def column(self, name: str) -> list[Any]:
        """All of a small column."""
        ...

    def cells(self, name: str) -> Cells: ...


class ArrowTable:
    """Arrow tables in memory, or memory-mapped."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self.schema = table.schema

    @classmethod
    def read(cls, files: Sequence[Path]) -> ArrowTable:
        """Files in arrow's file or stream format. Nothing is copied unless they are compressed."""
        import pyarrow as pa

        tables = []
        for path in files:
            source = pa.memory_map(str(path))
            try:
                tables.append(pa.ipc.open_file(source).read_all())
            except pa.ArrowInvalid:
                source.seek(0)
                tables.append(pa.ipc.open_stream(source).read_all())
        return cls(pa.concat_tables(tables))

    def column(self, name: str) -> list[Any]:
        return self._checked(name).to_pylist()

    def cells(self, name: str) -> Cells:
        return _ArrowCells(self._checked(name))

    def _checked(self, name: str) -> pa.ChunkedArray:
        column = self._table.column(name)
        column.validate(full=True)  # an offset that lies would lead out of the file's memory
        return column


class _ArrowCells:
    def __init__(self, column: pa.ChunkedArray) -> None:
        self._column = column

    def __len__(self) -> int:
        return len(self._column)

    def cell(self, row: int) -> Any:
        return self._column[row].as_py()


class ParquetTable:
    """Parquet files, of which a few row groups at a time are in memory."""

    def __init__(self, files: Sequence[Path]) -> None:
        from pyarrow import parquet

        self.files = [parquet.ParquetFile(path, memory_map=True) for path in files]
        self.schema = self.files[0].schema_arrow

    def column(self, name: str) -> list[Any]:
        return [value for file in self.files for value in file.read(columns=[name]).column(name).to_pylist()]

    def cells(self, name: str) -> Cells:
        return _ParquetCells(self.files, name)


class _ParquetCells:
    KEPT = 4

    def __init__(self, files: Sequence[Any], name: str) -> None:
        self._name = name
        self._groups = [(file, group) for file in files for group in range(file.num_row_groups)]
        rows = (file.metadata.row_group(group).num_rows for file, group in self._groups)
        self._starts = [0, *accumulate(rows)]
        self._read: OrderedDict[int, Any] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._starts[-1]

    def cell(self, row: int) -> Any:
        number = bisect_right(self._starts, row) - 1
        with self._lock:
            column = self._read.get(number)
            if column is None:
                column = self._read[number] = self._group(number)
                if len(self._read) > self.KEPT:
                    self._read.popitem(last=False)
            self._read.move_to_end(number)
        return column[row - self._starts[number]].as_py()

    def _group(self, number: int) -> pa.ChunkedArray:
        file, group = self._groups[number]
        if file.metadata.row_group(group).total_byte_size > MAX_GROUP:
            raise ValueError("its row group unpacks to over 4 GB; write it again with smaller ones")
        return file.read_row_group(group, columns=[self._name]).column(self._name)


def open_table(
    table: Table, features: Features, image: str, label: str, name: str, folder: Path | None = None
) -> OpenedTable:
    """The pictures of a table; columns are chosen as `choose_columns` does. Raises DataError."""

    def first(column: str) -> Any:
        cells = table.cells(column)
        return next((cell for row in range(min(len(cells), 20)) if (cell := cells.cell(row)) is not None), None)

    with _reading(name):
        chosen, column = choose_columns(table.schema, features, image, label, name, first)
        labels = labels_of(table.column(column), features, column) if column else Labels()
        return OpenedTable(table.cells(chosen), labels, folder)


@dataclass(frozen=True, slots=True, eq=False)
class OpenedTable:
    """A column of pictures: encoded bytes, paths relative to `folder`, or nested lists of numbers."""

    images: Cells
    labels: Labels
    folder: Path | None

    @property
    def count(self) -> int:
        return len(self.images)

    def raw(self, index: int) -> Raw | Rejected:
        name = f"row {index}"
        try:
            cell = self.images.cell(index)
        except (OSError, ValueError, MemoryError) as error:  # pyarrow's errors are of these kinds
            return Rejected(name, str(error).partition("\n")[0])
        return raw_cell(name, cell, self.labels.of(index), self.folder)

    def array(self) -> None:
        return None


def raw_cell(name: str, cell: Any, label: int | None, folder: Path | None) -> Raw | Rejected:
    """What a cell of a column of images holds: Hugging Face's {"bytes", "path"}, bytes, a path, or numbers."""
    if isinstance(cell, dict):
        path = cell.get("path")
        name = f"{name} {path or ''}".rstrip()
        cell = cell.get("bytes") or path
    if isinstance(cell, bytes):
        return Raw(name, cell, label)
    if isinstance(cell, str) and cell:
        path = (folder or Path()) / cell
        return Raw(name, path, label) if path.is_file() else Rejected(name, f"there is no file {cell}")
    if isinstance(cell, list):
        try:
            return Raw(name, np.array(cell), label)
        except ValueError:
            return Rejected(name, "its rows are of different lengths")
    return Rejected(name, "no picture in this row")


def open_files(files: Sequence[Path], name: str) -> Table:
    """Parquet or arrow files, all of one kind, as one table. Raises DataError."""
    with _reading(name):
        return ParquetTable(files) if files[0].suffix.lower() == ".parquet" else ArrowTable.read(files)


@contextlib.contextmanager
def _reading(name: str) -> Iterator[None]:
    """Says in one line what pyarrow finds wrong with a file."""
    import pyarrow as pa

    try:
        yield
    except (OSError, ValueError, pa.ArrowException) as error:
        reason = clean(str(error).partition("\n")[0], 160)
        raise DataError(f"{name} cannot be read as parquet or arrow: {reason}; get the file again") from error


@dataclass(frozen=True, slots=True)
class TableFiles:
    """Parquet or arrow files, found but not read."""

    path: Path
    files: tuple[Path, ...]
    image: str
    label: str

    @classmethod
    def of(cls, dataset: Dataset, path: Path) -> TableFiles:
        return cls(path, table_files(path, dataset.split), dataset.image_column, dataset.label)

    @property
    def name(self) -> str:
        return clean(self.path.name, 80)

    @property
    def origin(self) -> str:
        return f"a table of your own, from {clean(str(self.path))}"

    def manifest(self, progress: Progress | None = None) -> str:
        return "\n".join(["table", self.image, self.label, *map(stamp, self.files)])

    def open(self, progress: Progress | None = None) -> OpenedTable:
        table = open_files(self.files, self.name)
        folder = self.path.parent if self.path.is_file() else self.path
        return open_table(table, features_of(table.schema), self.image, self.label, self.name, folder)


def table_files(path: Path, split: str) -> tuple[Path, ...]:
    """The file itself; or of a folder all its files of one kind, of the split where their names begin with one, as
    `train-00000-of-00002.parquet` does. Raises DataError where there is no file of that split."""
    if path.is_file():
        return (path,)
    files = sorted(file for place in (path, path / "data") for file in place.glob("*") if file.suffix in SUFFIXES)
    files = [file for file in files if file.suffix == files[0].suffix]
    splits = {file.stem.partition("-")[0] for file in files}
    if splits <= {"train", "test", "validation", "val", "dev"}:
        chosen = [file for file in files if file.stem.partition("-")[0] == split]
        if not chosen:
            there = ", ".join(sorted(splits))
            raise DataError(f"{clean(str(path))} has no split {clean(split, 80)!r}; set dataset.split to {there}")
        return tuple(chosen)
    return tuple(files)
