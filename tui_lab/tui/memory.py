"""What the lab remembers between two evenings: the theme, the panel, the recipe and the run that were open, the
data that was chosen."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from tui_lab.errors import LabError
from tui_lab.runs.files import replace_file
from tui_lab.runs.home import lab_home


@dataclass
class Memory:
    """A damaged or missing file means the defaults: nothing here is worth an error."""

    theme: str = "lab-dark"
    panel: str = "dataset"
    log_y: bool = False
    pictures: str = "auto"
    """How they are drawn: the value of a `PictureMode`."""
    recipe: str = ""
    run: str = ""
    recent_data: list[Any] = field(default_factory=list)
    """Choices of data, the newest first, as `DataChoice.remembered` gives them."""
    run_colours: dict[str, int] = field(default_factory=dict)
    """The turn at which each run was given its colour."""

    @classmethod
    def load(cls) -> Memory:
        try:
            stored = json.loads(_path().read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return cls()
        if not isinstance(stored, dict):
            return cls()
        default = cls()
        names = [f.name for f in fields(cls)]
        return cls(**{name: stored[name] for name in names if type(stored.get(name)) is type(getattr(default, name))})

    def save(self) -> None:
        with contextlib.suppress(OSError, LabError):
            replace_file(_path(), json.dumps(asdict(self), indent=1).encode())


def _path() -> Path:
    return lab_home() / "lab.json"
