"""`datasets.load_dataset` itself, on parquet files in a folder of the hub name's shape: no network."""

from __future__ import annotations

from pathlib import Path

import datasets
import numpy as np
import pytest

from tests.data.files import grey_png
from tui_lab.data import hub, load_images
from tui_lab.errors import DataError
from tui_lab.recipe import Dataset


@pytest.fixture(autouse=True)
def nobodys_squares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`nobody/squares`: ten grey squares, the fourth one broken, with a kind and a note."""
    pictures = [{"bytes": grey_png(20 * index, side=10)} for index in range(10)]
    pictures[3] = {"bytes": b"broken"}
    columns = {"picture": pictures, "kind": [index % 2 for index in range(10)], "note": list("abcabcabca")}
    features = datasets.Features(
        picture=datasets.Image(), kind=datasets.ClassLabel(names=["even", "odd"]), note=datasets.Value("string")
    )
    folder = tmp_path / "nobody" / "squares"
    folder.mkdir(parents=True)
    datasets.Dataset.from_dict(columns, features=features).to_parquet(folder / "train.parquet")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def squares(**changes: object) -> Dataset:
    return Dataset(name="nobody/squares", **{"resolution": 8, "channels": 1, "val_fraction": 0.0, **changes})


def test_the_image_column_and_the_classes_are_found() -> None:
    images = load_images(squares())
    assert images.pixels[:, 0, 0, 0].tolist() == [20 * index for index in range(10) if index != 3]
    assert images.classes == ("even", "odd")
    assert images.train_labels.tolist() == [0, 1, 0, 0, 1, 0, 1, 0, 1]
    assert [rejected.path for rejected in images.rejected] == ["row 3"]


def test_a_column_of_words_can_be_the_label() -> None:
    images = load_images(squares(label="note"))
    assert images.classes == ("a", "b", "c")
    assert images.train_labels[:4].tolist() == [0, 1, 2, 1]


def test_what_was_decoded_needs_the_hub_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_images(squares())

    def unreachable(*_: object, **__: object) -> None:
        raise ConnectionError("no network")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    np.testing.assert_array_equal(load_images(squares()).pixels, first.pixels)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_column": "note"}, "no column of images 'note'.*picture, kind, note"),
        ({"label": "age"}, "no label 'age'.*picture, kind, note"),
        ({"split": "test"}, "cannot get nobody/squares"),
    ],
)
def test_what_is_not_in_the_set_is_one_line(changes: dict[str, str], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        load_images(squares(**changes))
    assert "\n" not in caught.value.message


def test_a_hub_that_cannot_be_reached_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise ConnectionError("Couldn't reach the Hub\nand a traceback")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    with pytest.raises(DataError, match="HF_HOME") as caught:
        load_images(squares())
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("name", ["a/b/c", "no such/thing", "/etc", "../up"])
def test_what_is_no_hub_name_is_refused_before_anything_is_fetched(name: str) -> None:
    with pytest.raises(DataError, match="owner/name"):
        load_images(Dataset(name=name))


def test_config_split_and_revision_reach_the_hub_and_tell_sets_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []
    real = datasets.load_dataset

    def recording(name: str, config: str | None, **options: object) -> object:
        asked.append((name, config, *options.items()))
        return real(name, split="train")

    monkeypatch.setattr(datasets, "load_dataset", recording)
    for changes in ({}, {"config": "small"}, {"revision": "v2"}, {"split": "train[:2]"}, {}):
        load_images(squares(**changes))
    assert asked == [
        ("nobody/squares", None, ("split", "train"), ("revision", None), ("streaming", False)),
        ("nobody/squares", "small", ("split", "train"), ("revision", None), ("streaming", False)),
        ("nobody/squares", None, ("split", "train"), ("revision", "v2"), ("streaming", False)),
        ("nobody/squares", None, ("split", "train[:2]"), ("revision", None), ("streaming", False)),
    ]


def test_a_part_of_a_split_is_that_part() -> None:
    assert load_images(squares(split="train[4:7]")).pixels[:, 0, 0, 0].tolist() == [80, 100, 120]


def test_a_missing_config_says_which_there_are(tmp_path: Path) -> None:
    about = "---\nconfigs:\n" + "".join(f"- config_name: {n}\n  data_files: train.parquet\n" for n in ("big", "small"))
    (tmp_path / "nobody" / "squares" / "README.md").write_text(f"{about}---\n")
    with pytest.raises(DataError, match=r"Please pick one among the available configs: \['big', 'small'\]"):
        load_images(squares())
    assert len(load_images(squares(config="small")).pixels) == 9


def test_without_a_network_the_client_does_not_try_and_is_itself_again_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[bool] = []

    def unreachable(*_: object, **__: object) -> None:
        told.append(datasets.config.HF_HUB_OFFLINE)
        raise ConnectionError("Couldn't reach the Hub")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    for no_network in (True, False):
        monkeypatch.setattr(hub, "_no_network", lambda answer=no_network: answer)
        with pytest.raises(DataError):
            load_images(squares())
    assert told == [True, False]
