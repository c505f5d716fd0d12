from pathlib import Path

import numpy as np
import pytest

from tui_lab.runs.folder import RunFolder
from tui_lab.runs.frame import FrameReader, FrameWriter, read_frame


@pytest.fixture
def folder() -> RunFolder:
    return RunFolder.create('[recipe]\nname = "a-test"\n')


def test_a_frame_comes_back_with_its_header(folder: RunFolder) -> None:
    assert read_frame(folder) is None
    pixels = np.arange(2 * 3 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 3, 4, 5, 3)
    FrameWriter(folder).write({"kind": "preview", "step": 7}, pixels)
    frame = read_frame(folder)
    assert frame is not None
    assert frame.header == {"kind": "preview", "step": 7, "shape": [2, 3, 4, 5, 3]}
    assert np.array_equal(frame.pixels, pixels)


def test_a_reader_sees_each_frame_once(folder: RunFolder) -> None:
    reader = FrameReader(folder)
    assert reader.read_new() is None
    for value in range(3):
        FrameWriter(folder).write({}, np.full((1, 1, 2, 2, 3), value, np.uint8))
        frame = reader.read_new()
        assert frame is not None and frame.pixels.max() == value
        assert reader.read_new() is None


@pytest.mark.parametrize("raw", [b"", b"DLF1", b"DLF1\xff\xff\xff\xff", b"DLF1\x02\0\0\0{}", b"DLF1\x05\0\0\0[1,2]abc"])
def test_a_damaged_frame_is_none(folder: RunFolder, raw: bytes) -> None:
    folder.frame_path.write_bytes(raw)
    assert read_frame(folder) is None


@pytest.fixture
def network_home(folder: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The run's folder is on NFS, as the kernel would say; the fixture's value is where temporary files go."""
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/vda / ext4 rw 0 0\nserver:/home {folder.path.parent.resolve()} nfs4 rw 0 0\n")
    monkeypatch.setattr("tui_lab.runs.filesystems.MOUNTS", mounts)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_over_a_network_the_frame_lies_on_this_machine(folder: RunFolder, network_home: Path) -> None:
    writer, reader = FrameWriter(folder), FrameReader(folder)
    for step in (1, 2):
        writer.write({"step": step}, np.zeros((1, 1, 2, 2, 3), np.uint8))
        frame = reader.read_new()
        assert frame is not None and frame.header["step"] == step and not folder.frame_path.exists()
    [temporary] = network_home.glob("diffusion-lab-frame-*")
    assert temporary.stat().st_mode & 0o777 == 0o700 and (temporary / "frame").stat().st_mode & 0o777 == 0o600
    writer.close()
    assert not temporary.exists() and read_frame(folder) is None


def test_what_a_killed_writer_left_goes_with_the_next(folder: RunFolder, network_home: Path) -> None:
    for _ in range(3):
        FrameWriter(folder).write({}, np.zeros((1, 1, 2, 2, 3), np.uint8))
    assert len(list(network_home.glob("diffusion-lab-frame-*"))) == 1 and read_frame(folder) is not None


def test_another_machines_reader_sees_no_frame(
    folder: RunFolder, network_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FrameWriter(folder).write({}, np.zeros((1, 1, 2, 2, 3), np.uint8))
    monkeypatch.setattr("tui_lab.runs.frame.boot_id", lambda: "another boot")
    assert read_frame(folder) is None and FrameReader(folder).read_new() is None
