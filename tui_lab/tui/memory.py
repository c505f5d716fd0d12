"""What the lab remembers between two evenings: the theme, the panel, the recipe and the run that were open."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from tui_lab.errors import LabError
from tui_lab.runs.files import replace_file
from tui_lab.runs.home import lab_home


@dataclass
class Memory:
    """A damaged or missing file means the defaults: nothing here is worth an error."""

    theme: str = "lab-dark"
    panel: str = "dataset"
    log_y: bool = False
    recipe: str = ""
    run: str = ""

    @classmethod
    def load(cls) -> Memory:
        try:
            stored = json.loads(_path().read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return cls()
        if not isinstance(stored, dict):
            return cls()
        sound = {f.name: stored[f.name] for f in fields(cls) if type(stored.get(f.name)) is type(f.default)}
        return cls(**sound)

    def save(self) -> None:
        with contextlib.suppress(OSError, LabError):
            replace_file(_path(), json.dumps(asdict(self), indent=1).encode())


def _path() -> Path:
    return lab_home() / "lab.json"
