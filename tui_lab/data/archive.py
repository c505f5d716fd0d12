"""A zip or tar of pictures, read in place: nothing of it is ever unpacked to the disk.

Members whose names lead out of the archive, links, devices, and members that unpack to more than `MAX_MEMBER` are named
and left out; a name is only ever a name here, and no path is made of it.
"""

from __future__ import annotations

import os
import stat
import tarfile
import threading
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple, Protocol

from tui_lab.data.images import Progress, Rejected
from tui_lab.data.layout import common_folder, is_picture
from tui_lab.data.metadata import NAMES, read_metadata
from tui_lab.data.named import OpenedNames, open_names
from tui_lab.data.source import Raw
from tui_lab.data.stamps import stamp
from tui_lab.errors import DataError
from tui_lab.sanitize import clean

if TYPE_CHECKING:
    from tui_lab.recipe import Dataset

MAX_MEMBER = 256 << 20
"""Bytes that one picture may unpack to, still encoded."""
MAX_PASSED = 4 << 30
"""Bytes that a member of a compressed tar may unpack to; to get past it, all of it is unpacked."""
KEPT_AHEAD = 64 << 20
"""Bytes of a compressed tar's members that are kept for threads which ask a little out of order."""
GIVE_UP_AFTER = 0.5
"""Seconds to wait for those threads, before what they have not asked for is let go."""
REPORT_EVERY = 100

BROKEN = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    zlib.error,
    LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
)
"""All that the readers raise on archives that are cut short, encrypted, or none."""


class Member(NamedTuple):
    """A picture, or a table of labels, and where it is: a zip's place in its directory, a tar's offset."""

    name: str
    size: int
    place: int


class Members(NamedTuple):
    pictures: list[Member]
    tables: list[Member]
    rejected: list[Rejected]


class Reader(Protocol):
    """The bytes of members, from any thread. Raises one of BROKEN."""

    def read(self, member: Member) -> bytes: ...


def _refusal(name: str, size: int) -> str:
    """Why a member is left out whatever it holds, or ""."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or name[1:2] == ":":
        return "an absolute path"
    if ".." in path.parts:
        return "a path that leads out of the archive"
    if size > MAX_MEMBER:
        return f"too large: it unpacks to {size >> 20} MB"
    return ""


def _hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts if part not in (".", ".."))


class ZipReader:
    """A zip's central directory tells all that there is; members are read in any order."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path)

    def members(self, progress: Progress | None) -> Members:
        found = Members([], [], [])
        for place, info in enumerate(self._zip.infolist()):
            if progress and place % REPORT_EVERY == 0:
                progress(len(found.pictures), 0)
            name, mode = info.filename, info.external_attr >> 16
            if info.is_dir() or _hidden(name) or not (is_picture(name) or PurePosixPath(name).name in NAMES):
                continue
            reason = _refusal(name, info.file_size)
            if stat.S_ISLNK(mode):
                reason = "a link, which is not followed"
            elif mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                reason = "a device, and no file"
            elif info.flag_bits & 1:
                reason = reason or "encrypted"
            if reason:
                found.rejected.append(Rejected(name, reason))
            else:
                part = found.pictures if is_picture(name) else found.tables
                part.append(Member(name, info.file_size, place))
        return found

    def read(self, member: Member) -> bytes:
        with self._zip.open(self._zip.infolist()[member.place]) as file:
            return file.read(MAX_MEMBER)


def tar_members(path: Path, progress: Progress | None) -> Members:
    """Reads the whole archive once, as tars have no directory. What is behind a damage is left out, with a word."""
    found, seen = Members([], [], []), 0
    with tarfile.open(path) as archive:
        try:
            while (info := archive.next()) is not None:
                archive.members = []  # type: ignore[attr-defined]  # or it would hold all of them
                seen += 1
                if progress and seen % REPORT_EVERY == 0:
                    progress(len(found.pictures), 0)
                _sort_in(info, found)
                if info.size > MAX_PASSED and not _is_plain(path):
                    found.rejected.append(Rejected(info.name, "too large to unpack past it: the rest is left out"))
                    break
        except BROKEN as error:
            if not seen:
                raise
            found.rejected.append(Rejected(path.name, f"cut short or damaged after {seen} members ({error})"))
    return found


def _sort_in(info: tarfile.TarInfo, found: Members) -> None:
    name = info.name
    if info.isdir() or _hidden(name):
        return
    if info.issym() or info.islnk():
        reason = "a link, which is not followed"
    elif not info.isfile():
        reason = "a device or a pipe, and no file"
    elif not (is_picture(name) or PurePosixPath(name).name in NAMES):
        return
    else:
        reason = "a sparse file" if info.issparse() else _refusal(name, info.size)
    if reason:
        found.rejected.append(Rejected(name, reason))
    else:
        (found.pictures if is_picture(name) else found.tables).append(Member(name, info.size, info.offset_data))


