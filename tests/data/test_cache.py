from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tui_lab.data import Progress, cache, load_cached, load_images
from tui_lab.data.folder import Folder
from tui_lab.data.named import OpenedNames
from tui_lab.data.recorded import names_of
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

    class Slow(Folder):
        def open(self, progress: Progress | None = None) -> OpenedNames:
            load_images(dataset(pictures))
            return super().open(progress)

    stored = cache.write(Slow(pictures), dataset(pictures))
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


def test_the_order_is_the_sources_however_many_threads_decode(tmp_path: Path) -> None:
    for number in range(300):
        side = 400 if number % 7 == 0 else 8  # large ones take longer, and must not be overtaken
        Image.new("RGB", (side, side), (number % 256, number // 256, 0)).save(tmp_path / f"{number:03}.png")
    images = load_images(dataset(tmp_path))
    red, green, _ = images.pixels[:, 0, 0].astype(int).T
    assert (red + 256 * green).tolist() == list(range(300))
    assert names_of(images)[17] == "017.png"


def test_an_array_is_shaped_at_once_and_is_as_if_decoded_one_by_one(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    small = random.integers(0, 256, (50, 7, 7, 3), dtype=np.uint8)
    pictures = small.repeat(4, axis=1).repeat(4, axis=2)
    np.savez(tmp_path / "set.npz", images=pictures, labels=np.arange(50) % 3)
    (tmp_path / "folder").mkdir()
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(tmp_path / "folder" / f"{number:02}.png")
    for knobs in ({"resolution": 28}, {"resolution": 16, "resize_filter": "box"}, {"resolution": 28, "channels": 1}):
        together, apart = (load_images(dataset(tmp_path / name, **knobs)) for name in ("set.npz", "folder"))
        np.testing.assert_allclose(together.pixels.astype(int), apart.pixels, atol=1)
    assert together.labels.tolist() == [0, 1, 2] * 16 + [0, 1]


def test_what_needs_no_decoding_shares_an_entry(pictures: Path, lab_home: Path) -> None:
    first = load_images(dataset(pictures))
    later = load_images(dataset(pictures, random_flip=True, random_rotation=5.0, limit=7, val_fraction=0.5))
    assert len(folders(lab_home)) == 1 and first.content_hash == later.content_hash
    assert len(later.train_rows) + len(later.held_out_rows) == 7


def test_the_hash_is_of_what_was_decoded(pictures: Path, tmp_path: Path) -> None:
    first = load_images(dataset(pictures))
    shutil.copytree(pictures, tmp_path / "copy")
    assert load_images(dataset(tmp_path / "copy")).content_hash == first.content_hash
    Image.new("RGB", (8, 8), (99, 99, 99)).save(pictures / "07.png")
    assert load_images(dataset(pictures)).content_hash != first.content_hash
    assert len(first.content_hash) == 64


def test_stopping_leaves_nothing(pictures: Path, lab_home: Path) -> None:
    class StoppedError(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise StoppedError

    with pytest.raises(StoppedError):
        load_images(dataset(pictures), stop)
    assert folders(lab_home) == []
    assert not any("decoder" in thread.name for thread in threading.enumerate())


class TestRoom:
    """The cache is bounded; sets in use stay."""

    def sets(self, tmp_path: Path, count: int) -> list[Dataset]:
        """Of 48 kB of pixels each."""
        for number in range(count):
            (tmp_path / f"set{number}").mkdir()
            Image.new("RGB", (128, 128), (number, 0, 0)).save(tmp_path / f"set{number}" / "only.png")
        return [dataset(tmp_path / f"set{number}", resolution=128) for number in range(count)]

    def test_the_set_used_longest_ago_goes_first(
        self, tmp_path: Path, lab_home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(cache.LIMIT_VARIABLE, "0.00012")  # two sets and their labels
        first, second, third = self.sets(tmp_path, 3)
        for number, each in enumerate((first, second)):
            folder = load_images(each).folder
            assert folder is not None
            os.utime(folder, (number, number))
        load_cached(first)  # used again just now
        load_images(third)
        assert sorted(folder.name[:4] for folder in folders(lab_home)) == ["set0", "set2"]

    def test_a_set_in_use_is_kept(self, tmp_path: Path, lab_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(cache.LIMIT_VARIABLE, "0")
        first, second, third = self.sets(tmp_path, 3)
        held = load_images(first)
        part = held.pixels[:, :8]
        del held  # whoever uses a part of the pixels uses the set
        load_images(second)
        load_images(third)
        assert sorted(folder.name[:4] for folder in folders(lab_home)) == ["set0", "set2"]
        assert part.max() == 0
        del part
        load_images(second)
        assert [folder.name[:4] for folder in folders(lab_home)] == ["set1"]

    def test_another_process_keeps_it_too(
        self, tmp_path: Path, lab_home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second, _ = self.sets(tmp_path, 3)
        folder = load_images(first).folder
        assert folder is not None
        reader = subprocess.Popen(
            [sys.executable, "-c", READER, first.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert reader.stdin is not None and reader.stdout is not None
        assert reader.stdout.readline() == "open\n"
        monkeypatch.setenv(cache.LIMIT_VARIABLE, "0")
        load_images(second)
        assert folder.is_dir()
        reader.communicate("done\n")
        cache.let_go()
        assert not folder.exists()

    def test_what_a_dead_process_left_is_swept_away(self, pictures: Path, lab_home: Path) -> None:
        left = lab_home / "cache" / "datasets" / ".decoding-abandoned"
        left.mkdir(parents=True)
        (left / "images.npy").write_bytes(b"half")
        for path in (left / "images.npy", left):
            os.utime(path, (0, 0))
        fresh = left.with_name(".decoding-fresh")
        fresh.mkdir()
        load_images(dataset(pictures))
        assert not left.exists() and fresh.exists()

    def test_a_disk_without_room_is_said_before_anything_is_decoded(
        self, pictures: Path, lab_home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        usage = shutil.disk_usage(pictures)._replace(free=1000)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
        with pytest.raises(DiskFullError, match="free some space"):
            load_images(dataset(pictures))
        assert folders(lab_home) == []

    def test_a_limit_that_is_no_number(self, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(cache.LIMIT_VARIABLE, "much")
        with pytest.raises(DataError, match="DIFFUSION_LAB_CACHE_GB is 'much'"):
            load_images(dataset(pictures))


READER = """
import sys
from tui_lab.data import load_cached
from tui_lab.recipe import Dataset
images = load_cached(Dataset(path=sys.argv[1], resolution=128, val_fraction=0.0))
assert images is not None
print("open", flush=True)
sys.stdin.readline()
"""
