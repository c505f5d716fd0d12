"""`metadata.csv` and `metadata.jsonl` beside pictures, as Hugging Face's imagefolder has them."""

from __future__ import annotations

import csv
import io
import json
import posixpath
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tui_lab.data.labels import Labels, number_labels, usual_column
from tui_lab.data.layout import FOLDER_COLUMN, folders_as_labels
from tui_lab.errors import DataError
from tui_lab.sanitize import clean

NAMES = ("metadata.csv", "metadata.jsonl")
FILE_NAME = "file_name"


class Metadata(NamedTuple):
    """What the tables say: `rows` maps a picture's relative path to its columns."""

    rows: dict[str, Mapping[str, object]]
    columns: tuple[str, ...]

    def missing(self, names: Sequence[str]) -> list[str]:
        """Files that a table names, and that are not among `names`."""
        return sorted(self.rows.keys() - set(names))


def read_metadata(tables: Mapping[str, bytes]) -> Metadata:
    """The tables by their relative paths; a `file_name` is relative to the folder of its table. A table without that
    column is none of ours. Raises DataError for one that cannot be read."""
    rows: dict[str, Mapping[str, object]] = {}
    columns: dict[str, None] = {}
    for path, content in sorted(tables.items()):
        for row in _csv_rows(path, content) if path.endswith(".csv") else _json_rows(path, content):
            name = row.get(FILE_NAME)
            if isinstance(name, str) and name:
                rows[posixpath.normpath(posixpath.join(posixpath.dirname(path), name))] = row
                columns |= dict.fromkeys(row)
    return Metadata(rows, tuple(column for column in columns if column != FILE_NAME))


def choose_labels(names: Sequence[str], metadata: Metadata, asked: str, dataset: str) -> Labels:
    """Labels of the pictures `names`: from the column `asked`, or the one that is called as columns of labels are, or
    else their folders. Raises DataError for a column that is not there."""
    column = asked if asked in metadata.columns else usual_column(metadata.columns) if not asked else ""
    if column:
        values = [metadata.rows[name].get(column) if name in metadata.rows else None for name in names]
        return number_labels(values)
    if asked not in ("", FOLDER_COLUMN):
        there = ", ".join((*metadata.columns, FOLDER_COLUMN))
        raise DataError(f"{dataset} has no label {clean(asked, 80)!r}; set dataset.label to one of {clean(there, 200)}")
    return folders_as_labels(names)


def _csv_rows(path: str, content: bytes) -> list[dict[str, str]]:
    # Names that are not UTF-8 come out as the file system hands them out, so that they are found.
    text = content.decode("utf-8-sig", errors="surrogateescape")
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=_delimiter(text)))
    except csv.Error as error:
        raise DataError(f"{clean(path)} cannot be read ({clean(str(error))}); mend it, or move it away") from error
    return [{key: value for key, value in row.items() if key is not None and value is not None} for row in rows]


def _delimiter(text: str) -> str:
    """What parts `file_name` from the other columns: some spreadsheets write semicolons or tabs."""
    columns = text.partition("\n")[0].strip().replace('"', "")
    return next((mark for mark in ";\t" if mark in columns and FILE_NAME in columns.split(mark)), ",")


def _json_rows(path: str, content: bytes) -> list[dict[str, object]]:
    rows = []
    # Not splitlines: JSON allows U+2028 and the like within a line.
    for number, line in enumerate(content.decode("utf-8-sig", errors="surrogateescape").split("\n"), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise DataError(f"line {number} of {clean(path)} is no JSON; mend it, or move the file away") from error
            if isinstance(row, dict):
                rows.append(row)
    return rows
