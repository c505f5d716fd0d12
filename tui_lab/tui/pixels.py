"""Pictures as text: two pixels a cell (`▀`: the upper one in the foreground colour, the lower one in the background).

The way to many frames a second: numpy writes the escape sequences of a whole picture as bytes, one string a row, and a
`PixelStrip` carries that string to Textual, which sends it as it is. Rich's segments, which cost fifty times as much,
are built only when somebody asks for them (an SVG export, a dialog that tints what is below it).
"""

import math
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.color import Color as RichColor
from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.strip import Strip

from tui_lab.tui.terminal import ColourDepth

Pixels = NDArray[np.uint8]
_Colour = int | tuple[float, ...]
"""A place in a palette, or red, green and blue."""

_RICH_SYSTEMS = {
    ColourDepth.TRUECOLOR: ColorSystem.TRUECOLOR,
    ColourDepth.PALETTE: ColorSystem.EIGHT_BIT,
    ColourDepth.SIXTEEN: ColorSystem.STANDARD,
    ColourDepth.NONE: ColorSystem.TRUECOLOR,
}
_RESET = "\x1b[0m"
_UPPER_HALF = "▀"
_ASCII_SHADES = " .:-=+*#%@"
_BLOCK_SHADES = " ░▒▓█"


# --- arranging pictures ---------------------------------------------------------------------------------------------


class GridFit(NamedTuple):
    """How `count` pictures are laid out: `shown` of them, `columns` a row, each enlarged `scale` times.

    `shrink` is above 1 only where not even one whole picture fits: then each is reduced that many times.
    """

    columns: int
    scale: int
    shown: int
    shrink: int = 1


