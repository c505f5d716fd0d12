"""Pictures as cells of a terminal: a glyph and two colours each, and the escape sequences that draw them.

`▀` shows two pixels a cell as they are. Quadrants and sextants show four or six, of which some share a colour: they
are for pictures that would have to be reduced more than that.

The way to many frames a second: numpy writes the escape sequences of a whole picture as bytes, one string a row.
"""

from __future__ import annotations

from enum import Enum
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.color import ColorSystem
from textual.color import Color

from tui_lab.tui.colours import Codes, colour_codes
from tui_lab.tui.pixels import Pixels
from tui_lab.tui.terminal import ColourDepth

RICH_SYSTEMS = {
    ColourDepth.TRUECOLOR: ColorSystem.TRUECOLOR,
    ColourDepth.PALETTE: ColorSystem.EIGHT_BIT,
    ColourDepth.SIXTEEN: ColorSystem.STANDARD,
    ColourDepth.NONE: ColorSystem.TRUECOLOR,
}
_RESET = "\x1b[0m"
_ASCII_SHADES = " .:-=+*#%@"
_BLOCK_SHADES = " ░▒▓█"
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


class CellKind(Enum):
    """How many pixels a cell shows: (columns, rows), and the glyphs for it, of which the first is the space."""

    HALF = ("half", 1, 2)
    QUADRANT = ("quadrant", 2, 2)
    SEXTANT = ("sextant", 2, 3)
    ASCII = ("ascii", 1, 2)

    def __init__(self, word: str, columns: int, rows: int) -> None:
        self.word = word
        self.columns = columns
        self.rows = rows

    @property
    def is_fine(self) -> bool:
        """Whether it shows more pixels a cell than colours."""
        return self.columns > 1

    @property
    def glyphs(self) -> str:
        """In the order of `CellRows.glyph`: for fine ones the bits of the pixels in the first colour, row by row."""
        return _GLYPHS[self]


def _sextant(bits: int) -> str:
    """Unicode 13's block sextants, which leave out the four that were there before."""
    known = {0: " ", 0b010101: "▌", 0b101010: "▐", 0b111111: "█"}
    return known.get(bits) or chr(0x1FB00 + bits - 1 - (bits > 0b010101) - (bits > 0b101010))


_GLYPHS = {
    CellKind.HALF: " ▀",
    CellKind.QUADRANT: " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█",
    CellKind.SEXTANT: "".join(map(_sextant, range(64))),
    CellKind.ASCII: _ASCII_SHADES,
}


class CellRows(NamedTuple):
    """Cells by row and column: `front` and `back` are their colours (R, W, 3), `glyph` (R, W) places in the kind's
    glyphs."""

    front: Pixels
    back: Pixels
    glyph: NDArray[np.uint8]
    kind: CellKind

    @property
    def width(self) -> int:
        return self.front.shape[1]

    def rows(self, chosen: slice | NDArray[np.intp]) -> CellRows:
        return CellRows(self.front[chosen], self.back[chosen], self.glyph[chosen], self.kind)

    def crop(self, start: int, end: int) -> CellRows:
        """Columns from `start` up to `end`."""
        return CellRows(self.front[:, start:end], self.back[:, start:end], self.glyph[:, start:end], self.kind)


def half_blocks(pixels: Pixels) -> CellRows:
    """(2·R, W, 3) → R rows of W cells: the upper pixel is the front. Views: nobody may write to the pixels again."""
    upper, lower = pixels[0::2], pixels[1::2]
    return CellRows(upper, lower, np.broadcast_to(np.uint8(1), upper.shape[:2]), CellKind.HALF)


def fine_cells(pixels: Pixels, kind: CellKind) -> CellRows:
    """(rows·R, columns·W, 3) → R rows of W cells in the two colours that are nearest to each cell's pixels.

    Of every way to part a cell's pixels in two (7 of four, 31 of six), the one with the least squared error to the
    means of the parts. That is where the distance between the means, weighted by the parts' sizes, is greatest.
    """
    height, width = pixels.shape[0] // kind.rows, pixels.shape[1] // kind.columns
    parts = pixels.reshape(height, kind.rows, width, kind.columns, 3).transpose(1, 3, 4, 0, 2)
    values = parts.reshape(kind.rows * kind.columns, -1).astype(np.float32)  # (pixels of a cell, 3·cells)
    mean = values.mean(axis=0)
    values -= mean
    members, weights = _partitions(len(values))
    spread = (weights @ values).reshape(len(weights), 3, -1)
    np.square(spread, out=spread)
    best = spread.sum(axis=1).argmax(axis=0)
    inside = np.repeat(members[best].T[:, None], 3, axis=1).reshape(len(values), -1)
    count = np.tile(members.sum(axis=1)[best], 3)
    part = (values * inside).sum(axis=0)
    colours = np.stack([mean + part / count, mean - part / (len(values) - count)])
    front, back = np.rint(colours).astype(np.uint8).reshape(2, 3, height, width).transpose(0, 2, 3, 1)
    glyph = (members @ (1 << np.arange(len(values)))).astype(np.uint8)[best]
    return CellRows(front, back, glyph.reshape(height, width), kind)


