"""Colours as a terminal is told them: in 24 bits, in its palette of 256, or in its sixteen."""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tui_lab.tui.pixels import Pixels
from tui_lab.tui.terminal import ColourDepth

_CUBE_LEVELS = np.array([0, 95, 135, 175, 215, 255])
_NEAREST_CUBE = np.abs(np.arange(256)[:, None] - _CUBE_LEVELS).argmin(axis=1)
_GREY_LEVELS = np.arange(8, 239, 10)
_NEAREST_GREY_BY_SUM = np.abs(np.arange(3 * 255 + 1)[:, None] / 3 - _GREY_LEVELS).argmin(axis=1)

# As fixed-width bytes: a NUL fills short numbers, and is dropped at the end.
_DIGITS = np.frombuffer(b"".join(str(n).encode().ljust(3, b"\0") for n in range(256)), np.uint8).reshape(256, 3)

# xterm's own sixteen; every terminal has its own taste, so this is a guess for all of them.
_SIXTEEN = np.array(
    [
        (0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0), (0, 0, 238), (205, 0, 205), (0, 205, 205), (229, 229, 229),
        (127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0), (92, 92, 255), (255, 0, 255), (0, 255, 255),
        (255, 255, 255),
    ]
)  # fmt: skip
_SIXTEEN_FOREGROUND = [30 + n if n < 8 else 82 + n for n in range(16)]
_SIXTEEN_BACKGROUND = [40 + n if n < 8 else 92 + n for n in range(16)]


def palette_256(pixels: Pixels) -> NDArray[np.intp]:
    """(…, 3) → (…): the nearest of the 6×6×6 cube and the 24 greys, as an index into the terminal's 256 colours.

    Entries 0 to 15 are left alone: people recolour them.
    """
    cube = _NEAREST_CUBE[pixels]
    values = pixels.astype(np.int32)
    grey = _NEAREST_GREY_BY_SUM[values.sum(axis=-1)]
    off_cube = ((_CUBE_LEVELS[cube] - values) ** 2).sum(axis=-1)
    off_grey = ((_GREY_LEVELS[grey][..., None] - values) ** 2).sum(axis=-1)
    index: NDArray[np.intp] = np.where(
        off_grey < off_cube, 232 + grey, 16 + 36 * cube[..., 0] + 6 * cube[..., 1] + cube[..., 2]
    )
    return index


def palette_16(pixels: Pixels) -> NDArray[np.intp]:
    """(…, 3) → (…): the nearest of the sixteen colours, at five bits a channel."""
    red, green, blue = (pixels[..., channel].astype(np.intp) >> 3 for channel in range(3))
    return _nearest_sixteen()[red << 10 | green << 5 | blue]


@cache
def _nearest_sixteen() -> NDArray[np.intp]:
    levels = np.arange(32) * 8 + 4
    every = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    return ((every - _SIXTEEN) ** 2).sum(axis=-1).argmin(axis=1)


class Codes(NamedTuple):
    """Colours of a picture for one depth: `key` tells colours apart (H, W); `text` is their SGR, (H, W, length)."""

    key: NDArray[np.intp]
    text: NDArray[np.uint8]


def _table(codes: Sequence[str]) -> NDArray[np.uint8]:
    width = max(map(len, codes))
    return np.frombuffer("".join(code.ljust(width, "\0") for code in codes).encode(), np.uint8).reshape(-1, width)


_TEXT_256 = [_table([f"{layer};5;{n}" for n in range(256)]) for layer in (38, 48)]
_TEXT_16 = [_table([str(n) for n in numbers]) for numbers in (_SIXTEEN_FOREGROUND, _SIXTEEN_BACKGROUND)]
_TEXT_TRUECOLOR = [np.frombuffer(f"{layer};2;000;000;000".encode(), np.uint8) for layer in (38, 48)]


def colour_codes(pixels: Pixels, depth: ColourDepth, layer: int) -> Codes:
    """`layer` 0 is the foreground, 1 the background."""
    if depth is ColourDepth.TRUECOLOR:
        red, green, blue = (pixels[..., channel].astype(np.intp) for channel in range(3))
        text = np.empty((*red.shape, 16), np.uint8)
        text[...] = _TEXT_TRUECOLOR[layer]
        text[..., 5:8], text[..., 9:12], text[..., 13:16] = _DIGITS[red], _DIGITS[green], _DIGITS[blue]
        return Codes(red << 16 | green << 8 | blue, text)
    if depth is ColourDepth.PALETTE:
        key, table = palette_256(pixels), _TEXT_256[layer]
    else:
        key, table = palette_16(pixels), _TEXT_16[layer]
    return Codes(key, table[key])
