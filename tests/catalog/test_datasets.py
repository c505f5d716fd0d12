from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tui_lab.catalog.datasets import DATASETS, DatasetInfo, cached_hub_datasets
from tui_lab.data import fashion_mnist, load_images
from tui_lab.errors import DataError
from tui_lab.recipe import Dataset


def as_recipe(info: DatasetInfo, label: str = "") -> Dataset:
    return Dataset.model_validate(
        {"name": info.name, "resolution": info.resolution, "channels": info.channels, "label": label}
    )


@pytest.mark.parametrize("info", DATASETS.values(), ids=list(DATASETS))
def test_an_available_set_loads_at_its_size_with_each_label_and_a_missing_one_says_how_to_get_it(
    info: DatasetInfo,
) -> None:
    if not info.available:
        with pytest.raises(DataError) as caught:
            load_images(as_recipe(info))
        assert info.needs in caught.value.message
        return
    for label in ("", *info.labels):
        images = load_images(as_recipe(info, label))
        assert images.shape == (info.resolution, info.resolution, info.channels)
        assert len(images.held_out_rows) > 0
        assert images.classes


def test_what_is_missing_is_said_to_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDERS", (tmp_path,))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert {name: info.available for name, info in DATASETS.items()} == {
        "pixel-faces": True,
        "digits": False,
        "fashion-mnist": False,
    }


def test_sets_in_the_hubs_caches_are_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HF_DATASETS_CACHE", "HF_HUB_CACHE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    assert cached_hub_datasets() == ()
    for name in ("datasets/ylecun___mnist", "hub/datasets--ylecun--mnist", "hub/datasets--nobody--a--b"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("hub/models--google--ddpm", "datasets/parquet", "datasets/a___\x1b[2J", "hub/datasets--"):
        (tmp_path / name).mkdir()
    assert cached_hub_datasets() == ("nobody/a--b", "ylecun/mnist")
