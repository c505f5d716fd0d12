"""One picture from anywhere to uint8 with the size and channels of the recipe."""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

MAX_PIXELS = 100_000_000
"""Above this a picture is refused before it is unpacked: a few bytes of PNG can claim gigabytes."""

BACKGROUND = (255, 255, 255)
"""What shows through transparent pixels."""

UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    EOFError,
    OverflowError,
    NotImplementedError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
"""All that Pillow's decoders raise on files that are broken, cut short, or no pictures."""


def decode(file: Path | IO[bytes], resolution: int, channels: int, center_crop: bool) -> NDArray[np.uint8]:
    """The picture as uint8 with shape (resolution, resolution, channels).

    Turned as its EXIF says; transparency composited on white; 16-bit and float samples scaled, not cut; the first frame
    of an animation. Raises one of UNREADABLE.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of large or odd files; the size is checked here instead
        with Image.open(file) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise ValueError(f"too large: {width}×{height} pixels")
            upright = ImageOps.exif_transpose(image)
            plain = _eight_bit(upright).convert("RGB" if channels == 3 else "L")
    return fit(np.asarray(plain).reshape(plain.height, plain.width, channels), resolution, center_crop)


def fit(pixels: NDArray[np.uint8], resolution: int, center_crop: bool = True) -> NDArray[np.uint8]:
    """Pixels with shape (H, W, C) brought to (resolution, resolution, C): the middle square is cut out, or the whole
    squeezed to a square. Lanczos, with its window widened when the picture shrinks, so that it does not alias."""
    height, width, channels = pixels.shape
    side = min(height, width)
    if center_crop and height != width:
        top, left = (height - side) // 2, (width - side) // 2
        pixels = pixels[top : top + side, left : left + side]
    if pixels.shape[:2] == (resolution, resolution):
        return np.ascontiguousarray(pixels)
    image = Image.fromarray(pixels if channels == 3 else pixels[..., 0])
    resized = image.resize((resolution, resolution), Image.Resampling.LANCZOS)
    return np.asarray(resized).reshape(resolution, resolution, channels)


def with_channels(grey: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """Grey pixels with shape (H, W) as (H, W, channels)."""
    return np.repeat(grey[..., None], channels, axis=-1)


def why(error: BaseException) -> str:
    """The reason that a picture was rejected, in a few words without its path."""
    if isinstance(error, Image.UnidentifiedImageError):
        return "not a picture that Pillow knows"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _eight_bit(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) / 257).round().astype(np.uint8))
    if image.mode in ("I", "F"):
        samples = np.nan_to_num(np.asarray(image, dtype=np.float64))
        top = samples.max(initial=0)
        scale = 255 if top <= 1 else 1 if top <= 255 else 1 / 257 if top <= 65535 else 255 / top
        return Image.fromarray(np.clip(np.rint(samples * scale), 0, 255).astype(np.uint8))
    if image.has_transparency_data:
        transparent = image.convert("RGBA")
        ground = Image.new("RGBA", transparent.size, BACKGROUND)
        return Image.alpha_composite(ground, transparent)
    return image
