from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.data.files import encoded, png_that_claims
from tui_lab.data.decode import UNREADABLE, decode, decoded, why
from tui_lab.data.shaping import Shaping


def square(side: int, channels: int = 3, **knobs: Any) -> Shaping:
    return Shaping(side, side, channels, **knobs)


@pytest.fixture
def wide() -> np.ndarray:
    """8 high and 24 wide: black, red, black."""
    pixels = np.zeros((8, 24, 3), dtype=np.uint8)
    pixels[:, 8:16] = (255, 0, 0)
    return pixels


def test_the_middle_square_is_cut(wide: np.ndarray) -> None:
    assert (decode(wide, square(8)) == (255, 0, 0)).all()


def test_the_whole_is_squeezed(wide: np.ndarray) -> None:
    pixels = decode(wide, square(8, fit="squeeze"))
    assert pixels.shape == (8, 8, 3)
    assert pixels[4, 0, 0] < 10 and pixels[4, 4, 0] > 200


def test_the_whole_is_padded_with_the_background(wide: np.ndarray) -> None:
    pixels = decode(wide, square(24, fit="pad", background=(0, 0, 255)))
    assert (pixels[:8] == (0, 0, 255)).all() and (pixels[16:] == (0, 0, 255)).all()
    np.testing.assert_array_equal(pixels[8:16], wide)
    assert decode(wide, square(24, 4, fit="pad"))[0, 0, 3] == 0  # with an alpha channel there is nothing at all


def test_a_random_crop_keeps_an_eighth_more(wide: np.ndarray) -> None:
    shaping = Shaping(32, 64, 3, fit="random_crop")
    assert shaping.margin == (4, 8)
    assert decode(wide, shaping).shape == shaping.shape == (36, 72, 3)


def test_a_shape_that_is_not_square_is_filled(wide: np.ndarray) -> None:
    np.testing.assert_array_equal(decode(wide, Shaping(8, 24, 3)), wide)
    assert decode(wide, Shaping(24, 8, 3)).shape == (24, 8, 3)


def test_nearest_keeps_hard_edges() -> None:
    checks = (np.indices((4, 4)).sum(axis=0) % 2 * 255).astype(np.uint8)
    assert set(np.unique(decode(checks, square(16, 1, resize_filter="nearest")))) == {0, 255}
    assert len(np.unique(decode(checks, square(16, 1, resize_filter="lanczos")))) > 2


def test_exif_orientation_is_applied() -> None:
    image = Image.new("RGB", (16, 16))
    image.paste((255, 255, 255), (0, 0, 16, 8))  # bright above
    exif = Image.Exif()
    exif[0x0112] = 3  # turned upside down
    pixels = decode(encoded(image, "PNG", exif=exif), square(16, 1))
    assert pixels[0].max() == 0
    assert pixels[-1].min() == 255


def test_a_picture_on_its_side_is_known_by_its_upright_size() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    found = decoded(encoded(Image.new("RGB", (40, 20)), "JPEG", exif=exif), square(16))
    assert (found.width, found.height, found.mode) == (20, 40, "RGB")


def test_transparency_shows_the_background() -> None:
    image = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    image.putpixel((1, 1), (255, 0, 0, 255))
    pixels = decode(encoded(image), square(4))
    assert pixels[0, 0].tolist() == [255, 255, 255]
    assert pixels[1, 1].tolist() == [255, 0, 0]
    assert decode(encoded(image), square(4, background=(0, 128, 0)))[0, 0].tolist() == [0, 128, 0]


def test_transparency_is_kept_where_there_is_a_channel_for_it() -> None:
    image = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    image.putpixel((1, 1), (255, 0, 0, 255))
    pixels = decode(encoded(image), square(4, 4, background=(0, 128, 0)))
    assert pixels[0, 0].tolist() == [0, 128, 0, 0]
    assert pixels[1, 1].tolist() == [255, 0, 0, 255]
    assert decode(encoded(Image.new("L", (4, 4), 7)), square(4, 4))[0, 0].tolist() == [7, 7, 7, 255]


