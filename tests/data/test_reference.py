"""Pictures that are referred to: of the dataset, and of files of any size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tui_lab.data import load_images
from tui_lab.data.reference import file_reference, picture_of, read_fitted
from tui_lab.errors import DataError
from tui_lab.recipe import Dataset
from tui_lab.recipe.denoising import ImageRef

FACES = Dataset()


def paint(path: Path, side: tuple[int, int] = (16, 16), colour: str = "red") -> Path:
    Image.new("RGB", side, colour).save(path)
    return path


def test_a_picture_of_the_dataset_is_its_row() -> None:
    images = load_images(FACES)
    wanted = images.take(np.array([7]))[0]
    assert (picture_of(ImageRef(kind="data", index=7), FACES) == wanted).all()
    assert (picture_of(ImageRef(kind="data", index=7), FACES, images) == wanted).all()


def test_an_index_beyond_the_dataset_is_said() -> None:
    with pytest.raises(DataError, match=r"no picture 1000000 in pixel-faces: the last is \d+"):
        picture_of(ImageRef(kind="data", index=10**6), FACES)


def test_a_file_of_another_size_and_kind_is_fitted(tmp_path: Path) -> None:
    fitted = read_fitted(paint(tmp_path / "wide.png", (40, 20)), FACES)
    assert fitted.pixels.shape == (16, 16, 3)
    assert fitted.native == (40, 20) and fitted.was_fitted
    assert not read_fitted(paint(tmp_path / "fits.png"), FACES).was_fitted
    grey = read_fitted(tmp_path / "wide.png", Dataset(channels=1, fit="random_crop", resolution=28))
    assert grey.pixels.shape == (28, 28, 1)


def test_a_file_that_changed_is_told_from_the_one_that_was_meant(tmp_path: Path) -> None:
    path = paint(tmp_path / "a.png")
    reference = file_reference(path, FACES)
    assert (picture_of(reference, FACES) == (255, 0, 0)).all()
    paint(path, colour="blue")
    with pytest.raises(DataError, match="another picture than it was"):
        picture_of(reference, FACES)


def test_what_is_no_picture_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(DataError, match=r"a\.png: not a picture that Pillow knows"):
        file_reference(tmp_path / "a.png", FACES)
    with pytest.raises(DataError, match=r"none\.png"):
        file_reference(tmp_path / "none.png", FACES)
