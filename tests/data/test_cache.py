from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tui_lab.data import cache, load_cached, load_images
from tui_lab.errors import DataError, DiskFullError
from tui_lab.recipe import Dataset


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index in range(20):
        Image.new("RGB", (8, 8), (index, 0, 0)).save(folder / f"{index:02}.png")
    return folder


def dataset(folder: Path, **changes: object) -> Dataset:
    return Dataset(path=str(folder), **{"resolution": 8, "val_fraction": 0.0, **changes})


def folders(home: Path) -> list[Path]:
    return sorted((home / "cache" / "datasets").iterdir())


def test_a_dataset_is_decoded_once(pictures: Path, lab_home: Path) -> None:
    assert load_cached(dataset(pictures)) is None
    reports: list[tuple[int, int]] = []
    first = load_images(dataset(pictures), lambda done, total: reports.append((done, total)))
    assert reports[-1] == (20, 20)
    reports.clear()
    second = load_images(dataset(pictures), lambda done, total: reports.append((done, total)))
    assert reports == []
    np.testing.assert_array_equal(first.pixels, second.pixels)
    assert load_cached(dataset(pictures)) is not None
    assert len(folders(lab_home)) == 1


def test_the_array_on_disk_is_a_plain_npy_file(pictures: Path, lab_home: Path) -> None:
    (pictures / "05.png").write_bytes(b"broken")
    load_images(dataset(pictures))
    (folder,) = folders(lab_home)
    stored = np.load(folder / "images.npy")
    assert stored.shape == (19, 8, 8, 3)
    assert stored[:, 0, 0, 0].tolist() == [*range(5), *range(6, 20)]
    assert (folder / "images.npy").stat().st_size == 128 + stored.nbytes


def test_rejected_pictures_are_remembered(pictures: Path) -> None:
    (pictures / "05.png").write_bytes(b"broken")
    first, second = load_images(dataset(pictures)), load_images(dataset(pictures))
    assert [rejected.path for rejected in first.rejected] == ["05.png"]
    assert first.rejected == second.rejected


def test_another_resolution_is_another_entry(pictures: Path, lab_home: Path) -> None:
    load_images(dataset(pictures))
    load_images(dataset(pictures, resolution=4))
    assert len(folders(lab_home)) == 2


def test_a_damaged_entry_is_decoded_again(pictures: Path, lab_home: Path) -> None:
    load_images(dataset(pictures))
    (folder,) = folders(lab_home)
    (folder / "images.npy").write_bytes(b"damaged")
    assert len(load_images(dataset(pictures)).pixels) == 20
    assert len(folders(lab_home)) == 1


def test_no_room_leaves_nothing_half_written(pictures: Path, lab_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(DiskFullError, match="no room"):
        load_images(dataset(pictures))
    assert folders(lab_home) == []


def test_two_processes_may_decode_the_same_set(pictures: Path, lab_home: Path) -> None:
    """The second finds the first one's folder in its place when it is done, and takes that."""

    class Slow:
        def __init__(self, source: object) -> None:
            self.source = source

        def __getattr__(self, name: str) -> object:
            return getattr(self.source, name)

        def open(self, progress: object = None) -> object:
            load_images(dataset(pictures))
            return self.source.open()  # type: ignore[attr-defined]

    from tui_lab.data.folder import Folder

    stored = cache.write(Slow(Folder(pictures)), dataset(pictures))  # type: ignore[arg-type]
    assert len(stored.pixels) == 20
    assert len(folders(lab_home)) == 1


def test_a_share_is_held_out_always_the_same(pictures: Path) -> None:
    first, second = (load_images(dataset(pictures, val_fraction=0.25)) for _ in range(2))
    assert (len(first.train_rows), len(first.held_out_rows)) == (15, 5)
    np.testing.assert_array_equal(first.held_out_rows, second.held_out_rows)
    reds = {*first.take(first.train_rows)[:, 0, 0, 0].tolist(), *first.take(first.held_out_rows)[:, 0, 0, 0].tolist()}
    assert reds == set(range(20))


def test_one_picture_is_never_held_out(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "only.png")
    images = load_images(dataset(tmp_path, val_fraction=0.5))
    assert (len(images.train_rows), len(images.held_out_rows)) == (1, 0)


def test_an_unknown_name_is_told_what_there_is() -> None:
    with pytest.raises(DataError, match="pixel-faces, digits, fashion-mnist") as caught:
        load_images(Dataset(name="pixelfaces"))
    assert "\n" not in caught.value.message
