"""Parquet, arrow and saved sets, read without `datasets`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather, ipc, parquet

from tests.data.files import grey_dataset, grey_png
from tui_lab.data import load_images
from tui_lab.errors import DataError

COUNT = 12


PICTURES = [grey_png(10 * value) for value in range(COUNT)]
KINDS = ["even" if value % 2 == 0 else "odd" for value in range(COUNT)]


def hugging_face() -> datasets.Dataset:
    features = datasets.Features(
        note=datasets.Value("string"), image=datasets.Image(), kind=datasets.ClassLabel(names=["even", "odd"])
    )
    columns = {
        "note": [f"n{value % 3}" for value in range(COUNT)],
        "image": [{"bytes": content, "path": None} for content in PICTURES],
        "kind": [value % 2 for value in range(COUNT)],
    }
    return datasets.Dataset.from_dict(columns, features=features)


def plain(images: Any = PICTURES) -> pa.Table:
    return pa.table({"picture": images, "label": KINDS})


def as_parquet(path: Path) -> Path:
    parquet.write_table(plain(), path / "a.parquet", row_group_size=5)
    return path / "a.parquet"


def as_arrow_file(path: Path) -> Path:
    with ipc.new_file(path / "a.arrow", plain().schema) as file:
        file.write_table(plain(), max_chunksize=5)
    return path / "a.arrow"


def as_arrow_stream(path: Path) -> Path:
    with ipc.new_stream(path / "a.arrow", plain().schema) as file:
        file.write_table(plain(), max_chunksize=5)
    return path / "a.arrow"


def as_feather(path: Path) -> Path:
    feather.write_feather(plain(), path / "a.feather", compression="zstd")
    return path / "a.feather"


def as_hugging_faces_parquet(path: Path) -> Path:
    hugging_face().to_parquet(path / "a.parquet")
    return path / "a.parquet"


def as_saved(path: Path) -> Path:
    hugging_face().save_to_disk(path / "set", num_shards=3)
    return path / "set"


def as_saved_splits(path: Path) -> Path:
    splits = {"train": hugging_face(), "test": hugging_face().select(range(2))}
    datasets.DatasetDict(splits).save_to_disk(path / "set")
    return path / "set"


@pytest.mark.parametrize(
    "make",
    [
        as_parquet,
        as_arrow_file,
        as_arrow_stream,
        as_feather,
        as_hugging_faces_parquet,
        as_saved,
        as_saved_splits,
    ],
)
def test_pictures_and_labels_are_found_in_tables_of_all_kinds(make: Callable[[Path], Path], tmp_path: Path) -> None:
    images = load_images(grey_dataset(make(tmp_path)))
    assert images.pixels[:, 0, 0, 0].tolist() == [10 * value for value in range(COUNT)]
    assert images.classes == ("even", "odd")
    assert images.labels.tolist() == [value % 2 for value in range(COUNT)]


def test_a_column_of_words_can_be_the_label(tmp_path: Path) -> None:
    images = load_images(grey_dataset(as_saved(tmp_path), label="note"))
    assert images.classes == ("n0", "n1", "n2")


def test_files_of_a_folder_are_one_table_and_are_told_apart_by_their_splits(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for number, name in enumerate(("train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001")):
        table = plain().slice(4 * number, 4)
        parquet.write_table(table, tmp_path / "data" / f"{name}.parquet")
    assert len(load_images(grey_dataset(tmp_path)).pixels) == 8
    assert load_images(grey_dataset(tmp_path, split="test")).pixels[0, 0, 0, 0] == 80
    with pytest.raises(DataError, match=r"no split 'dev'; set dataset\.split to test, train"):
        load_images(grey_dataset(tmp_path, split="dev"))


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_bytes_are_pictures(tmp_path: Path, kind: pa.DataType) -> None:
    parquet.write_table(plain(pa.array(PICTURES, kind)), tmp_path / "a.parquet")
    assert len(load_images(grey_dataset(tmp_path / "a.parquet")).pixels) == COUNT


def test_paths_are_taken_from_where_the_table_lies(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for value in range(COUNT):
        (tmp_path / "sub" / f"{value}.png").write_bytes(PICTURES[value])
    parquet.write_table(plain([f"sub/{value}.png" for value in range(COUNT)]), tmp_path / "a.parquet")
    assert load_images(grey_dataset(tmp_path / "a.parquet")).pixels[3, 0, 0, 0] == 30


def test_nested_lists_of_numbers_are_pictures(tmp_path: Path) -> None:
    values = [np.full((8, 8), 10 * value).tolist() for value in range(COUNT)]
    parquet.write_table(plain(values), tmp_path / "a.parquet")
    assert load_images(grey_dataset(tmp_path / "a.parquet")).pixels[3, 0, 0, 0] == 30


def test_a_missing_split_of_a_saved_set_names_those_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no split 'dev'; set dataset\.split to one of train, test"):
        load_images(grey_dataset(as_saved_splits(tmp_path), split="dev"))


def test_arrow_bytes_that_lie_about_their_offsets_are_refused(tmp_path: Path) -> None:
    path = as_arrow_file(tmp_path)
    content = path.read_bytes()
    offset = content.index(np.array([0, len(PICTURES[0])], "<i4").tobytes())
    path.write_bytes(content[: offset + 4] + np.array([1 << 30], "<i4").tobytes() + content[offset + 8 :])
    with pytest.raises(DataError, match="cannot be read"):
        load_images(grey_dataset(path))


def test_datasets_and_torch_stay_out_of_it(tmp_path: Path) -> None:
    code = (
        "import sys; from tui_lab.data import load_images; from tui_lab.recipe import Dataset;"
        f"load_images(Dataset(path={str(as_saved(tmp_path))!r}, resolution=8));"
        "print(sorted({'datasets', 'torch'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
