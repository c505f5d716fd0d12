"""What a path holds, in words and cheaply, for a person who is choosing: nothing is decoded, headers are believed."""

from __future__ import annotations

from pathlib import Path

from tui_lab.data.archive import BROKEN, ZipReader
from tui_lab.data.array_files import shapes_in
from tui_lab.data.idx import parts_of, read_shape
from tui_lab.data.kinds import Kind, kind_at
from tui_lab.data.saved import saved_features, saved_splits
from tui_lab.errors import DataError
from tui_lab.sanitize import clean


def survey(path: Path) -> str:
    """Such as "a zip of 812 images", "arrays: x_train 60000×28×28, y_train 60000"; a folder's images are not counted.

    Imports neither pyarrow nor `datasets`. Safe to show. Raises DataError for what could not be chosen.
    """
    kind = kind_at(path)
    match kind:
        case Kind.ARRAY:
            shapes = (f"{name} {'×'.join(map(str, shape))}" for name, shape in shapes_in(path).items())
            return clean(f"arrays: {', '.join(shapes)}", 200)
        case Kind.IDX:
            shown = ("×".join(map(str, read_shape(part.images))) for part in parts_of(path))
            return f"IDX files of {' and '.join(shown)} pixels"
        case Kind.SAVED:
            return _saved(path)
        case Kind.ZIP:
            return _zip(path)
        case _:
            return str(kind)


def _saved(path: Path) -> str:
    splits = saved_splits(path)
    columns = saved_features(path / splits[0] if splits else path)
    words = f"a saved dataset with the columns {clean(', '.join(columns), 120)}" if columns else "a saved dataset"
    return words + (f", split into {clean(', '.join(splits), 120)}" if splits else "")


def _zip(path: Path) -> str:
    try:
        found = ZipReader(path).members(None)
    except BROKEN as error:
        raise DataError(
            f"{clean(str(path))} cannot be read as a zip: {clean(str(error), 120)}; get it again"
        ) from error
    left_out = f", {len(found.rejected):,} left out" if found.rejected else ""
    return f"a zip of {len(found.pictures):,} image{'s' * (len(found.pictures) != 1)}{left_out}"
