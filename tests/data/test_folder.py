from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tui_lab.data import load_images
from tui_lab.data.folder import list_folder
from tui_lab.errors import DataError
from tui_lab.recipe import Dataset


def paint(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (20, 20)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


def dataset(folder: Path, **changes: object) -> Dataset:
    return Dataset(path=str(folder), **{"resolution": 8, "val_fraction": 0.0, **changes})


def test_pictures_are_found_in_sub_folders_in_the_order_of_their_paths(tmp_path: Path) -> None:
    paint(tmp_path / "b.png", (0, 0, 2))
    paint(tmp_path / "a.JPG", (0, 0, 0))
    paint(tmp_path / "c" / "d" / "e.bmp", (0, 0, 3))
    paint(tmp_path / ".hidden.png", (0, 0, 255))
    (tmp_path / "notes.txt").write_text("no picture")
    images = load_images(dataset(tmp_path))
    assert images.pixels.shape == (3, 8, 8, 3)
    assert images.pixels[:, 0, 0, 2].tolist() == [0, 2, 3]
    assert images.labels.tolist() == [-1, -1, -1]
    assert len(images.held_out_rows) == 0
    assert str(tmp_path) in images.origin


def test_sub_folders_are_classes_where_every_picture_is_in_one(tmp_path: Path) -> None:
    for name, count in (("cats", 3), ("dogs", 2)):
        for index in range(count):
            paint(tmp_path / name / f"{index}.png", (index, 0, 0))
    images = load_images(dataset(tmp_path))
    assert images.classes == ("cats", "dogs")
    assert images.train_labels.tolist() == [0, 0, 0, 1, 1]


def test_what_cannot_be_read_is_set_aside_by_name_and_never_stops_the_rest(tmp_path: Path) -> None:
    paint(tmp_path / "good.png", (1, 2, 3))
    (tmp_path / "empty.png").touch()
    whole = paint(tmp_path / "cut.jpg", (9, 9, 9), size=(64, 64)).read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    images = load_images(dataset(tmp_path))
    assert len(images.pixels) == 1
    assert [rejected.path for rejected in images.rejected] == ["cut.jpg", "empty.png"]
    assert all(rejected.reason for rejected in images.rejected)


def test_a_changed_folder_is_decoded_anew(tmp_path: Path) -> None:
    paint(tmp_path / "a.png", (1, 1, 1))
    first = load_images(dataset(tmp_path))
    paint(tmp_path / "b.png", (2, 2, 2))
    second = load_images(dataset(tmp_path))
    assert (len(first.pixels), len(second.pixels)) == (1, 2)
    assert first.content_hash != second.content_hash


def test_centre_crop_or_squeeze_as_the_recipe_says(tmp_path: Path) -> None:
    stripes = np.zeros((8, 24, 3), dtype=np.uint8)
    stripes[:, 8:16] = 255
    Image.fromarray(stripes).save(tmp_path / "stripes.png")
    assert load_images(dataset(tmp_path, fit="center_crop")).pixels.min() == 255
    assert load_images(dataset(tmp_path, fit="squeeze")).pixels.min() == 0


def test_train_and_test_folders_are_the_split_and_hold_the_classes(tmp_path: Path) -> None:
    for part, values in (("train", (1, 2, 3)), ("test", (4,)), ("val", (5,))):
        for value in values:
            paint(tmp_path / part / ("odd" if value % 2 else "even") / f"{value}.png", (value, 0, 0))
    images = load_images(dataset(tmp_path, val_fraction=0.3))
    assert images.classes == ("even", "odd")
    assert images.take(images.train_rows)[:, 0, 0, 0].tolist() == [2, 1, 3]
    assert images.take(images.held_out_rows)[:, 0, 0, 0].tolist() == [4, 5]
    assert images.train_labels.tolist() == [0, 1, 1]


def test_folders_that_are_only_called_test_are_classes_like_any_other(tmp_path: Path) -> None:
    for name in ("test", "cats"):
        paint(tmp_path / name / "1.png", (1, 0, 0))
    images = load_images(dataset(tmp_path))
    assert images.classes == ("cats", "test")
    assert len(images.held_out_rows) == 0


TABLES = {
    "metadata.csv": "file_name,label,size\na.png,x,3\nsub/b.png,y,20\n",
    "metadata.jsonl": '{"file_name": "a.png", "label": "x", "size": 3}\n'
    '{"file_name": "./sub/b.png", "label": "y", "size": 20}\n',
}


@pytest.mark.parametrize("table", list(TABLES))
def test_a_table_beside_the_pictures_brings_the_labels(tmp_path: Path, table: str) -> None:
    for name in ("a.png", "sub/b.png", "sub/c.png"):
        paint(tmp_path / name, (1, 0, 0))
    (tmp_path / table).write_text(TABLES[table])
    images = load_images(dataset(tmp_path))
    assert images.classes == ("x", "y")
    assert images.labels.tolist() == [0, 1, -1]
    assert load_images(dataset(tmp_path, label="size")).classes == ("3", "20")
    with pytest.raises(DataError, match=r"no label 'age'; set dataset\.label to one of label, size, folder"):
        load_images(dataset(tmp_path, label="age"))


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_spreadsheet_may_part_its_columns_as_it_does(tmp_path: Path, mark: str) -> None:
    paint(tmp_path / "a.png", (1, 0, 0))
    rows = [("text", "file_name", "label"), ("one" if mark == "," else "one, two", "a.png", "x")]
    (tmp_path / "metadata.csv").write_text("\r\n".join(map(mark.join, rows)))
    assert load_images(dataset(tmp_path)).classes == ("x",)


def test_a_caption_may_hold_what_ends_a_line_elsewhere(tmp_path: Path) -> None:
    paint(tmp_path / "a.png", (1, 0, 0))
    row = '{"file_name": "a.png", "text": "one\u2028two\x85three", "label": "x"}\r\n'
    (tmp_path / "metadata.jsonl").write_bytes(row.encode())
    assert load_images(dataset(tmp_path)).classes == ("x",)


def test_a_table_in_a_sub_folder_is_about_that_folder(tmp_path: Path) -> None:
    for part in ("train", "test"):
        paint(tmp_path / part / "a.png", (1, 0, 0))
        (tmp_path / part / "metadata.csv").write_text(f"file_name,label\na.png,{part}\n")
    images = load_images(dataset(tmp_path))
    assert images.classes == ("test", "train")
    assert (images.train_labels.tolist(), images.held_out_labels.tolist()) == ([1], [0])


def test_a_changed_table_changes_the_labels(tmp_path: Path) -> None:
    paint(tmp_path / "a.png", (1, 0, 0))
    table = tmp_path / "metadata.csv"
    table.write_text("file_name,label\na.png,x\n")
    assert load_images(dataset(tmp_path)).classes == ("x",)
    table.write_text("file_name,label\na.png,other\n")
    assert load_images(dataset(tmp_path)).classes == ("other",)


def test_another_table_of_that_name_is_none_of_ours(tmp_path: Path) -> None:
    paint(tmp_path / "a.png", (1, 0, 0))
    (tmp_path / "metadata.csv").write_text("camera,lens\nx,y\n")
    assert load_images(dataset(tmp_path)).classes == ()


def test_a_name_that_is_not_utf_8_is_found_in_the_table(tmp_path: Path) -> None:
    paint(tmp_path / os.fsdecode(b"a\xff.png"), (1, 0, 0))
    (tmp_path / "metadata.csv").write_bytes(b"file_name,label\na\xff.png,x\n")
    assert load_images(dataset(tmp_path)).labels.tolist() == [0]


def test_listing_says_how_many_it_has_found_and_can_be_given_up(tmp_path: Path) -> None:
    for number in range(2500):
        (tmp_path / f"{number}.png").touch()
    (tmp_path / "notes.txt").touch()
    said: list[tuple[int, int]] = []
    listing = list_folder(tmp_path, lambda found, total: said.append((found, total)))
    assert (len(listing.pictures), listing.passed_over) == (2500, {".txt": 1})
    assert [total for _, total in said] == [0, 0]
    assert said[0][0] < said[1][0] <= 2500

    def give_up(found: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_images(dataset(tmp_path), give_up)
