"""What the folder of an exported model holds, for those who look before torch is imported."""

from __future__ import annotations

import json
from pathlib import Path

INDEX = "model_index.json"
"""In a pipeline of diffusers'."""

MODEL, RECIPE = "model", "recipe.toml"
"""In an export of components: the network's folder, and the recipe that it was trained by."""


def is_export(folder: Path) -> bool:
    """Whether it is a pipeline's folder, or one of components."""
    return (folder / INDEX).is_file() or holds_components(folder)


def holds_components(folder: Path) -> bool:
    """Whether it is an export that no pipeline of diffusers' runs."""
    return (folder / RECIPE).is_file() and (folder / MODEL / "config.json").is_file()


def takes_text(folder: Path) -> bool:
    """Whether it is a text-to-image pipeline's folder."""
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(index, dict) and "text_encoder" in index
