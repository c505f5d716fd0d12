"""Which columns of a table hold pictures and which labels: by what Hugging Face wrote about them, or by their types."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tui_lab.data.labels import Labels, number_labels, usual_column
from tui_lab.data.layout import is_picture
from tui_lab.errors import DataError
from tui_lab.sanitize import clean

if TYPE_CHECKING:
    import pyarrow as pa

Features = Mapping[str, Mapping[str, Any]]
"""Columns' types as Hugging Face writes them down: {"image": {"_type": "Image"}, …}."""

_SIGNATURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP")


def features_of(schema: pa.Schema) -> Features:
    """What Hugging Face wrote into the file about its columns; {} where it did not."""
    try:
        about = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = about["info"]["features"].items()
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
    return {name: feature for name, feature in features if isinstance(feature, dict)}


def _image_columns(schema: pa.Schema, features: Features) -> list[str]:
    """The columns whose type says that they hold pictures."""
    declared = [name for name in schema.names if features.get(name, {}).get("_type") in ("Image", "Array3D")]
    return declared or [field.name for field in schema if _may_hold_pictures(field)]


def _may_hold_pictures(field: pa.Field) -> bool:
    from pyarrow import types

    kind = field.type
    if types.is_struct(kind):
        return any(kind.field(number).name == "bytes" for number in range(kind.num_fields))
    nested = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    if nested:
        inner = kind.value_type
        return types.is_list(inner) or types.is_large_list(inner) or types.is_fixed_size_list(inner)
    return types.is_binary(kind) or types.is_large_binary(kind)


def choose_columns(
    schema: pa.Schema, features: Features, image: str, label: str, name: str, first: Callable[[str], Any]
) -> tuple[str, str]:
    """The columns of images and of labels ("" for none). `image` and `label` are those asked for, "" for the table's
    own; `first` gives a column's first cell that is not empty.

    Raises DataError with the columns that are there for one that is not, or that holds no images.
    """
    images = _image_columns(schema, features)
    shown = clean(", ".join(schema.names), 200)
    chosen = image or next(iter(images), "") or _paths_column(schema, first)
    holds_images = chosen in images or (chosen in schema.names and _looks_like_a_picture(first(chosen)))
    if not holds_images:
        asked = f"no column of images {clean(image, 80)!r}" if image else "no column of images"
        raise DataError(f"{name} has {asked}; set dataset.image_column (it has {shown})")
    if label and label not in schema.names:
        raise DataError(f"{name} has no label {clean(label, 80)!r}; set dataset.label (it has {shown})")
    others = [column for column in schema.names if column != chosen and column not in images]
    declared = [column for column in others if features.get(column, {}).get("_type") == "ClassLabel"]
    return chosen, label or next(iter(declared), "") or usual_column(others)


def labels_of(values: list[Any], features: Features, column: str) -> Labels:
    """With the names of the classes where the column is declared to hold numbers of classes."""
    names = class_names(features, column)
    if not names:
        return number_labels(values)
    known = [value if isinstance(value, int) and 0 <= value < len(names) else -1 for value in values]
    return Labels(names, np.array(known, dtype=np.int64))


def class_names(features: Features, column: str) -> tuple[str, ...]:
    names = features.get(column, {}).get("names")
    return tuple(clean(str(name), 80) for name in names) if isinstance(names, list) else ()


def _looks_like_a_picture(cell: Any) -> bool:
    """Whether a cell holds an encoded picture, the path of one, or its numbers."""
    if isinstance(cell, dict):
        return bool(cell.get("bytes") or cell.get("path"))
    if isinstance(cell, bytes):
        return cell.startswith(_SIGNATURES) or cell[8:12] == b"WEBP" or cell[4:8] == b"ftyp"
    if isinstance(cell, str):
        return is_picture(cell)
    return isinstance(cell, list) and bool(cell) and isinstance(cell[0], list)


def _paths_column(schema: pa.Schema, first: Callable[[str], Any]) -> str:
    """A column of paths to pictures, where no column holds pictures themselves."""
    from pyarrow import types

    words = [field.name for field in schema if types.is_string(field.type) or types.is_large_string(field.type)]
    return next((name for name in words if _looks_like_a_picture(first(name))), "")
