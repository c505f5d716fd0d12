from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from tui_lab.data.decode import UNREADABLE, decode, fit, why


def encoded(image: Image.Image, format: str = "PNG", **options: object) -> io.BytesIO:
    file = io.BytesIO()
    image.save(file, format, **options)
    file.seek(0)
    return file


def test_the_middle_square_is_cut_or_the_whole_is_squeezed() -> None:
    wide = np.zeros((8, 24, 3), dtype=np.uint8)
    wide[:, 8:16] = (255, 0, 0)
    assert (fit(wide, 8, center_crop=True) == (255, 0, 0)).all()
    squeezed = fit(wide, 8, center_crop=False)
    assert squeezed.shape == (8, 8, 3)
    assert squeezed[4, 0, 0] < 10
    assert squeezed[4, 4, 0] > 200


def test_exif_orientation_is_applied() -> None:
    image = Image.new("RGB", (16, 16))
    image.paste((255, 255, 255), (0, 0, 16, 8))  # bright above
    exif = Image.Exif()
    exif[0x0112] = 3  # turned upside down
    pixels = decode(encoded(image, "PNG", exif=exif), 16, 1, True)
    assert pixels[0].max() == 0
    assert pixels[-1].min() == 255


def test_transparency_shows_white() -> None:
    image = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    image.putpixel((1, 1), (255, 0, 0, 255))
    pixels = decode(encoded(image), 4, 3, True)
    assert pixels[0, 0].tolist() == [255, 255, 255]
    assert pixels[1, 1].tolist() == [255, 0, 0]


def test_sixteen_bits_are_scaled_not_cut() -> None:
    samples = np.array([[0, 32768], [65535, 257]], dtype=np.uint16)
    pixels = decode(encoded(Image.fromarray(samples)), 2, 1, True)
    assert pixels[..., 0].tolist() == [[0, 128], [255, 1]]


def test_float_samples_from_0_to_1_are_scaled() -> None:
    samples = np.array([[0.0, 0.5], [1.0, 0.25]], dtype=np.float32)
    pixels = decode(encoded(Image.fromarray(samples), "TIFF"), 2, 3, True)
    assert pixels[..., 0].tolist() == [[0, 128], [255, 64]]


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "CMYK", "YCbCr"])
def test_every_mode_becomes_rgb_or_grey(mode: str) -> None:
    image = Image.new("RGB", (4, 4), (255, 255, 255)).convert(mode)
    format = "JPEG" if mode in ("CMYK", "YCbCr") else "PNG"
    for channels in (1, 3):
        pixels = decode(encoded(image, format), 4, channels, True)
        assert pixels.shape == (4, 4, channels)
        assert pixels.min() > 250


def test_the_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    file = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode(file, 4, 3, True)[0, 0].tolist() == [255, 0, 0]


def bomb() -> bytes:
    """A PNG that claims 50,000 × 50,000 pixels in less than a hundred bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def large() -> bytes:
    """Below Pillow's own limit, above ours."""
    return encoded(Image.new("1", (11_000, 11_000))).getvalue()


def cut_short() -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    return encoded(Image.fromarray(noise)).getvalue()[:2000]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a picture"),
        (b"<html>404</html>", "not a picture"),
        (cut_short(), "truncated"),
        (bomb(), "exceeds limit"),
        (large(), "too large: 11000×11000"),
    ],
    ids=["empty", "html", "cut-short", "bomb", "large"],
)
def test_what_is_no_usable_picture_says_why(content: bytes, reason: str) -> None:
    with pytest.raises(UNREADABLE) as caught:
        decode(io.BytesIO(content), 16, 3, True)
    assert reason in why(caught.value)
