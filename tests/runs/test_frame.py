import numpy as np
import pytest

from tui_lab.runs.folder import RunFolder
from tui_lab.runs.frame import FrameReader, read_frame, write_frame


@pytest.fixture
def folder() -> RunFolder:
    return RunFolder.create('[recipe]\nname = "a-test"\n')


def test_a_frame_comes_back_with_its_header(folder: RunFolder) -> None:
    assert read_frame(folder) is None
    pixels = np.arange(2 * 3 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 3, 4, 5, 3)
    write_frame(folder, {"kind": "preview", "step": 7}, pixels)
    frame = read_frame(folder)
    assert frame is not None
    assert frame.header == {"kind": "preview", "step": 7, "shape": [2, 3, 4, 5, 3]}
    assert np.array_equal(frame.pixels, pixels)


def test_a_reader_sees_each_frame_once(folder: RunFolder) -> None:
    reader = FrameReader(folder)
    assert reader.read_new() is None
    for value in range(3):
        write_frame(folder, {}, np.full((1, 1, 2, 2, 3), value, np.uint8))
        frame = reader.read_new()
        assert frame is not None and frame.pixels.max() == value
        assert reader.read_new() is None


@pytest.mark.parametrize("raw", [b"", b"DLF1", b"DLF1\xff\xff\xff\xff", b"DLF1\x02\0\0\0{}", b"DLF1\x05\0\0\0[1,2]abc"])
def test_a_damaged_frame_is_none(folder: RunFolder, raw: bytes) -> None:
    folder.frame_path.write_bytes(raw)
    assert read_frame(folder) is None