class PlainTarReader:
    """A tar that is not compressed: a member is a stretch of the file."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")

    def read(self, member: Member) -> bytes:
        content = os.pread(self._file.fileno(), member.size, member.place)
        if len(content) < member.size:
            raise EOFError("the archive is cut short")
        return content


class PackedTarReader:
    """A compressed tar, unpacked from its start onwards: cheap in rising order; to go back it begins again."""

    def __init__(self, path: Path, members: Sequence[Member]) -> None:
        self._stream = tarfile.open(path).fileobj  # noqa: SIM115 - read from as long as there are pictures to read
        self._members = sorted(members, key=lambda member: member.place)
        self._number = {member.place: number for number, member in enumerate(self._members)}
        self._next = 0
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._kept_bytes = 0
        self._changed = threading.Condition()

    def read(self, member: Member) -> bytes:
        with self._changed:
            while member.place not in self._kept:
                if self._number[member.place] < self._next:
                    return self._unpack(member)  # it was let go, or is asked for again
                self._keep(self._members[self._next])
                if self._kept_bytes > KEPT_AHEAD and member.place not in self._kept:
                    self._wait_for_room()
            content = self._kept.pop(member.place)
            self._kept_bytes -= len(content)
            self._changed.notify_all()
            return content

    def _keep(self, member: Member) -> None:
        self._next += 1
        self._kept[member.place] = self._unpack(member)
        self._kept_bytes += member.size

    def _unpack(self, member: Member) -> bytes:
        if self._stream is None:
            raise EOFError("the archive is closed")
        self._stream.seek(member.place)
        content = self._stream.read(member.size)
        if len(content) < member.size:
            raise EOFError("the archive is cut short")
        return content

    def _wait_for_room(self) -> None:
        """Others are about to ask for what was read on the way; what they do not ask for is let go."""
        if not self._changed.wait_for(lambda: self._kept_bytes <= KEPT_AHEAD, GIVE_UP_AFTER):
            while self._kept_bytes > KEPT_AHEAD:
                self._kept_bytes -= len(self._kept.popitem(last=False)[1])


def _is_plain(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(262)[257:] == b"ustar"


@dataclass(frozen=True, slots=True)
class Archive:
    """A zip, or a tar that may be compressed with gzip, bzip2 or xz. Folders in it are classes as a folder's are;
    a zip's pictures come in the order of their names, and a tar's in its own."""

    path: Path
    is_tar: bool
    label: str

    @classmethod
    def of(cls, dataset: Dataset, path: Path, is_tar: bool) -> Archive:
        return cls(path, is_tar, dataset.label)

    @property
    def name(self) -> str:
        return clean(self.path.name, 80)

    @property
    def origin(self) -> str:
        return f"images of your own, from {clean(str(self.path))}"

    def manifest(self, progress: Progress | None = None) -> str:
        return "\n".join(["archive", self.label, stamp(self.path)])

    def open(self, progress: Progress | None = None) -> OpenedNames:
        try:
            members, reader = self._read(progress)
            tables = {member.name: reader.read(member) for member in members.tables}
        except BROKEN as error:
            kind, reason = "tar" if self.is_tar else "zip", clean(str(error).partition("\n")[0], 160)
            raise DataError(f"{clean(str(self.path))} cannot be read as a {kind}: {reason}; get it again") from error
        if not members.pictures:
            first = "".join(f"; {clean(item.path)}: {item.reason}" for item in members.rejected[:1])
            raise DataError(f"no images in {clean(str(self.path))}{first}; choose another archive or a folder")
        members.pictures.sort(key=lambda member: member.place if self.is_tar else member.name)
        names = [member.name.removeprefix("./") for member in members.pictures]
        outer = len(common_folder(names))
        inner = [name[outer:] for name in names]
        metadata = read_metadata({name.removeprefix("./")[outer:]: content for name, content in tables.items()})
        read = partial(_read_picture, reader, members.pictures)
        return open_names(inner, read, metadata, self.label, self.name, members.rejected)

    def _read(self, progress: Progress | None) -> tuple[Members, Reader]:
        if not self.is_tar:
            reader = ZipReader(self.path)
            return reader.members(progress), reader
        members = tar_members(self.path, progress)
        if _is_plain(self.path):
            return members, PlainTarReader(self.path)
        return members, PackedTarReader(self.path, [*members.pictures, *members.tables])


def _read_picture(reader: Reader, pictures: Sequence[Member], index: int) -> Raw | Rejected:
    name = pictures[index].name
    try:
        return Raw(name, reader.read(pictures[index]))
    except BROKEN as error:
        return Rejected(name, str(error).partition("\n")[0] or type(error).__name__)
