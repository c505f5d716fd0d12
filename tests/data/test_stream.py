"""Streaming through `datasets` itself, from parquet files in a folder of the hub name's shape: no network."""

from __future__ import annotations

from pathlib import Path

import datasets
import numpy as np
import pytest

from tests.data.files import grey_png
from tui_lab.data import load_images, stream
from tui_lab.data.stream import open_stream, shuffled
from tui_lab.errors import DataError
from tui_lab.recipe import Dataset


@pytest.fixture(autouse=True)
def nobodys_squares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """40 grey squares, of which the first 10 are the start; the one of value 25 is broken."""
    pictures = [{"bytes": grey_png(value, side=4)} for value in range(40)]
    pictures[25] = {"bytes": b"broken"}
    columns = {"image": pictures, "kind": [value % 2 for value in range(40)], "note": [f"n{v % 3}" for v in range(40)]}
    features = datasets.Features(
        image=datasets.Image(), kind=datasets.ClassLabel(names=["even", "odd"]), note=datasets.Value("string")
    )
    folder = tmp_path / "nobody" / "squares"
    folder.mkdir(parents=True)
    datasets.Dataset.from_dict(columns, features=features).to_parquet(folder / "train.parquet")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(stream, "FIRST", 10)


def squares(**changes: object) -> Dataset:
    return Dataset.model_validate(
        {"name": "nobody/squares", "streaming": True, "resolution": 4, "channels": 1, "val_fraction": 0.2} | changes
    )


def values(dataset: Dataset, count: int, seed: int = 0) -> list[tuple[int, int]]:
    with open_stream(dataset, seed) as pictures:
        return [(int(pixels[0, 0, 0]), label) for pixels, label in (next(pictures) for _ in range(count))]


def test_the_first_rows_are_a_dataset_like_any_other() -> None:
    images = load_images(squares())
    assert images.streaming
    assert images.pixels[:, 0, 0, 0].tolist() == list(range(10))
    assert len(images.held_out_rows) == 2
    assert "not exact" in images.origin


def test_the_stream_goes_on_behind_them_and_begins_there_again() -> None:
    behind = sorted({*range(10, 40)} - {25})
    seen = values(squares(), 2 * len(behind))
    first, second = seen[: len(behind)], seen[len(behind) :]
    assert sorted(value for value, _ in first) == sorted(value for value, _ in second) == behind
    assert first != second
    assert all(label == value % 2 for value, label in seen)


def test_its_order_is_its_seeds() -> None:
    assert values(squares(), 20, seed=1) == values(squares(), 20, seed=1) != values(squares(), 20, seed=2)


def test_words_are_numbered_as_in_the_first_rows_and_other_classes_are_left_out() -> None:
    dataset = squares(label="note", classes=["n2"])
    assert load_images(dataset).classes == ("n2",)
    assert all(value % 3 == 2 and label == 0 for value, label in values(dataset, 9))
    assert {(value % 3, label) for value, label in values(squares(label="note"), 30)} == {(0, 0), (1, 1), (2, 2)}


def test_a_set_without_more_than_its_first_rows_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "FIRST", 40)
    with pytest.raises(DataError, match=r"turn dataset\.streaming off"):
        values(squares(), 1)


def test_a_hub_that_goes_away_is_one_line_and_closing_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    load_images(squares())

    def unreachable(*_: object, **__: object) -> None:
        raise ConnectionError("Couldn't reach the Hub\nand a traceback")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    with open_stream(squares()) as pictures:
        for _ in range(2):
            with pytest.raises(DataError, match="HF_HOME") as caught:
                next(pictures)
    assert "\n" not in caught.value.message


def test_a_shuffle_gives_everything_once_and_never_from_further_ahead_than_its_buffer() -> None:
    order = list(shuffled(range(1000), 50, np.random.default_rng(0)))
    assert sorted(order) == list(range(1000))
    assert all(item - place <= 50 for place, item in enumerate(order))
    assert order[:50] != sorted(order[:50])
