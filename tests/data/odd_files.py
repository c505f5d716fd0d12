"""Makers of odd and hostile files for the table of bad input: each takes the folder, and gives the path to open where
that is not the folder itself."""

from __future__ import annotations

import gzip
import io
import os
import socket
import stat
import struct
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image, PngImagePlugin
from pyarrow import parquet

from tests.data.files import encoded

Colour = tuple[int, int, int]
GOOD: Colour = (10, 20, 30)
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def png(colour: Colour = RED, size: tuple[int, int] = (16, 16)) -> bytes:
    return encoded(Image.new("RGB", size, colour))


def noisy(kind: str) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    return encoded(Image.fromarray(pixels), kind)


def bad_checksum() -> bytes:
    content = bytearray(noisy("PNG"))
    content[content.index(b"IDAT") + 200] ^= 0xFF
    return bytes(content)


def rotated() -> bytes:
    """Blue above red as it is stored; EXIF says that the camera was held the other way up."""
    image = Image.new("RGB", (16, 16), RED)
    image.paste(BLUE, (0, 0, 16, 8))
    exif = Image.Exif()
    exif[0x0112] = 3
    return encoded(image, "JPEG", exif=exif, quality=100)


def transparent_palette() -> bytes:
    image = Image.new("P", (16, 16), 1)
    image.putpalette([0, 0, 0, 255, 0, 0])
    return encoded(image, "PNG", transparency=1)


def animated(kind: str) -> bytes:
    frames = [Image.new("RGB", (16, 16), colour) for colour in (GREEN, RED, BLUE)]
    options = {"lossless": True} if kind == "WEBP" else {}
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=50, **options)


def text_chunk_bomb() -> bytes:
    about = PngImagePlugin.PngInfo()
    about.add_text("comment", "a" * (80 << 20), zip=True)
    return encoded(Image.new("RGB", (16, 16), RED), "PNG", pnginfo=about)


def file(name: str, content: bytes) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    return make


def image(name: str, picture: Image.Image, kind: str = "PNG", **options: Any) -> Callable[[Path], None]:
    return file(name, encoded(picture, kind, **options))


def link(name: str, target: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).symlink_to(target)


def several(*makers: Callable[[Path], Any]) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        for maker in makers:
            maker(folder)

    return make


def without_permission(name: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        if os.geteuid() == 0:
            pytest.skip("root may read everything")
        (folder / name).chmod(0)

    return make


def make_socket(folder: Path) -> None:
    # The path of a socket may not be long; it is made where we are, and moved there.
    with tempfile.TemporaryDirectory() as short, socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{short}/socket")
        Path(short, "socket").rename(folder / "socket.png")


def identical(folder: Path) -> None:
    for number in range(20):
        (folder / f"{number}.png").write_bytes(png())


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / "pictures.zip"
        with zipfile.ZipFile(path, "w", method) as file:
            file.writestr("good.png", png(GOOD))
            for name, content in members:
                file.writestr(name, content)
        return path

    return make


def zip_link() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("link.png")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def zip_that_lies(folder: Path) -> Path:
    """A member whose directory entry says 100 bytes, and which unpacks to a million."""
    path = zipped(("lies.png", b"\0" * 1_000_000))(folder)
    content = path.read_bytes()
    path.write_bytes(content.replace(struct.pack("<I", 1_000_000), struct.pack("<I", 100)))
    return path


def encrypted_zip(folder: Path) -> Path:
    path = zipped(("secret.png", png()))(folder)
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"PK\x01\x02")
    content[entry + 8] |= 1
    path.write_bytes(content)
    return path


def tarred(*members: tarfile.TarInfo | tuple[str, bytes], name: str = "pictures.tar") -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / name
        with tarfile.open(path, "w:gz" if name.endswith("gz") else "w") as file:
            for member in (("good.png", png(GOOD)), *members):
                if isinstance(member, tarfile.TarInfo):
                    file.addfile(member)
                else:
                    info = tarfile.TarInfo(member[0])
                    info.size = len(member[1])
                    file.addfile(info, io.BytesIO(member[1]))
        return path

    return make


def tar_special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def cut_tar(folder: Path) -> Path:
    path = tarred(("cut.png", os.urandom(100_000)))(folder)
    path.write_bytes(path.read_bytes()[:50_000])
    return path


def idx_file(content: bytes, name: str = "train-images-idx3-ubyte", labels: bytes = b"") -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        if labels:
            (folder / "train-labels-idx1-ubyte").write_bytes(labels)
        return path

    return make


def array_file(**arrays: Any) -> Callable[[Path], Path]:
    """A `.npz`, or with the one name `npy` a `.npy`."""

    def make(folder: Path) -> Path:
        if "npy" in arrays:
            np.save(folder / "pictures.npy", arrays["npy"], allow_pickle=True)
            return folder / "pictures.npy"
        np.savez(folder / "pictures.npz", allow_pickle=True, **arrays)
        return folder / "pictures.npz"

    return make


def npz_that_lies(folder: Path) -> Path:
    header = io.BytesIO()
    about = {"descr": "|u1", "fortran_order": False, "shape": (1 << 40, 8, 8)}
    np.lib.format.write_array_header_1_0(header, about)
    with zipfile.ZipFile(folder / "pictures.npz", "w") as file:
        file.writestr("images.npy", header.getvalue() + b"\0" * 64)
    return folder / "pictures.npz"


def table(**columns: Any) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        parquet.write_table(pa.table(columns), folder / "pictures.parquet")
        return folder / "pictures.parquet"

    return make


def cut(make: Callable[[Path], Path]) -> Callable[[Path], Path]:
    def make_cut(folder: Path) -> Path:
        path = make(folder)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        return path

    return make_cut


def saved(*names: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        entries = ", ".join(f'{{"filename": "{name}"}}' for name in names)
        (folder / "state.json").write_text(f'{{"_data_files": [{entries}]}}')
        (folder / "dataset_info.json").write_text("{}")
        return folder

    return make
