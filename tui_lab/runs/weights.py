"""What a checkpoint says of itself, without torch: which weights it holds, and whether it is whole."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def weights_of(checkpoint: Path) -> str:
    """The hash of its weights, as its own state tells it: equal for equal weights, bit by bit. Empty where it has none
    to tell."""
    return str(_state(checkpoint).get("weights", ""))


def is_whole(checkpoint: Path) -> bool:
    """Whether its files are there, and are those that were written."""
    state = _state(checkpoint)
    try:
        for name, expected in state.get("files", {}).items():
            with (checkpoint / name).open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != expected["sha256"]:
                    return False
    except OSError:
        return False
    return bool(state)


def _state(checkpoint: Path) -> dict[str, Any]:
    try:
        state = json.loads((checkpoint / "state.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}
