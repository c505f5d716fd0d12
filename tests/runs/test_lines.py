import errno
import os
import stat
from pathlib import Path

import pytest

from tui_lab.errors import DiskFullError
from tui_lab.runs.lines import LineReader, LineWriter, decode, encode


def test_a_line_comes_back_as_it_was() -> None:
    document = {"a": 1, "b": [1.5, "ᾱ\n\r"], "c": None}
    line = encode(document)
    assert line.count(b"\n") == 1 and line.endswith(b"\n")
    assert decode(line[:-1]) == document


def test_a_changed_byte_is_noticed() -> None:
    line = bytearray(encode({"loss": 0.25})[:-1])
    line[-3] ^= 1
    assert decode(bytes(line)) is None


@pytest.mark.parametrize("line", [b"", b"\0" * 40, b"00000000 {}", b"zzzzzzzz {}", b"no crc at all"])
def test_damaged_lines_are_no_documents(line: bytes) -> None:
    assert decode(line) is None


def test_numbers_that_are_not_finite_become_null() -> None:
    assert decode(encode({"loss": [float("nan"), 1.0], "x": float("inf")})[:-1]) == {"loss": [None, 1.0], "x": None}


def test_the_writer_cuts_a_torn_tail_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(encode({"n": 1}) + encode({"n": 2})[:-5])
    writer = LineWriter(path)
    writer.append({"n": 3})
    assert LineReader(path).read_new() == [{"n": 1}, {"n": 3}]


def test_a_tail_without_any_newline_is_cut_whole(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"x" * 200_000)
    assert LineWriter(path).size == 0


def test_a_reader_waits_for_the_rest_of_a_torn_line(tmp_path: Path) -> None:
    path, line = tmp_path / "lines", encode({"n": 1})
    reader = LineReader(path)
    assert reader.read_new() == []
    path.write_bytes(line[:7])
    assert reader.read_new() == []
    path.write_bytes(line)
    assert reader.read_new() == [{"n": 1}]
    assert reader.read_new() == [] and reader.skipped == 0


def test_a_full_disk_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lines"
    writer = LineWriter(path)
    writer.append({"n": 1})
    real_write = os.write

    def half_then_full(descriptor: int, data: memoryview) -> int:
        if len(data) < 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real_write(descriptor, data[: len(data) - 10])

    with monkeypatch.context() as patch:
        patch.setattr("tui_lab.runs.files.os.write", half_then_full)
        with pytest.raises(DiskFullError, match="no room left"):
            writer.append({"n": 2, "text": "long enough"})
    assert path.read_bytes() == encode({"n": 1})
    writer.append({"n": 3})
    assert LineReader(path).read_new() == [{"n": 1}, {"n": 3}]


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    LineWriter(tmp_path / "lines")
    assert stat.S_IMODE((tmp_path / "lines").stat().st_mode) == 0o600
