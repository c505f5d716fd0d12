from __future__ import annotations

import io
import os
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.data.files import grey_dataset, grey_png
from tui_lab.data import archive, load_images
from tui_lab.data.archive import Archive, Member, PackedTarReader, tar_members
from tui_lab.data.source import Raw
from tui_lab.errors import DataError

KINDS = ("zip", "tar", "tar.gz", "tar.bz2", "tar.xz")


def pack(path: Path, members: dict[str, bytes]) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as file:
            for name, content in members.items():
                file.writestr(name, content)
        return path
    mode = {".tar": "w", ".gz": "w:gz", ".bz2": "w:bz2", ".xz": "w:xz"}[path.suffix]
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_and_classes_are_found_below_the_one_folder_that_archives_have(tmp_path: Path, kind: str) -> None:
    members = {
        f"photos/{name}/{number}.png": grey_png(value + number)
        for name, value in (("b", 100), ("a", 0))
        for number in (1, 2)
    }
    members |= {"photos/readme.txt": b"hello", "photos/.hidden.png": b"", "__MACOSX/photos/a/._1.png": b""}
    images = load_images(grey_dataset(pack(tmp_path / f"photos.{kind}", members)))
    assert images.classes == ("a", "b")
    assert sorted(zip(images.pixels[:, 0, 0, 0].tolist(), images.labels.tolist(), strict=True)) == [
        (1, 0),
        (2, 0),
        (101, 1),
        (102, 1),
    ]
    assert images.rejected == ()


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_a_table_of_labels_inside_is_used(tmp_path: Path, kind: str) -> None:
    members = {
        "p/a.png": grey_png(1),
        "p/b.png": grey_png(2),
        "p/metadata.csv": b"file_name,mood\na.png,sad\nb.png,glad\n",
    }
    images = load_images(grey_dataset(pack(tmp_path / f"p.{kind}", members), label="mood"))
    assert images.classes == ("glad", "sad")
    assert images.labels.tolist() == [1, 0]


def test_nothing_is_written_anywhere_but_to_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = pack(tmp_path / "p.tar.gz", {"a.png": grey_png(1), "../../evil.png": grey_png(2)})
    monkeypatch.chdir(tmp_path)
    load_images(grey_dataset(path))
    assert list(tmp_path.iterdir()) == [path]


def test_a_member_whose_content_is_damaged_is_left_out(tmp_path: Path) -> None:
    path = pack(tmp_path / "p.zip", {"a.png": grey_png(1), "b.png": grey_png(2)})
    content = path.read_bytes()
    path.write_bytes(content.replace(grey_png(2), grey_png(2)[:-1] + b"x"))
    images = load_images(grey_dataset(path))
    assert [(item.path, item.reason) for item in images.rejected] == [("b.png", "Bad CRC-32 for file 'b.png'")]


def test_a_damaged_compressed_tar_gives_what_comes_before_the_damage(tmp_path: Path) -> None:
    members = {f"{number}.png": os.urandom(20_000) for number in range(20)} | {"z.png": grey_png(9)}
    path = pack(tmp_path / "p.tar.gz", {"first.png": grey_png(7), **members})
    path.write_bytes(path.read_bytes()[:200_000])
    images = load_images(grey_dataset(path))
    assert images.pixels[:, 0, 0, 0].tolist() == [7]
    assert images.rejected[-1].path == "p.tar.gz"
    assert "damaged after" in images.rejected[-1].reason


@pytest.mark.parametrize("kind", KINDS)
def test_members_come_right_from_many_threads_in_any_order(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "KEPT_AHEAD", 50_000)
    monkeypatch.setattr(archive, "GIVE_UP_AFTER", 0.01)
    random = np.random.default_rng(0)
    members = {f"{number:03}.png": random.bytes(5_000) for number in range(100)}
    opened = Archive(pack(tmp_path / f"p.{kind}", members), kind != "zip", "").open()

    def right(index: int) -> bool:
        raw = opened.raw(index)
        return isinstance(raw, Raw) and raw.content == members[raw.name]

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(right, range(100)))
        assert all(pool.map(right, random.permutation(100)[:30]))


def test_a_compressed_tar_is_unpacked_once_where_it_is_read_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pack(tmp_path / "p.tar.gz", {f"{number}.png": bytes(1000) for number in range(50)})
    members = tar_members(path, None).pictures
    unpacked: list[str] = []

    class Counting(PackedTarReader):
        def _unpack(self, member: Member) -> bytes:
            unpacked.append(member.name)
            return super()._unpack(member)

    reader = Counting(path, members)
    for first in range(0, 50, 10):  # as two threads do, each with a stretch of its own
        for offset in (5, 0, 6, 1, 7, 2, 8, 3, 9, 4):
            reader.read(members[first + offset])
    assert len(unpacked) == 50


def test_listing_can_be_given_up(tmp_path: Path) -> None:
    path = pack(tmp_path / "p.tar.gz", {f"{number}.png": b"" for number in range(500)})

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_images(grey_dataset(path), stop)


def test_an_archive_without_images_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no images in .*; choose another archive or a folder"):
        load_images(grey_dataset(pack(tmp_path / "p.zip", {"a.txt": b"hello"})))
