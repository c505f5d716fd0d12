"""Folders of small pictures for the tests of the data screens, and the pixels that a widget shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from textual.geometry import Region
from textual.widget import Widget


def paint_folder(folder: Path, classes: tuple[str, ...] = ("red", "blue"), each: int = 10, side: int = 12) -> Path:
    """`each` pictures a class, no two alike, at side × side pixels."""
    noise = np.random.default_rng(0)
    for number, name in enumerate(classes):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(each):
            pixels = noise.integers(0, 256, (side, side, 3), dtype=np.uint8)
            pixels[..., number % 3] = 255
            Image.fromarray(pixels).save(folder / name / f"{i:03}.png")
    return folder


def pixels_shown(widget: Widget) -> NDArray[np.uint8]:
    """(2·height, width, 3): what half blocks on the screen show, by the colours that the terminal is told."""
    shown = np.zeros((2 * widget.size.height, widget.size.width, 3), np.uint8)
    for y, strip in enumerate(widget.render_lines(Region(0, 0, *widget.size))):
        x = 0
        for segment in strip:
            for character in segment.text:
                back = segment.style.bgcolor.get_truecolor()
                front = segment.style.color.get_truecolor() if character == "▀" else back
                shown[2 * y, x], shown[2 * y + 1, x] = front, back
                x += 1
    return shown
