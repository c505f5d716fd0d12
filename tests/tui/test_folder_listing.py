"""Folders read a level at a time, given up when asked to."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from tui_lab.tui import folder_listing
from tui_lab.tui.aside import Stopped
from tui_lab.tui.folder_listing import describe_file, describe_folder, list_folder


def fill(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder


def unheard(seen: int, total: int) -> None:
    """Nobody asks how far it is."""


def test_folders_come_before_files_each_by_name(tmp_path: Path) -> None:
    fill(tmp_path, "b.png", "A.png", "z/1.png", "Y/1.png")
    listing = list_folder(tmp_path, False, unheard)
    assert (listing.folders, listing.files) == (("Y", "z"), ("A.png", "b.png"))


def test_hidden_names_are_counted_and_shown_on_request(tmp_path: Path) -> None:
    fill(tmp_path, ".secret", "open.png")
    assert list_folder(tmp_path, False, unheard).hidden == 1
    assert list_folder(tmp_path, True, unheard).files == (".secret", "open.png")


def test_a_large_folder_shows_its_first_files_and_counts_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_listing, "FILES_SHOWN", 3)
    monkeypatch.setattr(folder_listing, "SAID_EVERY", 2)
    seen: list[tuple[int, int]] = []
    files = fill(tmp_path, *(f"{n}.png" for n in range(9)))
    listing = list_folder(files, False, lambda *far: seen.append(far))
    assert (listing.files, listing.more) == (("0.png", "1.png", "2.png"), 6)
    assert seen == [(2, 0), (4, 0), (6, 0), (8, 0)]


def test_reading_stops_when_nobody_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_listing, "SAID_EVERY", 2)
    fill(tmp_path, "a.png", "b.png", "c.png")

    def stop(seen: int, total: int) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        list_folder(tmp_path, False, stop)
    with pytest.raises(Stopped):
        describe_folder(tmp_path, stop)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["a.png", "b.png", "c.jpg", "notes.txt"], "3 images (png 2, jpg 1)"),
        (["cats/1.png", "cats/2.png", "dogs/1.png"], "3 images in 2 folders (cats, dogs)"),
        (["notes.txt"], "no image in it; files: txt 1"),
        (["deep/er/1.png"], "no image in it, nor one level down"),
        ([], "no image in it"),
    ],
)
def test_a_folder_is_described(tmp_path: Path, names: list[str], words: str) -> None:
    assert describe_folder(fill(tmp_path, *names), unheard) == words


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    assert list_folder(tmp_path / "gone", False, unheard).problem == "No such file or directory"
    assert "No such file" in describe_folder(tmp_path / "gone", unheard)
    assert "No such file" in describe_file(tmp_path / "gone")


def test_a_folder_of_another_kind_is_described_by_its_files(tmp_path: Path) -> None:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 8, 0, 0, 0, 8]))
    assert describe_folder(tmp_path, unheard) == "IDX files of 2×8×8 pixels"


def test_a_loop_of_links_is_a_file_among_others(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert list_folder(tmp_path, False, unheard).files == ("loop",)


def test_a_file_is_described_by_its_kind_and_size(tmp_path: Path) -> None:
    fill(tmp_path, "a.png", "a.txt", "broken.zip")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("one.png", b"x")
    os.mkfifo(tmp_path / "pipe")
    assert describe_file(tmp_path / "a.zip").startswith("a zip of 1 image, ")
    assert describe_file(tmp_path / "broken.zip") == "holds no images that can be read, 1 bytes"
    assert "take the folder" in describe_file(tmp_path / "a.png")
    assert "no images" in describe_file(tmp_path / "a.txt")
    assert describe_file(tmp_path / "pipe") == "neither a file nor a folder"