@cache
def _partitions(count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Every way to part `count` pixels in two, as (ways, count) of 0 and 1, the first pixel always in the first part;
    and the same, scaled so that squares of sums of centred values compare."""
    bits = np.arange(1, (1 << count) - 1, 2)
    members = (bits[:, None] >> np.arange(count) & 1).astype(np.float32)
    inside = members.sum(axis=1, keepdims=True)
    return members, members * np.sqrt(1 / inside + 1 / (count - inside))


def ascii_shades(pixels: Pixels, background: tuple[int, int, int], dark: bool = True) -> CellRows:
    """(2·R, W, 3) → R rows of characters in colours. On a dark screen a fuller one is brighter, and its colour is the
    pixels' at full brightness; on a light one it is darker."""
    mean = (pixels[0::2].astype(np.uint16) + pixels[1::2]) // 2
    light = mean @ _LUMA / 255
    glyph = np.minimum((light if dark else 1 - light) * len(_ASCII_SHADES), len(_ASCII_SHADES) - 1).astype(np.uint8)
    front = mean * 255 // np.maximum(mean.max(axis=-1, keepdims=True), 1) if dark else mean
    back = np.broadcast_to(np.array(background, np.uint8), mean.shape)
    return CellRows(front.astype(np.uint8), back, glyph, CellKind.ASCII)


def luminance_rows(pixels: Pixels, dark: bool = True, ascii_only: bool = False) -> list[str]:
    """(2·R, W, 3) → R strings of shades: for terminals without colour. On a dark screen the fuller shade is brighter.

    Full range: the darkest of these pixels to the brightest, for a picture of greys would drown in five shades.
    """
    shades = np.array(list(_ASCII_SHADES if ascii_only else _BLOCK_SHADES))
    light = pixels @ _LUMA.astype(np.float64)
    cells = (light[0::2] + light[1::2]) / 2
    low, high = (float(cells.min()), float(cells.max())) if cells.size else (0.0, 0.0)
    level = (cells - low) / (high - low) if high > low else cells / 255
    step = np.minimum((level if dark else 1 - level) * len(shades), len(shades) - 1).astype(np.intp)
    return ["".join(row) for row in shades[step]]


# --- escape sequences -----------------------------------------------------------------------------------------------


@cache
def _glyph_bytes(kind: CellKind) -> NDArray[np.uint8]:
    """(glyphs, length): UTF-8 with NULs behind it."""
    encoded = [glyph.encode() for glyph in kind.glyphs]
    length = max(map(len, encoded))
    return np.frombuffer(b"".join(glyph.ljust(length, b"\0") for glyph in encoded), np.uint8).reshape(-1, length)


def encode_rows(cells: CellRows, depth: ColourDepth, background: Color | None = None) -> list[str]:
    """A string for the terminal a row, each ending in a reset. `depth` is one of those with colour.

    Cells of exactly the `background` colour are sent as Textual would send it, so that in few colours, too, the gaps
    look like the panel around them.
    """
    first, end = (0, cells.width) if background is None else _between_blanks(cells, background)
    inner = _encoded(cells.crop(first, end), depth, background) if first < end else [""] * len(cells.back)
    left, right = (
        f"\x1b[{_code_of(background, depth)}m{' ' * count}" if background is not None and count else ""
        for count in (first, cells.width - end)
    )
    return [f"{left}{row}{right}{_RESET}" for row in inner]


def _between_blanks(cells: CellRows, background: Color) -> tuple[int, int]:
    """The columns from the first to behind the last that show something: a small picture in a wide panel costs what it
    costs alone. (width, width) where none does."""
    colour = np.array(background.rgb, np.uint8)
    blank = (cells.back == colour) & ((cells.front == colour) | (cells.glyph == 0)[..., None])
    filled = np.flatnonzero(~blank.all(axis=(0, 2)))
    return (int(filled[0]), int(filled[-1]) + 1) if len(filled) else (cells.width, cells.width)


def _encoded(cells: CellRows, depth: ColourDepth, background: Color | None) -> list[str]:
    """`encode_rows` without the reset, every column by itself."""
    front, back = colour_codes(cells.front, depth, 0), colour_codes(cells.back, depth, 1)
    flat = (front.key == back.key) | (cells.glyph == 0)
    if background is not None:
        _paint_background(cells.back, back, flat, depth, background)

    before = np.roll(back.key, 1, axis=1)
    before[:, :1] = -1
    says_back = back.key != before

    # A flat cell is a space, and leaves the foreground as the last glyph set it.
    columns = np.arange(flat.shape[1])
    last = np.roll(np.maximum.accumulate(np.where(flat, -1, columns), axis=1), 1, axis=1)
    last[:, :1] = -1
    held = np.where(last < 0, -1, np.take_along_axis(front.key, np.maximum(last, 0), axis=1))
    says_front = ~flat & (front.key != held)

    # Every part has a fixed width; a NUL, which is dropped at the end, blanks what a cell need not say again.
    glyphs = _glyph_bytes(cells.kind)
    wide_front, wide_back = front.text.shape[-1], back.text.shape[-1]
    whole = np.empty((*flat.shape, 2 + wide_front + 1 + wide_back + 1 + glyphs.shape[1]), np.uint8)
    parts = np.split(whole, np.cumsum([2, wide_front, 1, wide_back, 1]), axis=-1)
    opening, front_part, joint, back_part, closing, glyph = parts
    says_any = says_front | says_back
    opening[..., 0], opening[..., 1] = says_any * np.uint8(0x1B), says_any * np.uint8(ord("["))
    np.multiply(front.text, says_front[..., None], out=front_part)
    joint[..., 0] = (says_front & says_back) * np.uint8(ord(";"))
    np.multiply(back.text, says_back[..., None], out=back_part)
    closing[..., 0] = says_any * np.uint8(ord("m"))
    glyph[...] = glyphs[np.where(flat, 0, cells.glyph)]
    return [row.tobytes().translate(None, b"\0").decode() for row in whole]


_BYTES_A_CHANGE = {ColourDepth.TRUECOLOR: 17, ColourDepth.PALETTE: 10, ColourDepth.SIXTEEN: 4}
_ALIKE_BITS = {ColourDepth.TRUECOLOR: 0, ColourDepth.PALETTE: 5, ColourDepth.SIXTEEN: 6}


def encoded_sizes(cells: CellRows, depth: ColourDepth) -> NDArray[np.intp]:
    """About how many bytes each row of `encode_rows` takes, without encoding: a colour has to be said where it is not
    that of the cell before, a glyph takes what it takes in UTF-8, and a space one byte."""
    front, back = cells.front >> _ALIKE_BITS[depth], cells.back >> _ALIKE_BITS[depth]
    split = (front != back).any(axis=-1) & (cells.glyph > 0)
    said = (back[:, 1:] != back[:, :-1]).any(axis=-1).sum(axis=1)
    said += ((front[:, 1:] != front[:, :-1]).any(axis=-1) & split[:, 1:]).sum(axis=1)
    wide = _glyph_bytes(cells.kind).shape[1] - 1
    sizes: NDArray[np.intp] = said * _BYTES_A_CHANGE[depth] + wide * split.sum(axis=1) + cells.width + 40
    return sizes


def _paint_background(
    colours: Pixels, back: Codes, flat: NDArray[np.bool_], depth: ColourDepth, background: Color
) -> None:
    """Let flat cells of the background colour say it in Rich's words, in place."""
    blank = flat & (colours == np.array(background.rgb, np.uint8)).all(axis=-1)
    words = np.frombuffer(_code_of(background, depth).encode().ljust(back.text.shape[-1], b"\0"), np.uint8)
    if len(words) == back.text.shape[-1]:
        back.text[blank] = words
        back.key[blank] = -2


def _code_of(background: Color, depth: ColourDepth) -> str:
    """Its SGR in Rich's words."""
    return ";".join(background.rich_color.downgrade(RICH_SYSTEMS[depth]).get_ansi_codes(foreground=False))
