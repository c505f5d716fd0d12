"""Pictures beside the rows of the control form: what a section is about, as far as it can be shown."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from textual.color import Color

from tui_lab.data.masks import mask_array
from tui_lab.diffusion import schedules
from tui_lab.errors import LabError
from tui_lab.recipe import Recipe
from tui_lab.recipe.denoising import Denoising, ImageRef
from tui_lab.recipe.possible import with_knobs
from tui_lab.tui.control.form import BETWEEN, CLASS, PULL, SEED, START, VARIATION
from tui_lab.tui.control.pull import ColourRow
from tui_lab.tui.control.rows import Row, Subject
from tui_lab.tui.mask_canvas import redrawn
from tui_lab.tui.widgets.dataset_panel import labels_of

Pixels = NDArray[np.uint8]
Read = Mapping[ImageRef | None, Pixels]
"""Images that are referred to, (H, W, C), as far as they are read."""

SHOWN = 24
"""Pictures of a class."""


def tiles_of(
    row: Row, asked: Denoising, subject: Subject, images: Read, samples: Pixels | None
) -> list[tuple[str, Pixels]]:
    """(label, picture) of what the row and its section are about, the row's own first; all are of one shape."""
    section = row.section
    if section == CLASS:
        return class_tiles(asked, subject)
    if section == START and asked.start.image in images:
        tiles = start_tiles(asked, subject.recipe, images[asked.start.image])
        return tiles[::-1] if row.key == "mask" else tiles
    if section == PULL and asked.pull is not None:
        return pull_tiles(asked, subject.recipe, images)
    if section in (VARIATION, BETWEEN, SEED) and samples is not None:
        varied = asked.variation
        if section == VARIATION and varied is not None and varied.place < len(samples):
            return [(f"sample {varied.place + 1}", samples[varied.place])]
        return [(str(place + 1), pixels) for place, pixels in enumerate(samples)]
    return []


def class_tiles(asked: Denoising, subject: Subject) -> list[tuple[str, Pixels]]:
    """Pictures of the classes that are drawn."""
    images = subject.images
    if images is None or subject.no_classes:
        return []
    rows = np.arange(len(images.labels))
    if asked.class_labels:
        rows = rows[np.isin(images.labels, [subject.class_number(label) for label in asked.class_labels])]
    rows = rows[np.linspace(0, len(rows) - 1, min(SHOWN, len(rows))).astype(np.intp)]
    return list(zip(labels_of(images, rows), images.take(rows), strict=True))


def start_tiles(asked: Denoising, recipe: Recipe, image: Pixels) -> list[tuple[str, Pixels]]:
    """The image, what of it stays, and what the sampler begins with."""
    tiles = [("image", image)]
    if asked.start.kind == "image":
        tiles.append(
            (f"noised {asked.start.strength:g}", noised(with_knobs(asked, recipe), image, asked.start.strength))
        )
    if asked.keep is not None and (asked.keep.height, asked.keep.width) == image.shape[:2]:
        tiles.append(("what stays", redrawn(image, mask_array(asked.keep))))
    return tiles


def noised(recipe: Recipe, image: Pixels, strength: float) -> Pixels:
    """The image at the noise level at which the sampler's last `strength` share of calls begins."""
    try:
        calls = schedules.visits(recipe).index
    except LabError:
        return image
    made = int(len(calls) * strength + 1e-9)
    if not made:
        return image
    level = round(float(calls[len(calls) - made]))
    return schedules.to_uint8(schedules.add_noise(image, [level], recipe.noise_scheduler)[0])


def pull_tiles(asked: Denoising, recipe: Recipe, images: Read) -> list[tuple[str, Pixels]]:
    """What is pulled towards, where that can be shown."""
    pull = asked.pull
    assert pull is not None
    height, width = recipe.dataset.size
    match pull.kind:
        case "colour":
            return [(Color(*ColourRow.colour(asked)).hex.lower(), np.full((height, width, 3), pull.colour, np.uint8))]
        case "brightness":
            grey = np.full((height, width, 1), round(pull.level * 255), np.uint8)
            return [(f"brightness {pull.level:g}", grey)]
        case "likeness" if pull.image in images:
            return [("likeness", images[pull.image])]
    return []
