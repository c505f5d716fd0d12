"""A folder that `datasets` saved with `save_to_disk`: one split, or several in folders of their own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui_lab.data.columns import Features, features_of
from tui_lab.data.images import Progress
from tui_lab.data.stamps import stamp
from tui_lab.data.tables import OpenedTable, open_files, open_table
from tui_lab.errors import DataError
from tui_lab.sanitize import clean

if TYPE_CHECKING:
    from tui_lab.recipe import Dataset


@dataclass(frozen=True, slots=True)
class SavedFolder:
    """The folder of one split: `state.json` names its arrow files, `dataset_info.json` describes their columns."""

    path: Path
    split: Path
    files: tuple[Path, ...]
    image: str
    label: str

    @classmethod
    def of(cls, dataset: Dataset, path: Path) -> SavedFolder:
        split = _split_of(path, dataset.split)
        try:
            names = [entry["filename"] for entry in _json(split / "state.json")["_data_files"]]
        except (KeyError, TypeError) as error:
            raise DataError(f"{clean(str(split))} names no data files in its state.json; save it again") from error
        files = tuple(split / Path(name).name for name in names)  # the name alone: none leads out of the folder
        missing = next((file for file in files if not file.is_file()), None)
        if missing or not files:
            lost = f"has lost {clean(missing.name)}" if missing else "holds no rows"
            raise DataError(f"{clean(str(split))} {lost}; save it again with save_to_disk")
        return cls(path, split, files, dataset.image_column, dataset.label)

    @property
    def name(self) -> str:
        return clean(self.path.name, 80)

    @property
    def origin(self) -> str:
        return f"a saved dataset of your own, from {clean(str(self.split))}"

    def manifest(self, progress: Progress | None = None) -> str:
        files = (*self.files, self.split / "dataset_info.json")
        return "\n".join(["saved", self.image, self.label, *map(stamp, files)])

    def open(self, progress: Progress | None = None) -> OpenedTable:
        table = open_files(self.files, self.name)
        features = saved_features(self.split) or features_of(table.schema)
        return open_table(table, features, self.image, self.label, self.name)


def saved_features(split: Path) -> Features:
    """The columns of the split in this folder, and their types; {} where that was not written down."""
    features = _json(split / "dataset_info.json").get("features")
    if not isinstance(features, dict):
        return {}
    return {name: feature for name, feature in features.items() if isinstance(feature, dict)}


def saved_splits(path: Path) -> tuple[str, ...]:
    """The folders of the splits, () where `path` is a single one. None of them leads out of `path`."""
    if not (path / "dataset_dict.json").is_file():
        return ()
    splits = _json(path / "dataset_dict.json").get("splits")
    names = splits if isinstance(splits, list) else []
    return tuple(name for name in names if isinstance(name, str) and name == Path(name).name)


def _split_of(path: Path, split: str) -> Path:
    if not (path / "dataset_dict.json").is_file():
        return path
    splits = saved_splits(path)
    if split not in splits:
        there = clean(", ".join(splits), 200)
        raise DataError(f"{clean(str(path))} has no split {clean(split, 80)!r}; set dataset.split to one of {there}")
    return path / split


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"{clean(str(path))} cannot be read: {error.strerror}; save it again") from error
    except ValueError as error:
        raise DataError(f"{clean(str(path))} is no JSON; save the set again with save_to_disk") from error
    return content if isinstance(content, dict) else {}
