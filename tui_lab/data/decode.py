"""One picture from anywhere to uint8 with the size and channels of the recipe."""

from __future__ import annotations

import functools
import io
import stat
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from tui_lab.data.shaping import Shaping, border, crop_box, padded_size, pillows

MAX_PIXELS = 100_000_000
"""What would be unpacked above this is refused before it is: a few bytes of PNG can claim gigabytes."""
MAX_ASPECT = 100
"""A picture so many times longer than wide is no picture, and its crop or border says nothing."""
FORMATS = (
    "JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "MPO", "AVIF", "JPEG2000", "PPM", "TGA", "ICO", "QOI"
)  # fmt: skip
"""What is opened, whatever a file's name says. Not EPS, for which Pillow would run Ghostscript on it."""
REDUCING_GAP = 2.0
"""JPEGs are unpacked at 1/2, 1/4 or 1/8 where that leaves at least twice the pixels that are asked for."""

UNREADABLE = (
    OSError,
    SyntaxError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    RuntimeError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    EOFError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
"""All that Pillow's decoders raise on files that are broken, cut short, or no pictures."""


class Decoded(NamedTuple):
    """A picture as the cache keeps it, and what it was before: Pillow's name of its mode, its size upright."""

    pixels: NDArray[np.uint8]
    mode: str
    width: int
    height: int


def decode(content: Path | bytes | NDArray[Any], shaping: Shaping) -> NDArray[np.uint8]:
    """The picture as uint8 with shape `shaping.shape`. Raises one of UNREADABLE."""
    return decoded(content, shaping).pixels


def decoded(content: Path | bytes | NDArray[Any], shaping: Shaping) -> Decoded:
    """A file, an encoded file's bytes, or numbers (H, W) or (H, W, C) of any type, shaped.

    Turned as its EXIF says; transparency composited on the background, or kept where there is a fourth channel for it;
    16-bit and float samples scaled, not cut; the first frame of an animation. Raises one of UNREADABLE.
    """
    if isinstance(content, np.ndarray):
        mode = "×".join(map(str, (content.dtype, *content.shape[2:])))
        return _shaped(Image.fromarray(_eight_bit_samples(content)), mode, shaping)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of large or odd files; the size is checked here instead
        with Image.open(_file(content), formats=_formats()) as image:
            mode, (width, height) = image.mode, image.size
            _check_size(width, height)
            _draft(image, shaping)
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f"too large: {width}×{height} pixels")
            lying = image.width > image.height
            ImageOps.exif_transpose(image, in_place=True)
            if lying != (image.width > image.height):
                width, height = height, width
            return _shaped(_eight_bit(image), mode, shaping)._replace(width=width, height=height)


def why(error: BaseException) -> str:
    """The reason that a picture was rejected, in a few words without its path."""
    if isinstance(error, Image.UnidentifiedImageError):
        return "not a picture that Pillow knows"
    if isinstance(error, Image.DecompressionBombError):
        return f"too large: over {MAX_PIXELS // 1_000_000} million pixels"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


@functools.cache
def _formats() -> tuple[str, ...]:
    """Those that this build of Pillow can decode."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _file(content: Path | bytes) -> Path | io.BytesIO:
    if isinstance(content, bytes):
        if not content:
            raise ValueError("an empty file")
        return io.BytesIO(content)
    status = content.stat()
    if not stat.S_ISREG(status.st_mode):  # it was one when it was listed; opening a FIFO would wait for ever
        raise ValueError("not a regular file")
    if not status.st_size:
        raise ValueError("an empty file")
    return content


def _check_size(width: int, height: int) -> None:
    if not width or not height:
        raise ValueError(f"no pixels: {width}×{height}")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise ValueError(f"too narrow: {width}×{height} pixels")


def _draft(image: Image.Image, shaping: Shaping) -> None:
    """Tells a JPEG's decoder how little is needed of it. Nearest takes single pixels, and so wants them all."""
    if shaping.resize_filter == "nearest":
        return
    height, width, channels = shaping.shape
    # Whether EXIF will turn the picture is not known yet: the smaller shrinking of both ways is right for either.
    shrink = min(
        shrinking
        for size in (image.size, image.size[::-1])
        for shrinking in _shrinking(size[1], size[0], (height, width, channels), shaping)
    )
    if shrink >= 2 * REDUCING_GAP:
        wanted = (int(image.width * REDUCING_GAP / shrink), int(image.height * REDUCING_GAP / shrink))
        image.draft("L" if channels == 1 and image.mode in ("RGB", "YCbCr") else image.mode, wanted)


