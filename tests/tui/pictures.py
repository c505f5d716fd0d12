"""Folders of small pictures for the tests of the data screens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


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
