"""What people and attackers put into a dataset, and what is expected of each: used, left out by name, or refused.

Every case lies beside `good.png` where it can. Whatever it is, the good picture is used, and nothing in the folder is
changed.
"""

from __future__ import annotations

import os
import re
import stat
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.data.files import idx, png_that_claims
from tests.data.odd_files import (
    BLUE,
    GOOD,
    GREEN,
    RED,
    Colour,
    animated,
    array_file,
    bad_checksum,
    cut,
    cut_tar,
    encrypted_zip,
    file,
    identical,
    idx_file,
    image,
    link,
    make_socket,
    noisy,
    npz_that_lies,
    png,
    rotated,
    saved,
    several,
    table,
    tar_special,
    tarred,
    text_chunk_bomb,
    transparent_palette,
    without_permission,
    zip_link,
    zip_that_lies,
    zipped,
)
from tui_lab.data import archive, cache, load_images
from tui_lab.data.folder import Folder
from tui_lab.errors import DataError
from tui_lab.recipe import Dataset

WHITE, BLACK = (255, 255, 255), (0, 0, 0)


@dataclass(frozen=True)
class Used:
    """The colours of the pictures besides the good one, at the corner at the top left, to within 3 of 255."""

    colours: tuple[Colour, ...]
    classes: tuple[str, ...] = ()
    labels: tuple[int, ...] | None = None


@dataclass(frozen=True)
class LeftOut:
    """The name under which it is said to be left out, and why; `colours` of what is used all the same."""

    name: str
    reason: str
    colours: tuple[Colour, ...] = ()


@dataclass(frozen=True)
class Refused:
    """The one line, as a pattern."""

    message: str


@dataclass(frozen=True)
class Case:
    name: str
    make: Callable[[Path], Path | None]
    expected: Used | LeftOut | Refused
    knobs: dict[str, Any] = field(default_factory=dict)
    good: bool = True


FLOATS = np.full((16, 16), 0.5, dtype=np.float32)
HOLES = np.where(np.eye(16) > 0, np.nan, FLOATS).astype(np.float32)
SQUARES = np.full((3, 8, 8), 100, dtype=np.uint8)
GREY = (100, 100, 100)
PICKLED = np.array([{"a": 1}, None], dtype=object)