def best_grid(
    count: int, height: int, width: int, cells_w: int, cells_h: int, gap: int = 1, label_rows: int = 0
) -> GridFit:
    """The layout of `count` pictures of height × width pixels that fills `cells_w` × `cells_h` cells best.

    The largest whole scale at which all fit; where they don't fit even at 1, as many as do. Between layouts of one
    scale, whole rows before ragged ones. `label_rows` lines of text below each row of pictures are kept free.
    """
    if count <= 0 or height <= 0 or width <= 0 or cells_w <= 0 or cells_h <= label_rows:
        return GridFit(1, 1, 0)
    pixels_h = 2 * (cells_h - label_rows)
    largest = min(cells_w // width, pixels_h // height)
    if largest < 1:
        reduce = max(math.ceil(width / cells_w), math.ceil(height / pixels_h))
        small = max(1, height // reduce), max(1, width // reduce)
        return best_grid(count, *small, cells_w, cells_h, gap, label_rows)._replace(shrink=reduce)
    for scale in range(largest, 0, -1):
        most_columns = (cells_w + gap) // (width * scale + gap)
        most_rows = _rows_that_fit(height * scale, cells_h, gap, label_rows)
        if most_columns * most_rows >= count:
            return GridFit(_even_columns(count, most_columns, most_rows), scale, count)
    return GridFit(most_columns, 1, most_columns * most_rows)


def _rows_that_fit(height: int, cells_h: int, gap: int, label_rows: int) -> int:
    if label_rows:
        return cells_h // (math.ceil(height / 2) + label_rows)
    return (2 * cells_h + gap) // (height + gap)


def _even_columns(count: int, most_columns: int, most_rows: int) -> int:
    most_columns = min(count, most_columns)
    for columns in range(most_columns, max(1, most_columns // 2), -1):
        if count % columns == 0 and count // columns <= most_rows:
            return columns
    return math.ceil(count / math.ceil(count / most_columns))


def as_rgb(images: Pixels, background: tuple[int, int, int]) -> Pixels:
    """(…, H, W, C) with C of 1 (grey), 3, or 4 (shown over the background) → (…, H, W, 3)."""
    if images.shape[-1] == 1:
        return np.repeat(images, 3, axis=-1)
    if images.shape[-1] == 3:
        return images
    opaque = images[..., 3:].astype(np.float32) / 255
    over = images[..., :3] * opaque + np.array(background, np.float32) * (1 - opaque)
    return np.rint(over).astype(np.uint8)


def upscale(images: Pixels, factor: int) -> Pixels:
    """(…, H, W, C) → (…, H·factor, W·factor, C), each pixel a square."""
    return images if factor == 1 else images.repeat(factor, axis=-3).repeat(factor, axis=-2)


def shrink(images: Pixels, factor: int) -> Pixels:
    """(…, H, W, C) → (…, H//factor, W//factor, C), each pixel the mean of a square; what is left over is cut off."""
    if factor == 1:
        return images
    *lead, height, width, channels = images.shape
    rows, columns = max(1, height // factor), max(1, width // factor)
    cut = images[..., : rows * factor, : columns * factor, :]
    squares = cut.reshape(*lead, rows, cut.shape[-3] // rows, columns, cut.shape[-2] // columns, channels)
    return np.rint(squares.mean(axis=(-4, -2))).astype(np.uint8)


def coarsened(canvas: Pixels, factor: int) -> Pixels:
    """(H, W, 3) → (H, W, 3): squares of factor × factor pixels of their mean; the last ones may be cut."""
    if factor == 1:
        return canvas
    height, width = canvas.shape[:2]
    padded = np.pad(canvas, ((0, -height % factor), (0, -width % factor), (0, 0)), mode="edge")
    return upscale(shrink(padded, factor), factor)[:height, :width]


def grid(images: Pixels, columns: int, gap: int, background: tuple[int, int, int]) -> Pixels:
    """(N, H, W, C) → one picture (H', W', 3), row by row, `gap` pixels of background between neighbours."""
    count, height, width = images.shape[:3]
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    sheet = np.empty((rows, height + gap, columns, width + gap, 3), np.uint8)
    sheet[...] = background
    for start in range(0, count, columns):
        row = as_rgb(images[start : start + columns], background)
        sheet[start // columns, :height, : len(row), :width] = row.transpose(1, 0, 2, 3)
    return sheet.reshape(rows * (height + gap), columns * (width + gap), 3)[
        : rows * (height + gap) - gap, : columns * (width + gap) - gap
    ]


# --- from colours to escape sequences -------------------------------------------------------------------------------

# ▀ and its colours as fixed-width bytes. A NUL is dropped at the end: it fills short numbers, and blanks whatever a
# cell need not say again (the same colour as its left neighbour).
_GLYPH = np.frombuffer(_UPPER_HALF.encode(), np.uint8)
_SPACE = np.frombuffer(b" \0\0", np.uint8)
_DIGITS = np.frombuffer(b"".join(str(n).encode().ljust(3, b"\0") for n in range(256)), np.uint8).reshape(256, 3)

_CUBE_LEVELS = np.array([0, 95, 135, 175, 215, 255])
_NEAREST_CUBE = np.abs(np.arange(256)[:, None] - _CUBE_LEVELS).argmin(axis=1)
_GREY_LEVELS = np.arange(8, 239, 10)
_NEAREST_GREY_BY_SUM = np.abs(np.arange(3 * 255 + 1)[:, None] / 3 - _GREY_LEVELS).argmin(axis=1)

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


class _Codes(NamedTuple):
    """Colours of a picture for one depth: `key` tells colours apart (H, W); `text` is their SGR, (H, W, length)."""

    key: NDArray[np.intp]
    text: NDArray[np.uint8]


def _table(codes: Sequence[str]) -> NDArray[np.uint8]:
    width = max(map(len, codes))
    return np.frombuffer("".join(code.ljust(width, "\0") for code in codes).encode(), np.uint8).reshape(-1, width)


_TEXT_256 = [_table([f"{layer};5;{n}" for n in range(256)]) for layer in (38, 48)]
_TEXT_16 = [_table([str(n) for n in numbers]) for numbers in (_SIXTEEN_FOREGROUND, _SIXTEEN_BACKGROUND)]
_TEXT_TRUECOLOR = [np.frombuffer(f"{layer};2;000;000;000".encode(), np.uint8) for layer in (38, 48)]


def _codes(pixels: Pixels, depth: ColourDepth, layer: int) -> _Codes:
    """`layer` 0 is the foreground, 1 the background."""
    if depth is ColourDepth.TRUECOLOR:
        red, green, blue = (pixels[..., channel].astype(np.intp) for channel in range(3))
        text = np.empty((*red.shape, 16), np.uint8)
        text[...] = _TEXT_TRUECOLOR[layer]
        text[..., 5:8], text[..., 9:12], text[..., 13:16] = _DIGITS[red], _DIGITS[green], _DIGITS[blue]
        return _Codes(red << 16 | green << 8 | blue, text)
    if depth is ColourDepth.PALETTE:
        key, table = palette_256(pixels), _TEXT_256[layer]
    else:
        key, table = palette_16(pixels), _TEXT_16[layer]
    return _Codes(key, table[key])


def encode_rows(pixels: Pixels, depth: ColourDepth, background: Color | None = None) -> list[str]:
    """(2·R, W, 3) → R strings for the terminal, each ending in a reset. `depth` is one of those with colour.

    Pixels of exactly the `background` colour are sent as Textual would send it, so that in few colours, too, the gaps
    look like the panel around them.
    """
    upper, lower = pixels[0::2], pixels[1::2]
    front, back = _codes(upper, depth, 0), _codes(lower, depth, 1)
    flat = front.key == back.key
    if background is not None:
        _paint_background(lower, back, flat, depth, background)

    before = np.roll(back.key, 1, axis=1)
    before[:, :1] = -1
    says_back = back.key != before

    # A flat cell is a space, and leaves the foreground as the last ▀ set it.
    columns = np.arange(flat.shape[1])
    last = np.roll(np.maximum.accumulate(np.where(flat, -1, columns), axis=1), 1, axis=1)
    last[:, :1] = -1
    held = np.where(last < 0, -1, np.take_along_axis(front.key, np.maximum(last, 0), axis=1))
    says_front = ~flat & (front.key != held)

    wide_front, wide_back = front.text.shape[-1], back.text.shape[-1]
    cells = np.empty((*flat.shape, 2 + wide_front + 1 + wide_back + 1 + 3), np.uint8)
    parts = np.split(cells, np.cumsum([2, wide_front, 1, wide_back, 1]), axis=-1)
    opening, front_part, joint, back_part, closing, glyph = parts
    says_any = says_front | says_back
    opening[..., 0], opening[..., 1] = says_any * np.uint8(0x1B), says_any * np.uint8(ord("["))
    np.multiply(front.text, says_front[..., None], out=front_part)
    joint[..., 0] = (says_front & says_back) * np.uint8(ord(";"))
    np.multiply(back.text, says_back[..., None], out=back_part)
    closing[..., 0] = says_any * np.uint8(ord("m"))
    glyph[...] = np.where(flat[..., None], _SPACE, _GLYPH)
    return [row.tobytes().translate(None, b"\0").decode() + _RESET for row in cells]


_BYTES_A_CHANGE = {ColourDepth.TRUECOLOR: 17, ColourDepth.PALETTE: 10, ColourDepth.SIXTEEN: 4}
_ALIKE_BITS = {ColourDepth.TRUECOLOR: 0, ColourDepth.PALETTE: 5, ColourDepth.SIXTEEN: 6}


def encoded_sizes(pixels: Pixels, depth: ColourDepth) -> NDArray[np.intp]:
    """(2·R, W, 3) → (R,): about how many bytes each row of `encode_rows` takes, without encoding: a colour has to be
    said where it is not that of the cell before, and ▀ takes three bytes, a space one."""
    alike = pixels >> _ALIKE_BITS[depth]
    upper, lower = alike[0::2], alike[1::2]
    split = (upper != lower).any(axis=-1)
    said = (lower[:, 1:] != lower[:, :-1]).any(axis=-1).sum(axis=1)
    said += ((upper[:, 1:] != upper[:, :-1]).any(axis=-1) & split[:, 1:]).sum(axis=1)
    sizes: NDArray[np.intp] = said * _BYTES_A_CHANGE[depth] + 2 * split.sum(axis=1) + pixels.shape[1] + 40
    return sizes


def _paint_background(
    lower: Pixels, back: _Codes, flat: NDArray[np.bool_], depth: ColourDepth, background: Color
) -> None:
    """Let flat cells of the background colour say it in Rich's words, in place."""
    blank = flat & (lower == np.array(background.rgb, np.uint8)).all(axis=-1)
    code = ";".join(background.rich_color.downgrade(_RICH_SYSTEMS[depth]).get_ansi_codes(foreground=False))
    words = np.frombuffer(code.encode().ljust(back.text.shape[-1], b"\0"), np.uint8)
    if len(words) == back.text.shape[-1]:
        back.text[blank] = words
        back.key[blank] = -2


def luminance_rows(pixels: Pixels, dark: bool = True, ascii_only: bool = False) -> list[str]:
    """(2·R, W, 3) → R strings of shades: for terminals without colour. On a dark screen the fuller shade is brighter.

    Full range: the darkest of these pixels to the brightest, for a picture of greys would drown in five shades.
    """
    shades = np.array(list(_ASCII_SHADES if ascii_only else _BLOCK_SHADES))
    light = pixels @ np.array([0.299, 0.587, 0.114])
    cells = (light[0::2] + light[1::2]) / 2
    low, high = (float(cells.min()), float(cells.max())) if cells.size else (0.0, 0.0)
    level = (cells - low) / (high - low) if high > low else cells / 255
    step = np.minimum((level if dark else 1 - level) * len(shades), len(shades) - 1).astype(np.intp)
    return ["".join(row) for row in shades[step]]


# --- carrying them to Textual ---------------------------------------------------------------------------------------


class PixelStrip(Strip):
    """A row of cells that is already escape sequences; cut without ever becoming segments.

    It leans on Strip's private `_render_cache` and `_segments` (Textual is pinned to a minor version for that).
    """

    __slots__ = ("_background", "_built", "_depth", "_pixels")

    def __init__(self, pixels: Pixels, depth: ColourDepth, background: Color, encoded: str | None = None) -> None:
        self._built: list[Segment] | None = None
        super().__init__((), pixels.shape[1])
        self._pixels = pixels
        self._depth = depth
        self._background = background
        self._render_cache = encoded
        self._cell_count = pixels.shape[1]

    @property
    def _segments(self) -> list[Segment]:
        if self._built is None:
            self._built = _segments_of(self._pixels, self._depth, self._background)
        return self._built

    @_segments.setter
    def _segments(self, segments: list[Segment]) -> None:
        """Strip's own initialiser assigns an empty list: not built yet."""
        self._built = segments or None

    def __bool__(self) -> bool:
        return self._pixels.shape[1] > 0

    def render(self, console: Console) -> str:
        """The row as escape sequences; `console` has no say, the strip knows its depth."""
        if self._render_cache is None:
            self._render_cache = encode_rows(self._pixels, self._depth, self._background)[0]
        return self._render_cache

    def crop(self, start: int, end: int | None = None) -> Strip:
        """Cells from `start` up to `end`."""
        width = self._pixels.shape[1]
        start, end = max(0, start), width if end is None else min(width, end)
        if (start, end) == (0, width):
            return self
        return PixelStrip(self._pixels[:, start : max(start, end)], self._depth, self._background)

    def divide(self, cuts: Iterable[int]) -> Sequence[Strip]:
        """Pieces that end at `cuts`."""
        ends = [cut for cut in cuts if cut <= self._pixels.shape[1]]
        return [self.crop(start, end) for start, end in zip([0, *ends], ends, strict=False)]


def pixel_strips(pixels: Pixels, depth: ColourDepth, background: Color) -> list[PixelStrip]:
    """(2·R, W, 3) → R strips. Each keeps its two rows of pixels: hand over an array that nobody writes to again."""
    encoded = encode_rows(pixels, depth, background)
    return [PixelStrip(pixels[2 * row : 2 * row + 2], depth, background, text) for row, text in enumerate(encoded)]


def _segments_of(pixels: Pixels, depth: ColourDepth, background: Color) -> list[Segment]:
    """Runs of equal cells as Rich's segments, in the colours that the escape sequences have."""
    upper, lower = pixels
    if depth is ColourDepth.TRUECOLOR:
        fronts, backs = [list(map(tuple, row.tolist())) for row in (upper, lower)]
    else:
        index = palette_256 if depth is ColourDepth.PALETTE else palette_16
        fronts, backs = index(upper).tolist(), index(lower).tolist()
    blank = ((upper == background.rgb) & (lower == background.rgb)).all(axis=-1).tolist()
    cells = [None if empty else (front, back) for front, back, empty in zip(fronts, backs, blank, strict=True)]
    segments: list[Segment] = []
    start = 0
    for end in range(1, len(cells) + 1):
        if end == len(cells) or cells[end] != cells[start]:
            segments.append(_segment(cells[start], end - start, background))
            start = end
    return segments


def _segment(cell: tuple[_Colour, _Colour] | None, width: int, background: Color) -> Segment:
    if cell is None:
        return Segment(" " * width, Style.from_color(bgcolor=background.rich_color))
    front, back = cell
    return Segment((" " if front == back else _UPPER_HALF) * width, _style(front, back))


@lru_cache(maxsize=4096)
def _style(front: _Colour, back: _Colour) -> Style:
    return Style.from_color(*(_rich_color(colour) for colour in (front, back)))


def _rich_color(colour: _Colour) -> RichColor:
    return RichColor.from_ansi(colour) if isinstance(colour, int) else RichColor.from_rgb(*colour)
