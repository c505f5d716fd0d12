"""Commands run in this process: what they print, and how they exit."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.waiting import PATIENCE_SECONDS
from tui_lab.cli import main


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> str:
        """The one line that a person gets when something is wrong."""
        lines = [line for line in self.err.splitlines() if line.startswith("diffusion-lab: ")]
        assert len(lines) == 1 and "Traceback" not in self.err, self.err
        return lines[0].removeprefix("diffusion-lab: ")


Lab = Callable[..., Outcome]


@pytest.fixture
def lab(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Lab:
    """`lab("show", "amber-heron")`."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr("tui_lab.cli.control.PATIENCE_SECONDS", PATIENCE_SECONDS)

    def run(*words: str) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main(words)
        captured = capsys.readouterr()
        return Outcome(int(left.value.code or 0), captured.out, captured.err)

    return run
