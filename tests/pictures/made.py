"""Sidecars of nothing real."""

from __future__ import annotations

import numpy as np

from tui_lab.pictures.origin import Origin
from tui_lab.pictures.sidecar import Sidecar, sidecar_of
from tui_lab.recipe.denoising import Denoising

PICTURES = np.random.default_rng(3).integers(0, 256, (4, 6, 8, 3), dtype=np.uint8)
ORIGIN = Origin(
    weights="ema",
    sha256="ab" * 32,
    recipe_hash="0123456789ab",
    class_labels=(0, 1, 0, 1),
    device="cpu",
    device_name="CPU, AVX2, 2 threads",
    versions={"torch": "2.13.0", "threads": "2"},
)


def sidecar(place: int | None = None, seed: int = 7) -> Sidecar:
    denoising = Denoising(source="amber-heron", checkpoint=750, knobs={"seed": seed}, place=place)
    return sidecar_of(denoising, ORIGIN, PICTURES)
