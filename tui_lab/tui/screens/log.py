"""What the rank prints, as it prints it."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer, Log, Static

from tui_lab.runs.folder import RunFolder
from tui_lab.sanitize import clean

TAIL_BYTES = 256 * 1024
"""How much of an old log is shown; the file itself holds all of it."""


class LogScreen(Screen[None]):
    """Follows a run's `logs/rank-0.log`."""

    TITLE = "Log"
    DEFAULT_CSS = """
    LogScreen {
        & #log-title { height: 1; background: $panel; padding: 0 1; color: $primary; }
        & Log { height: 1fr; background: $background; padding: 0 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,v,q", "app.pop_screen", "Back to the lab", key_display="esc"),
    ]

    def __init__(self, folder: RunFolder) -> None:
        super().__init__()
        self._run = folder
        self._path: Path = folder.logs / "rank-0.log"
        self._read_to = 0
        self._rest = b""

    def compose(self) -> ComposeResult:
        yield Static(id="log-title", markup=False)
        yield Log(highlight=False, max_lines=20_000)
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#log-title", Static).update(f"{self._run.id}: {self._path}")
        try:
            self._read_to = max(0, self._path.stat().st_size - TAIL_BYTES)
        except FileNotFoundError:
            self.query_one(Log).write_line("Nothing printed yet.")
        self._follow()
        self.set_interval(0.25, self._follow)

    def _follow(self) -> None:
        try:
            with self._path.open("rb") as file:
                file.seek(self._read_to)
                new = file.read(TAIL_BYTES)
        except FileNotFoundError:
            return
        if not new:
            return
        self._read_to += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        if lines:
            # A progress bar redraws its line with \r: only its last state is of interest.
            shown = [clean(line.rpartition(b"\r")[2].decode("utf-8", "replace"), 2000) for line in lines]
            self.query_one(Log).write_lines(shown)