def test_a_palette_with_a_transparent_colour() -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((0, 0), 1)
    pixels = decode(encoded(image, transparency=0), square(4))
    assert pixels[0, 0].tolist() == [0, 0, 255]
    assert pixels[1, 1].tolist() == [255, 255, 255]


def test_sixteen_bits_are_scaled_not_cut() -> None:
    samples = np.array([[0, 32768], [65535, 257]], dtype=np.uint16)
    for content in (encoded(Image.fromarray(samples)), samples):
        assert decode(content, square(2, 1))[..., 0].tolist() == [[0, 128], [255, 1]]


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([[0.0, 0.5], [1.0, 0.25]], [[0, 128], [255, 64]]),
        ([[-1.0, 0.0], [1.0, -0.5]], [[0, 128], [255, 64]]),
        ([[0.0, 128.0], [255.0, 64.0]], [[0, 128], [255, 64]]),
        ([[0.0, 2.0e6], [4.0e6, np.nan]], [[0, 128], [255, 0]]),
        ([[-300.0, 0.0], [300.0, -150.0]], [[0, 128], [255, 64]]),
        ([[-np.inf, 0.5], [np.inf, 0.25]], [[0, 128], [255, 64]]),
    ],
    ids=["0 to 1", "-1 to 1", "0 to 255", "anything", "anything below 0", "infinite"],
)
def test_float_samples_are_scaled_by_what_they_span(samples: list[list[float]], expected: list[list[int]]) -> None:
    array = np.array(samples, dtype=np.float32)
    for content in (encoded(Image.fromarray(array), "TIFF"), array):
        pixels = decode(content, square(2))
        assert (pixels == pixels[..., :1]).all()
        np.testing.assert_allclose(pixels[..., 0], expected, atol=1)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "CMYK", "YCbCr"])
def test_every_mode_becomes_rgb_or_grey(mode: str) -> None:
    image = Image.new("RGB", (4, 4), (255, 255, 255)).convert(mode)
    format = "JPEG" if mode in ("CMYK", "YCbCr") else "PNG"
    for channels in (1, 3):
        pixels = decode(encoded(image, format), square(4, channels))
        assert pixels.shape == (4, 4, channels)
        assert pixels.min() > 250


def test_the_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode(content, square(4))[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("fit", ["center_crop", "pad", "squeeze"])
def test_a_jpeg_unpacked_at_a_fraction_looks_the_same(fit: str, channels: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    photo = Image.fromarray(noise).resize((1600, 1200), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encoded(photo, "JPEG", quality=95, exif=exif)
    shaping = square(48, channels, fit=fit)
    whole = np.asarray(Image.open(io.BytesIO(content)).transpose(Image.Transpose.ROTATE_270))
    difference = decode(content, shaping).astype(float) - decode(whole, shaping)
    assert np.abs(difference).max() < 6


def cut_short() -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    return encoded(Image.fromarray(noise))[:2000]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "an empty file"),
        (b"<html>404</html>", "not a picture"),
        (cut_short(), "truncated"),
        (png_that_claims(50_000, 50_000), "too large: over 100 million pixels"),
        (png_that_claims(11_000, 11_000), "too large: 11000×11000"),
        (png_that_claims(1, 60_000), "too narrow: 1×60000"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n%%EOF\n", "not a picture"),
        (np.zeros((4, 4, 7), dtype=np.uint8), "not a picture: an array of 4×4×7"),
        (np.zeros((0, 4), dtype=np.uint8), "no pixels"),
        (np.zeros((4, 4), dtype=np.complex64), "samples of complex64"),
    ],
    ids=["empty", "html", "cut-short", "bomb", "large", "narrow", "postscript", "seven-channels", "no-rows", "complex"],
)
def test_what_is_no_usable_picture_says_why(content: bytes | np.ndarray, reason: str) -> None:
    with pytest.raises(UNREADABLE) as caught:
        decode(content, square(16))
    assert reason in why(caught.value)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ValueError, match="not a regular file"):
        decode(tmp_path / "pipe.png", square(16))
    with pytest.raises(FileNotFoundError) as caught:
        decode(tmp_path / "gone.png", square(16))
    assert why(caught.value) == "No such file or directory"
