"""The size, channels and colours that a recipe brings every picture to, and how that is done to many at once.

What is drawn anew at every step (flip, rotation, the place of a random crop) is the engine's; here its room is made.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

    from tui_lab.recipe import Dataset

Fit = Literal["center_crop", "random_crop", "pad", "squeeze"]
Filter = Literal["lanczos", "bicubic", "bilinear", "box", "nearest"]
MARGIN = 8
"""A random crop has an eighth of the height and of the width to move in."""
_LUMA = (19595, 38470, 7471)
"""ITU-R 601-2's weights of R, G and B in 1/65536, as Pillow rounds them."""

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Shaping:
    """What decoding depends on: two recipes with the same Shaping share their decoded pictures.

    `height` and `width` are what a model sees; a picture is kept `margin` (dy, dx) larger.
    """

    height: int
    width: int
    channels: int = 3
    fit: Fit = "center_crop"
    resize_filter: Filter = "lanczos"
    background: tuple[int, int, int] = (255, 255, 255)

    @classmethod
    def of(cls, dataset: Dataset) -> Shaping:
        height, width = dataset.size
        background = (
            int(dataset.background[1:3], 16),
            int(dataset.background[3:5], 16),
            int(dataset.background[5:], 16),
        )
        return cls(height, width, dataset.channels, dataset.fit, dataset.resize_filter, background)

    @property
    def margin(self) -> tuple[int, int]:
        """(dy, dx), both even, so that the middle is one; nothing but a random crop needs any."""
        if self.fit != "random_crop":
            return 0, 0
        return 2 * -(-self.height // (2 * MARGIN)), 2 * -(-self.width // (2 * MARGIN))

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H', W', C) of a picture as it is kept, with its margin."""
        return self.height + self.margin[0], self.width + self.margin[1], self.channels


def crop_box(height: int, width: int, shape: tuple[int, int, int], fit: Fit) -> tuple[int, int, int, int]:
    """(left, top, right, bottom): what of a picture of height × width is brought to `shape`; all unless it is cut."""
    if fit not in ("center_crop", "random_crop"):
        return 0, 0, width, height
    cut_width = max(1, min(width, round(height * shape[1] / shape[0])))
    cut_height = max(1, min(height, round(width * shape[0] / shape[1])))
    left, top = (width - cut_width) // 2, (height - cut_height) // 2
    return left, top, left + cut_width, top + cut_height


def padded_size(height: int, width: int, shape: tuple[int, int, int]) -> tuple[int, int]:
    """(height, width) that a whole picture takes inside `shape`, its sides in proportion."""
    scale = min(shape[0] / height, shape[1] / width)
    return max(1, min(shape[0], round(height * scale))), max(1, min(shape[1], round(width * scale)))


def shape_arrays(pictures: NDArray[Any], shaping: Shaping) -> Bytes:
    """uint8 pictures of one size, grey (K, H, W), (K, H, W, 1) or RGB (K, H, W, 3), as (K, H', W', C).

    All at once, and as Pillow would one by one but for its rounding between rows and columns: a resize is linear, so it
    is a matrix on either side. Pictures that have their size already are taken as they are.
    """
    pixels = pictures[..., None] if pictures.ndim == 3 else pictures
    left, top, right, bottom = crop_box(pixels.shape[1], pixels.shape[2], shaping.shape, shaping.fit)
    pixels = with_channels(pixels[:, top:bottom, left:right], min(shaping.channels, 3))
    height, width, _ = shaping.shape
    inside = height, width
    if shaping.fit == "pad":
        inside = padded_size(pixels.shape[1], pixels.shape[2], shaping.shape)
    pixels = _resized(pixels, *inside, shaping.resize_filter)
    if shaping.channels == 4:
        pixels = np.concatenate([pixels, np.full_like(pixels[..., :1], 255)], axis=-1)
    if inside != (height, width):
        canvas = np.empty((len(pixels), *shaping.shape), dtype=np.uint8)
        canvas[:] = border(shaping)
        y, x = (height - inside[0]) // 2, (width - inside[1]) // 2
        canvas[:, y : y + inside[0], x : x + inside[1]] = pixels
        pixels = canvas
    return np.ascontiguousarray(pixels)


def border(shaping: Shaping) -> tuple[int, ...]:
    """One pixel of the border that pad makes: the background, and where there is an alpha channel nothing at all."""
    if shaping.channels == 1:
        return (luma(*shaping.background),)
    return (*shaping.background, 0) if shaping.channels == 4 else shaping.background


def luma(red: int, green: int, blue: int) -> int:
    """The grey of a colour, as Pillow rounds it."""
    return (red * _LUMA[0] + green * _LUMA[1] + blue * _LUMA[2] + 0x8000) >> 16


def with_channels(pixels: Bytes, channels: int) -> Bytes:
    """1 or 3 channels of pictures with 1 or 3."""
    if pixels.shape[-1] == channels:
        return pixels
    if channels == 3:
        return np.repeat(pixels, 3, axis=-1)
    weighted = pixels.astype(np.uint32) * np.array(_LUMA, dtype=np.uint32)
    return ((weighted.sum(axis=-1, keepdims=True, dtype=np.uint32) + 0x8000) >> 16).astype(np.uint8)


def _resized(pixels: Bytes, height: int, width: int, resize_filter: Filter) -> Bytes:
    """(K, H, W, C) to (K, height, width, C)."""
    _, rows, columns, _ = pixels.shape
    if (rows, columns) == (height, width):
        return pixels
    samples = pixels.astype(np.float32)
    for way, before, after in (("khwc,oh->kowc", rows, height), ("khwc,ow->khoc", columns, width)):
        if before != after:
            samples = np.einsum(way, samples, resize_weights(before, after, resize_filter), optimize=True)
    return np.rint(samples).clip(0, 255).astype(np.uint8)


def pillows(resize_filter: Filter) -> Image.Resampling:
    """The filter of that name."""
    from PIL import Image

    return Image.Resampling[resize_filter.upper()]


@functools.lru_cache(maxsize=32)
def resize_weights(before: int, after: int, resize_filter: Filter) -> NDArray[np.float32]:
    """The matrix (after, before) of Pillow's own resize: what it makes of the identity."""
    from PIL import Image

    identity = Image.fromarray(np.eye(before, dtype=np.float32))
    return np.asarray(identity.resize((after, before), pillows(resize_filter))).T.copy()
