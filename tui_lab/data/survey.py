"""What a path holds, in words and cheaply: for a person who is choosing, before anything is decoded."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tui_lab.data.archive import BROKEN, ZipReader
from tui_lab.data.arrays import shapes_in
from tui_lab.data.folder import list_folder
from tui_lab.data.idx import parts_of, read_shape
from tui_lab.data.images import Progress
from tui_lab.data.kinds import Kind, kind_at
from tui_lab.data.layout import FOLDER_COLUMN, SUFFIXES, folders_as_labels, held_out_of
from tui_lab.data.metadata import read_metadata
from tui_lab.data.saved import saved_features, saved_splits
from tui_lab.data.tables import SUFFIXES as TABLE_SUFFIXES
from tui_lab.errors import DataError
from tui_lab.sanitize import clean

MOST = 20_000
"""Files of a folder that are counted."""


class Survey(NamedTuple):
    """`words` are safe to show. `columns` may be chosen as labels, `splits` as the split; () where there is no choice,
    or where it is not known without reading more than a person would wait for."""

    words: str
    classes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()


def survey(path: Path, progress: Progress | None = None) -> Survey:
    """Never decodes, and imports neither pyarrow nor `datasets`; a large folder takes up to a tenth of a second.
    Raises DataError for what could not be chosen, and whatever `progress` raises."""
    match kind_at(path):
        case Kind.FOLDER:
            return _folder(path, progress)
        case Kind.SAVED:
            return _saved(path)
        case Kind.TABLE:
            return Survey(_table(path))
        case Kind.IDX:
            shapes = ["×".join(map(str, read_shape(part.images))) for part in parts_of(path)]
            return Survey(f"IDX files of {' and '.join(shapes)} pictures")
        case Kind.ARRAY:
            shapes_by_name = shapes_in(path)
            shown = clean(
                ", ".join(f"{name} {'×'.join(map(str, shape))}" for name, shape in shapes_by_name.items()), 200
            )
            return Survey(
                f"arrays: {shown}", columns=tuple(name for name, shape in shapes_by_name.items() if len(shape) < 3)
            )
        case Kind.ZIP:
            return _zip(path)
        case Kind.TAR:
            return Survey(f"a tar, {_size([path])}")


def _folder(path: Path, progress: Progress | None) -> Survey:
    listing = list_folder(path, progress, most=MOST)
    names = list(listing.pictures)
    if not names:
        raise DataError(f"no images under {clean(str(path))}: looked for {', '.join(sorted(SUFFIXES))}")
    classes = folders_as_labels(names).classes
    columns = read_metadata({name: (path / name).read_bytes() for name in listing.tables}).columns
    count = f"over {MOST:,}" if len(names) >= MOST else f"{len(names):,}"
    words = f"a folder of {count} image{'s' * (len(names) > 1)}"
    if columns:
        words += f" with a table of {clean(', '.join(columns), 80)}"
    elif len(classes) > 1:
        words += f" in {len(classes):,} classes"
    if any(held_out_of(names)):
        words += ", some of them held out"
    if listing.rejected:
        words += f"; {len(listing.rejected):,} left out"
    return Survey(words, classes, (*columns, *([FOLDER_COLUMN] if classes else [])))


def _saved(path: Path) -> Survey:
    splits = saved_splits(path)
    features = saved_features(path / splits[0] if splits else path)
    columns = tuple(features)
    words = f"a saved dataset with {clean(', '.join(columns), 120) or 'columns of unknown names'}"
    if splits:
        words += f", split into {clean(', '.join(splits), 120)}"
    images = {name for name, feature in features.items() if feature.get("_type") == "Image"}
    return Survey(words, columns=tuple(column for column in columns if column not in images), splits=splits)


def _table(path: Path) -> str:
    if path.is_file():
        return f"a {path.suffix[1:].lower()} file, {_size([path])}"
    files = [file for file in path.rglob("*") if file.suffix in TABLE_SUFFIXES]
    return f"{len(files)} {files[0].suffix[1:] if files else 'table'} files, {_size(files)}"


def _zip(path: Path) -> Survey:
    try:
        found = ZipReader(path).members(None)
    except BROKEN as error:
        raise DataError(
            f"{clean(str(path))} cannot be read as a zip: {clean(str(error), 120)}; get it again"
        ) from error
    return Survey(
        f"a zip of {len(found.pictures):,} images" + f"; {len(found.rejected):,} left out" * bool(found.rejected)
    )


def _size(files: list[Path]) -> str:
    size = sum(file.stat().st_size for file in files)
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"