def _shrinking(height: int, width: int, shape: tuple[int, int, int], shaping: Shaping) -> tuple[float, float]:
    """How many rows and columns of the picture become one."""
    left, top, right, bottom = crop_box(height, width, shape, shaping.fit)
    inside = padded_size(height, width, shape) if shaping.fit == "pad" else shape[:2]
    return (bottom - top) / inside[0], (right - left) / inside[1]


def _shaped(image: Image.Image, mode: str, shaping: Shaping) -> Decoded:
    """An upright picture of 8 bits a sample."""
    before = image.size
    _check_size(*before)
    image = _with_channels(image, shaping)
    height, width, channels = shaping.shape
    inside = padded_size(image.height, image.width, shaping.shape) if shaping.fit == "pad" else (height, width)
    box = crop_box(image.height, image.width, shaping.shape, shaping.fit)
    if box != (0, 0, *image.size):
        image = image.crop(box)
    if image.size != inside[::-1]:
        image = image.resize(inside[::-1], pillows(shaping.resize_filter))
    pixels = np.asarray(image).reshape(*inside, channels)
    if channels == 4:  # what colour an invisible pixel has is chance
        pixels = np.where(pixels[..., 3:] == 0, np.array([*shaping.background, 0], dtype=np.uint8), pixels)
    if inside != (height, width):
        canvas = np.empty(shaping.shape, dtype=np.uint8)
        canvas[:] = border(shaping)
        y, x = (height - inside[0]) // 2, (width - inside[1]) // 2
        canvas[y : y + inside[0], x : x + inside[1]] = pixels
        pixels = canvas
    return Decoded(pixels, mode, *before)


def _with_channels(image: Image.Image, shaping: Shaping) -> Image.Image:
    if shaping.channels == 4:
        return image.convert("RGBA")
    if image.has_transparency_data:
        transparent = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, shaping.background), transparent)
    return image.convert("RGB" if shaping.channels == 3 else "L")


def _eight_bit(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return Image.fromarray(_eight_bit_samples(np.asarray(image)))
    return image


def _eight_bit_samples(samples: NDArray[Any]) -> NDArray[np.uint8]:
    """Numbers of any type as bytes, by a scale that keeps all of them apart as far as it can.

    Unsigned 16 bits by their type; any others by what they span: [0, 1], [-1, 1], [0, 255], [0, 65535], or else their
    own lowest to highest. NaN is 0; the infinite is cut to what the others span.
    """
    if samples.ndim == 3 and samples.shape[2] == 1:
        samples = samples[..., 0]
    if samples.ndim not in (2, 3) or (samples.ndim == 3 and samples.shape[2] not in (2, 3, 4)):
        raise ValueError(f"not a picture: an array of {'×'.join(map(str, samples.shape))}")
    if samples.dtype == np.uint8:
        return np.ascontiguousarray(samples)
    if samples.dtype == np.bool_:
        return samples.astype(np.uint8) * np.uint8(255)
    if samples.dtype.kind == "u" and samples.dtype.itemsize == 2:
        return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if samples.dtype.kind not in "iuf":
        raise ValueError(f"not a picture: samples of {samples.dtype}")
    values = samples.astype(np.float64)
    finite = values[np.isfinite(values)]
    low, high = finite.min(initial=0), finite.max(initial=0)
    if low < 0:
        low, high = (-1, 1) if low >= -1 and high <= 1 else (low, high)
    else:
        low = 0
        high = next(
            (top for top in ((1, 255, 65535) if samples.dtype.kind == "f" else (255, 65535)) if high <= top), high
        )
    values = np.nan_to_num(values, posinf=high, neginf=low)
    return np.rint((values - low) * (255 / (high - low))).clip(0, 255).astype(np.uint8)
