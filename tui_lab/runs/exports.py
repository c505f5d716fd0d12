"""What the folder of an exported model holds, for those who look before torch is imported."""

from __future__ import annotations

import json
from pathlib import Path

INDEX = "model_index.json"
"""In a pipeline of diffusers'."""

MODEL, RECIPE = "model", "recipe.toml"
"""In an export of components: the network's folder, and the recipe that it was trained by."""

UNKNOWN_DATA = "unknown"
"""The dataset's name of a pipeline from elsewhere, which does not say what it was trained on."""


def is_export(folder: Path) -> bool:
    """Whether it is a pipeline's folder, or one of components."""
    return (folder / INDEX).is_file() or holds_components(folder)


def holds_components(folder: Path) -> bool:
    """Whether it is an export that no pipeline of diffusers' runs."""
    return (folder / RECIPE).is_file() and (folder / MODEL / "config.json").is_file()


def parts_of(folder: Path) -> dict[str, str]:
    """{part: its class} of a pipeline's folder; nothing where there is no such folder, or it cannot be read."""
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(index, dict):
        return {}
    named = {part: kind for part, kind in index.items() if isinstance(kind, list) and len(kind) == 2}
    return {part: str(kind[1]) for part, kind in named.items() if kind[1] is not None}


def takes_text(folder: Path) -> bool:
    """Whether it is a text-to-image pipeline's folder."""
    return "text_encoder" in parts_of(folder)


def in_latents(folder: Path) -> bool:
    """Whether it denoises latents, which no picture, mask or loss is about."""
    return not parts_of(folder).keys().isdisjoint(("vae", "vqvae"))
