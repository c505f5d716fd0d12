import errno
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tui_lab.cli.stills import can_print, grid, print_picture, save_gif, save_png
from tui_lab.errors import DiskFullError, LabError


def test_a_grid_goes_row_by_row_and_is_nearly_square() -> None:
    images = np.arange(5, dtype=np.uint8)[:, None, None, None].repeat(2, 1).repeat(3, 2).repeat(3, 3)  # (5, 2, 3, 3)
    tiled = grid(images)
    assert tiled.shape == (4, 9, 3)
    assert tiled[::2, ::3, 0].tolist() == [[0, 1, 2], [3, 4, 0]]


def test_grey_becomes_rgb() -> None:
    assert grid(np.full((1, 2, 2, 1), 7, np.uint8)).tolist() == [[[7] * 3] * 2] * 2


def test_a_png_holds_the_pictures_pixel_for_pixel(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)
    save_png(tmp_path / "a.png", images)
    read = np.asarray(Image.open(tmp_path / "a.png"))
    assert read.shape == (128, 128, 3)
    assert np.array_equal(read[2::4, 2::4], grid(images))


def test_a_gif_has_a_frame_a_step(tmp_path: Path) -> None:
    steps = [np.full((2, 4, 8, 8, 1), 60 * step, np.uint8) for step in range(4)]
    save_gif(tmp_path / "a.gif", steps)
    with Image.open(tmp_path / "a.gif") as read:
        assert getattr(read, "n_frames", 1) == 4 and read.size == (256, 128)


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.zeros((1, 8, 8, 3), np.uint8)
    with pytest.raises(LabError, match="cannot write"):
        save_png(tmp_path / "no" / "a.png", images)

    def full(self: Image.Image, path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(DiskFullError, match="No space left"):
        save_png(tmp_path / "a.png", images)


def test_no_picture_without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert can_print()
    monkeypatch.setenv("NO_COLOR", "1")
    assert not can_print()


def test_transparency_is_kept_in_files_and_white_in_the_shell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    images = np.zeros((2, 8, 8, 4), np.uint8)
    images[1] = (255, 0, 0, 255)
    save_png(tmp_path / "grid.png", images)
    with Image.open(tmp_path / "grid.png") as saved:
        assert saved.mode == "RGBA" and saved.getpixel((0, 0)) == (0, 0, 0, 0)
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("FORCE_COLOR", "1")
    print_picture(grid(images))
    assert "255;255;255" in capsys.readouterr().out