CASES = [
    # Files that are no pictures, or broken ones
    Case("zero bytes", file("bad.png", b""), LeftOut("bad.png", "empty")),
    Case("JPEG cut short", file("bad.jpg", noisy("JPEG")[:1500]), LeftOut("bad.jpg", "truncated")),
    Case("PNG cut short", file("bad.png", noisy("PNG")[:3000]), LeftOut("bad.png", "truncated")),
    Case("text named .png", file("bad.png", b"hello, world"), LeftOut("bad.png", "not a picture")),
    Case("checksum of a PNG is wrong", file("bad.png", bad_checksum()), LeftOut("bad.png", "checksum|broken|CRC")),
    Case(
        "decompression bomb",
        file("bad.png", png_that_claims(50_000, 50_000)),
        LeftOut("bad.png", "too large: over 100 million"),
    ),
    Case("too large", file("bad.png", png_that_claims(12_000, 12_000)), LeftOut("bad.png", "too large: 12000×12000")),
    Case("bomb in a text chunk", file("bad.png", text_chunk_bomb()), LeftOut("bad.png", "too large")),
    Case("1×60000", file("bad.png", png_that_claims(1, 60_000)), LeftOut("bad.png", "too narrow: 1×60000")),
    Case("0×0", file("bad.png", png_that_claims(0, 0)), LeftOut("bad.png", ".")),
    # Pictures of unusual kinds
    Case("JPEG named .png", image("odd.png", Image.new("RGB", (16, 16), RED), "JPEG"), Used(((254, 0, 0),))),
    Case("PNG named .tif", file("odd.tif", png()), Used((RED,))),
    Case("CMYK", image("odd.jpg", Image.new("CMYK", (16, 16), (0, 0, 0, 0)), "JPEG"), Used((WHITE,))),
    Case("16 bits", image("odd.png", Image.fromarray(np.full((8, 8), 32896, np.uint16))), Used(((128, 128, 128),))),
    Case("float TIFF", image("odd.tif", Image.fromarray(FLOATS), "TIFF"), Used(((128, 128, 128),))),
    Case("float TIFF with NaN", image("odd.tif", Image.fromarray(HOLES), "TIFF"), Used((BLACK,)), {"resolution": 16}),
    Case("1 bit", image("odd.png", Image.new("1", (16, 16), 1)), Used((WHITE,))),
    Case("palette with transparency", file("odd.png", transparent_palette()), Used((WHITE,))),
    Case(
        "transparency on a colour",
        image("odd.png", Image.new("RGBA", (16, 16), (255, 0, 0, 0))),
        Used((BLUE,)),
        {"background": "#0000ff"},
    ),
    Case("grey with transparency", image("odd.png", Image.new("LA", (16, 16), (0, 0))), Used((WHITE,))),
    Case("animated GIF", file("odd.gif", animated("GIF")), Used((GREEN,))),
    Case("animated PNG", file("odd.png", animated("PNG")), Used((GREEN,))),
    Case("animated WebP", file("odd.webp", animated("WEBP")), Used((GREEN,))),
    Case("rotated by EXIF", file("odd.jpg", rotated()), Used((RED,))),
    # Names
    Case("a name that is not UTF-8", file(os.fsdecode(b"odd\xff.png"), png()), Used((RED,))),
    Case("control characters in a name", file("\x1b]0;x\x07.png", b""), LeftOut("�]0;x�.png", "empty")),
    Case("a line feed in a name", file("a\nb.png", b""), LeftOut("a�b.png", "empty")),
    Case("text that turns round in a name", file("\u202egnp.png", b""), LeftOut("�gnp.png", "empty")),
    Case("markup in a name", file("[bold][@click=app.quit].png", b""), LeftOut("[bold][@click=app.quit].png", "empty")),
    Case("a broken tag in a name", file("[", b""), Used(())),
    Case(
        "markup and escapes in classes",
        several(file("[red]/0.png", png(RED)), file("\x1b[2J/0.png", png(BLUE))),
        Used((BLUE, RED), ("�[2J", "[red]"), (0, 1)),
        good=False,
    ),
    Case("a folder named as a picture", file("odd.png/inside.png", png()), Used((RED,))),
    # What is no file
    Case("a link to the folder above", link("up", ".."), LeftOut("up", "link to a folder, which is not followed")),
    Case("links in a loop", several(link("a.png", "b.png"), link("b.png", "a.png")), LeftOut("a.png", "to itself")),
    Case("a link to nothing", link("gone.png", "nowhere.png"), LeftOut("gone.png", "a link to nothing")),
    Case("a link to a picture", link("again.png", "good.png"), Used((GOOD,))),
    Case("a link to a device", link("zero.png", "/dev/zero"), LeftOut("zero.png", "a device, which is not opened")),
    Case("a named pipe", lambda folder: os.mkfifo(folder / "pipe.png"), LeftOut("pipe.png", "a named pipe")),
    Case("a socket", make_socket, LeftOut("socket.png", "a socket")),
    Case(
        "a file without permission",
        several(file("bad.png", png()), without_permission("bad.png")),
        LeftOut("bad.png", "Permission denied"),
    ),
    Case(
        "a folder without permission",
        several(file("shut/odd.png", png()), without_permission("shut")),
        LeftOut("shut/", "cannot be listed: Permission denied"),
    ),
    # Whole folders
    Case("an empty folder", lambda folder: None, Refused("no images under .*: looked for .*png"), good=False),
    Case("no picture in it", file("notes.txt", b"hello"), Refused("no images under"), good=False),
    Case(
        "nothing but a broken one",
        file("bad.png", b"x"),
        Refused(r"no picture that can be used; the first of 1: bad\.png"),
        good=False,
    ),
    Case("nothing but a named pipe", lambda f: os.mkfifo(f / "a.png"), Refused("a.png: a named pipe"), good=False),
    Case("one picture alone", lambda folder: None, Used(())),
    Case("all identical", identical, Used((RED,) * 20)),
    Case("a path to nothing", lambda folder: folder / "gone", Refused("does not exist; set dataset.path")),
    Case("a path to one picture", lambda folder: folder / "good.png", Refused("is one image; set dataset.path")),
    Case("a path to a device", lambda folder: Path("/dev/zero"), Refused("is no file and no folder")),
    Case(
        "a path to text",
        lambda f: (f / "a.txt").write_text("x") and f / "a.txt",
        Refused("of no kind that holds images"),
    ),
    # Tables of labels beside pictures
    Case(
        "a table that names what is not there",
        file("metadata.csv", b"file_name,label\ngood.png,a\ngone.png,b\n"),
        LeftOut("gone.png", "not there"),
    ),
    Case(
        "a table that names what is elsewhere",
        file("metadata.csv", b"file_name,label\ngood.png,a\n../outside.png,b\n/etc/passwd,c\n"),
        LeftOut("../outside.png", "not there"),
    ),
    Case(
        "labels of all kinds, and missing ones",
        several(
            *(file(f"{name}.png", png()) for name in "abcde"),
            file(
                "metadata.jsonl",
                b'{"file_name": "a.png", "label": true}\n{"file_name": "b.png", "label": 3}\n'
                b'{"file_name": "c.png", "label": "[/x]"}\n{"file_name": "d.png", "label": null}\n',
            ),
        ),
        Used((RED,) * 5, ("3", "[/x]", "true"), (2, 0, 1, -1, -1, -1)),
    ),
    Case(
        "a table that is no JSON",
        file("metadata.jsonl", b"{\n"),
        Refused("line 1 of metadata.jsonl is no JSON; mend it"),
    ),
    Case(
        "a label that is not there",
        file("metadata.csv", b"file_name,age\ngood.png,3\n"),
        Refused("no label 'size'; set dataset.label to one of age, folder"),
        {"label": "size"},
    ),
    # Zips
    Case("a zip that leads out", zipped(("../evil.png", png())), LeftOut("../evil.png", "leads out of the archive")),
    Case("a zip with an absolute path", zipped(("/etc/evil.png", png())), LeftOut("/etc/evil.png", "absolute path")),
    Case("a zip with a drive's path", zipped(("C:\\evil.png", png())), LeftOut("C:\\evil.png", "absolute|leads out")),
    Case("a zip with a link", zipped((zip_link(), b"/etc/passwd")), LeftOut("link.png", "a link")),
    Case("a zip bomb", zipped(("bomb.png", b"\0" * (3 << 20))), LeftOut("bomb.png", "too large: it unpacks to 3 MB")),
    Case("a zip whose sizes lie", zip_that_lies, LeftOut("lies.png", "Bad CRC")),
    Case("an encrypted zip", encrypted_zip, LeftOut("secret.png", "encrypted")),
    Case("a zip in a zip", zipped(("more.zip", b"PK\3\4")), Used(())),
    Case("a zip cut short", cut(zipped()), Refused("cannot be read as a zip: .*; get it again")),
    Case("text named .zip", lambda f: file("a.zip", b"x" * 99)(f) or f / "a.zip", Refused("cannot be read as a zip")),
    # Tars
    Case("a tar that leads out", tarred(("a/../../evil.png", png())), LeftOut("a/../../evil.png", "leads out")),
    Case("a tar with an absolute path", tarred(("/evil.png", png())), LeftOut("/evil.png", "absolute path")),
    Case(
        "a tar with a link",
        tarred(tar_special("link.png", tarfile.SYMTYPE, "/etc/passwd"), name="a.tar.gz"),
        LeftOut("link.png", "a link"),
    ),
    Case("a tar with a device", tarred(tar_special("zero.png", tarfile.CHRTYPE)), LeftOut("zero.png", "a device")),
    Case("a tar with a pipe", tarred(tar_special("pipe.png", tarfile.FIFOTYPE)), LeftOut("pipe.png", "a pipe")),
    Case(
        "a bomb in a tar",
        tarred(("bomb.png", b"\0" * (3 << 20)), ("b.png", png(BLUE)), name="a.tar.gz"),
        LeftOut("bomb.png", "too large", (BLUE,)),
    ),
    Case("a tar cut short", cut_tar, LeftOut("pictures.tar", "cut short")),
    Case(
        "text named .tar.gz",
        lambda f: file("a.tar.gz", b"x" * 99)(f) or f / "a.tar.gz",
        Refused("read as a tar: .*; get"),
    ),
    # IDX files
    Case("an IDX file", idx_file(idx(SQUARES)), Used((GREY,) * 3), good=False),
    Case(
        "an IDX header that says more",
        idx_file(idx(SQUARES)[:-9]),
        Refused("cut short.*3×8×8, which is 192 .* 183 are"),
    ),
    Case(
        "an IDX header that says less",
        idx_file(idx(SQUARES) + b"0" * 9),
        Refused("holds more than it says.*201 are there"),
    ),
    Case(
        "an IDX header that says terabytes",
        idx_file(b"\0\0\x08\x03" + b"\xff" * 12, "train-images-idx3-ubyte.gz"),
        Refused("unpacks to over 8 GB"),
    ),
    Case("an IDX file that is none", idx_file(b"hello, world, hello"), Refused("is no IDX file")),
    Case(
        "fewer labels than pictures",
        idx_file(idx(SQUARES), labels=idx(np.zeros(2))),
        Refused("3 pictures and .* 2 labels"),
    ),
    # Arrays
    Case("pickled objects in a .npz", array_file(images=PICKLED), Refused("pickled objects.*never loaded"), good=False),
    Case("pickled objects in a .npy", array_file(npy=PICKLED), Refused("pickled objects.*never loaded")),
    Case(
        "pickled labels", array_file(images=SQUARES, labels=PICKLED), Refused("labels .*pickled objects.*never loaded")
    ),
    Case("a .npz whose header lies", npz_that_lies, Refused("the header of images says")),
    Case("a .npz without pictures", array_file(a=np.zeros(3)), Refused(r"no array of pictures.*it has a 3")),
    Case("seven channels", array_file(npy=np.zeros((3, 8, 8, 7))), Refused("has the shape 3×8×8×7; pictures are")),
    Case("words for pictures", array_file(npy=np.full((2, 4, 4), "x")), Refused("no numbers that could be pictures")),
    Case("text named .npy", lambda f: file("a.npy", b"hello")(f) or f / "a.npy", Refused("cannot be read as .npy")),
    Case(
        "a picture of NaN",
        array_file(npy=np.stack([np.full((8, 8), value) for value in (np.nan, 0.0, 1.0)])),
        LeftOut("row 0", "not one of its values is a number", (BLACK, WHITE)),
        good=False,
    ),
    Case(
        "10,000 classes",
        array_file(images=np.full((10_000, 4, 4), 100, np.uint8), labels=np.arange(10_000)),
        Used((GREY,) * 10_000, tuple(map(str, range(10_000))), tuple(range(10_000))),
        {"resolution": 4},
        good=False,
    ),
    # Tables
    Case(
        "a column that is no image",
        table(picture=[png(GOOD)], note=["hello"]),
        Refused(r"no column of images 'note'; set dataset.image_column \(it has picture, note\)"),
        {"image_column": "note"},
    ),
    Case("no column of images", table(age=[1], note=["hello"]), Refused("no column of images; .*it has age, note")),
    Case("a column that is not there", table(picture=[png(GOOD)]), Refused("no label 'x'"), {"label": "x"}),
    Case("an empty cell", table(picture=[png(GOOD), None]), LeftOut("row 1", "no picture in this row")),
    Case(
        "a cell of a file that is not there",
        table(picture=["a.png", "good.png"]),
        LeftOut("row 0", "there is no file a.png"),
    ),
    Case("a table cut short", cut(table(picture=[png(GOOD)])), Refused("cannot be read as parquet or arrow: .*; get")),
    Case("text named .arrow", lambda f: file("a.arrow", b"hello")(f) or f / "a.arrow", Refused("as parquet or arrow")),
    Case(
        "a saved set that lost a file",
        saved("data-0.arrow"),
        Refused(r"has lost data-0\.arrow; save it again"),
        good=False,
    ),
    Case("a saved set that leads out", saved("../../etc/passwd"), Refused("has lost passwd"), good=False),
]


