import errno
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tui_lab.errors import DiskFullError, LabError, RunError
from tui_lab.pictures.files import STILL, check_path, save_grid, save_single, save_singles, save_steps, save_strip
from tui_lab.pictures.grid import grid, side_by_side

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_a_grid_holds_the_pictures_pixel_for_pixel_enlarged_by_a_whole_factor(tmp_path: Path) -> None:
    save_grid(tmp_path / "a.png", IMAGES)
    read = pixels(tmp_path / "a.png")
    assert read.shape == (128, 128, 3)
    assert np.array_equal(read[2::4, 2::4], grid(IMAGES))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_single_pictures_are_as_they_were_drawn(tmp_path: Path, channels: int) -> None:
    images = np.random.default_rng(1).integers(0, 256, (3, 8, 6, channels), dtype=np.uint8)
    paths = save_singles(tmp_path / "new" / "singles", images)
    assert [path.name for path in paths] == ["000.png", "001.png", "002.png"]
    for path, image in zip(paths, images, strict=True):
        assert np.array_equal(pixels(path).reshape(image.shape), image)


def test_a_strip_is_for_a_paper(tmp_path: Path) -> None:
    steps = [np.full((2, 64, 64, 1), 20 * step, np.uint8) for step in range(11)]
    save_strip(tmp_path / "a.png", steps, 3)
    assert pixels(tmp_path / "a.png")[::64, ::64, 0].tolist() == [[0, 100, 200]] * 2


@pytest.mark.parametrize("name", ["a.gif", "a.webp"])
def test_an_animation_has_a_frame_for_each_step_with_its_panes_and_stays_at_the_end(tmp_path: Path, name: str) -> None:
    steps = [np.full((2, 4, 8, 8, 1), 60 * step, np.uint8) for step in range(4)]
    for step in steps:
        step[1] += 30
    save_steps(tmp_path / name, steps)
    with Image.open(tmp_path / name) as read:
        assert getattr(read, "n_frames", 1) == 4 and read.size == (256, 128)
        for place, step in enumerate(steps):
            read.seek(place)
            read.load()
            shown = np.asarray(read.convert("RGB"))[4::8, 4::8]
            assert np.array_equal(shown, side_by_side(step))
            assert read.info["duration"] == (2000 if place == 3 else 100)


def test_a_file_that_cannot_be_written_is_one_line_and_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(LabError, match="cannot write"):
        save_single(tmp_path / "no" / "a.png", IMAGES[0])
    (tmp_path / "a.png").write_bytes(b"before")

    def full(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DiskFullError, match="No space left"):
        save_single(tmp_path / "a.png", IMAGES[0])
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == b"before"


def test_what_cannot_be_a_path_is_told_beforehand(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    for name, words in [("a.bmp", "has to end in .png"), ("no/a.png", "no folder"), ("folder.png", "is a folder")]:
        with pytest.raises(RunError, match=words):
            check_path(tmp_path / name, STILL)


def test_transparency_is_kept(tmp_path: Path) -> None:
    images = np.zeros((2, 8, 8, 4), np.uint8)
    images[1] = (255, 0, 0, 255)
    save_grid(tmp_path / "grid.png", images)
    read = pixels(tmp_path / "grid.png")
    assert read[0, 0].tolist() == [0, 0, 0, 0] and read[0, -1].tolist() == [255, 0, 0, 255]
