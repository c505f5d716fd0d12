"""Pictures in the shell, as half blocks."""

from __future__ import annotations

import os
import sys

import numpy as np
from numpy.typing import NDArray


def can_print() -> bool:
    """Whether stdout is a terminal that shows colours: a picture in half blocks is nothing but colour."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"


def print_picture(pixels: NDArray[np.uint8]) -> None:
    """Pixels (H, W, 3), or (H, W, 4) over white, as half blocks, made smaller where the terminal is narrower."""
    from PIL import Image
    from rich.console import Console
    from rich_pixels import Pixels

    console = Console()
    image = Image.fromarray(pixels)
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    if image.width > console.width:
        height = max(2, round(image.height * console.width / image.width))
        image = image.resize((console.width, height), Image.Resampling.BOX)
    console.print(Pixels.from_image(image))
