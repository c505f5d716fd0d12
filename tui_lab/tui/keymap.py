"""Keys of one's own: `keys.toml` in the lab's home, such as `train = "ctrl+t"`, over the keys that the lab declares."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Collection
from pathlib import Path

from tui_lab.errors import LabError
from tui_lab.runs.home import lab_home


def keymap_path() -> Path:
    return lab_home() / "keys.toml"


def load_keymap(known: Collection[str]) -> dict[str, str]:
    """{action: key, or several with commas}; empty where there is no file. `known` are the actions that have a key.

    Raises LabError that names the file and what is wrong with it.
    """
    path = keymap_path()
    try:
        keys = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise LabError(f"{path} is not used: {error}") from error
    for action, key in keys.items():
        if action not in known:
            near = difflib.get_close_matches(action, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known))}"
            raise LabError(f"{path} is not used: {action!r} is no action of the lab; {hint}")
        if not isinstance(key, str) or not key:
            raise LabError(f'{path} is not used: {action} takes a key such as "ctrl+t", not {key!r}')
    return keys
