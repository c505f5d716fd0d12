"""A sheet of batches of pictures with titles of its rows and columns, as a PNG that can be read without the lab."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tui_lab.pictures.files import CELL, encoded, write
from tui_lab.pictures.grid import grid
from tui_lab.pictures.sidecar import SHEET_FORMAT, Sidecar, sidecar_path

Bytes = NDArray[np.uint8]
At = tuple[int, int]
"""(row, column)."""

_PAPER, _INK, _FAINT = (255, 255, 255), (20, 24, 32), (130, 136, 148)
_TEXT, _GAP = 18, 12
"""Pixels of a line of text, and between places."""


@dataclass(frozen=True, slots=True, eq=False)
class TitledSheet:
    """`pictures` (B, H, W, C) by (row, column), all of one shape; `words` stand in places that have none."""

    title: str
    across: str
    rows: Sequence[str]
    columns: Sequence[str]
    pictures: Mapping[At, Bytes]
    words: Mapping[At, str]


def save_sheet(path: Path, sheet: TitledSheet) -> None:
    """As PNG, dark on white; `across` is what the columns stand for. Raises LabError."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(_TEXT)
    tiles = {at: _tile(pictures) for at, pictures in sheet.pictures.items()}
    high, wide = next((tile.shape[:2] for tile in tiles.values()), (CELL, CELL))
    left = round(max(font.getlength(text) for text in (*sheet.rows, sheet.across))) + 2 * _GAP
    top = 2 * _TEXT + 3 * _GAP
    width = max(left + len(sheet.columns) * (wide + _GAP), round(font.getlength(sheet.title)) + 2 * _GAP)
    image = Image.new("RGB", (width, top + len(sheet.rows) * (high + _GAP)), _PAPER)
    draw = ImageDraw.Draw(image)
    draw.text((_GAP, _GAP), sheet.title, _INK, font)
    draw.text((left - _GAP, top - _GAP), sheet.across, _FAINT, font, anchor="rs")
    for column, words in enumerate(sheet.columns):
        draw.text((left + column * (wide + _GAP) + wide // 2, top - _GAP), words, _INK, font, anchor="ms")
    for row, words in enumerate(sheet.rows):
        draw.text((left - _GAP, top + row * (high + _GAP) + high // 2), words, _INK, font, anchor="rm")
        for column in range(len(sheet.columns)):
            x, y = left + column * (wide + _GAP), top + row * (high + _GAP)
            if (row, column) in tiles:
                image.paste(Image.fromarray(tiles[row, column]), (x, y))
                continue
            draw.rectangle((x, y, x + wide - 1, y + high - 1), outline=_FAINT)
            told = _wrapped(sheet.words.get((row, column), ""), wide - _GAP, high - _GAP)
            draw.multiline_text((x + wide // 2, y + high // 2), told, _FAINT, font, anchor="mm", align="center")
    write(path, encoded(image, "PNG"))


def _wrapped(words: str, width: int, height: int) -> str:
    """As much of them as there is room for."""
    lines = max(1, int(height / (1.3 * _TEXT)))
    return textwrap.fill(words, max(4, int(width / (0.5 * _TEXT))), max_lines=lines, placeholder=" …")


def write_sheet_sidecar(path: Path, sheet: TitledSheet, sidecars: Mapping[At, Sidecar]) -> Path:
    """Beside the PNG: what makes each place of it again. Raises LabError."""
    cells = [
        {"row": row, "column": column, "title": [sheet.rows[row], sheet.columns[column]], **sidecar.to_json()}
        for (row, column), sidecar in sorted(sidecars.items())
    ]
    beside = sidecar_path(path)
    content = {"format": SHEET_FORMAT, "title": sheet.title, "cells": cells}
    write(beside, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())
    return beside


def _tile(pictures: Bytes) -> Bytes:
    """The grid of a place, enlarged by a whole factor where its pictures are small."""
    factor = max(1, CELL // pictures.shape[1])
    return grid(pictures)[..., :3].repeat(factor, axis=0).repeat(factor, axis=1)