@pytest.fixture(autouse=True)
def small_bombs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bombs of a few megabytes are as good as real ones where the limit is lower."""
    monkeypatch.setattr(archive, "MAX_MEMBER", 2 << 20)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_bad_input(case: Case, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    if case.good:
        (folder / "good.png").write_bytes(png(GOOD))
    path = case.make(folder) or folder
    before = dict(seen(folder))
    dataset = Dataset.model_validate({"path": str(path), "resolution": 8, "val_fraction": 0.0} | case.knobs)
    if isinstance(case.expected, Refused):
        with pytest.raises(DataError, match=case.expected.message) as caught:
            load_images(dataset)
        assert caught.value.message.isprintable()
    else:
        check(case, load_images(dataset))
    assert dict(seen(folder)) == before


def check(case: Case, images: Any) -> None:
    expected = case.expected
    colours = [tuple(pixels.tolist()) for pixels in images.take(images.train_rows)[:, 0, 0]]
    if case.good:
        assert GOOD in colours
        colours.remove(GOOD)
    assert len(colours) == len(expected.colours)
    assert np.abs(np.array(colours, dtype=int) - np.array(expected.colours, dtype=int)).max(initial=0) <= 3
    if isinstance(expected, LeftOut):
        reasons = {rejected.path: rejected.reason for rejected in images.rejected}
        assert re.search(expected.reason, reasons[expected.name])
    else:
        assert images.rejected == ()
        assert images.classes == expected.classes
        assert expected.labels is None or tuple(images.train_labels.tolist()) == expected.labels
    shown = [*images.classes, *(text for rejected in images.rejected for text in (rejected.path, rejected.reason))]
    assert all(text.isprintable() for text in shown)


def seen(folder: Path) -> Iterator[tuple[str, Any]]:
    """All that is in the folder: kinds, times and content."""
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(status.st_mode) and status.st_mode & 0o400 else b""
        yield str(path), (status.st_mode, status.st_size, status.st_mtime_ns, content)


def test_a_file_that_vanishes_between_listing_and_reading_is_left_out(tmp_path: Path) -> None:
    for name in ("good.png", "gone.png"):
        (tmp_path / name).write_bytes(png())

    class Vanishing(Folder):
        def open(self, progress: Any = None) -> Any:
            opened = super().open(progress)
            (tmp_path / "gone.png").unlink()
            return opened

    dataset = Dataset(path=str(tmp_path), resolution=8, val_fraction=0.0)
    stored = cache.write(Vanishing(tmp_path), dataset)
    assert len(stored.pixels) == 1
    assert [(rejected.path, rejected.reason) for rejected in stored.rejected] == [
        ("gone.png", "No such file or directory")
    ]


def test_a_pipe_that_takes_a_files_place_hangs_nothing(tmp_path: Path) -> None:
    for name in ("good.png", "pipe.png"):
        (tmp_path / name).write_bytes(png())

    class Swapping(Folder):
        def open(self, progress: Any = None) -> Any:
            opened = super().open(progress)
            (tmp_path / "pipe.png").unlink()
            os.mkfifo(tmp_path / "pipe.png")
            return opened

    stored = cache.write(Swapping(tmp_path), Dataset(path=str(tmp_path), resolution=8, val_fraction=0.0))
    assert [rejected.path for rejected in stored.rejected] == ["pipe.png"]
