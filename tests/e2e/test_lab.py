"""The real program in a pseudo-terminal: opened, driven, cut off, found again. The engine is the stand-in."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from tests.waiting import wait_until
from tui_lab.bench.pty_terminal import PtyTerminal
from tui_lab.runs.folder import list_runs
from tui_lab.runs.status import status_of

COMMAND = [sys.executable, "-c", "from tui_lab.cli import main; main()"]


@pytest.fixture
def env(lab_home: Path, standin_engine: None, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    return {
        "DIFFUSION_LAB_HOME": str(lab_home),
        "DIFFUSION_LAB_ENGINE": os.environ["DIFFUSION_LAB_ENGINE"],
        "PYTHONPATH": os.environ["PYTHONPATH"],
        "STANDIN_STEP_SECONDS": "0.1",
    }


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (120, 40), (200, 60)])
def test_the_lab_opens_on_the_embedded_faces(env: dict[str, str], columns: int, rows: int) -> None:
    with PtyTerminal(COMMAND, columns=columns, rows=rows, env=env) as terminal:
        terminal.wait_for("held out")
        assert "▀" in terminal.wait_for("▀")
        terminal.send("q")
        assert terminal.wait_for_exit() == 0


def test_the_line_drops_the_run_goes_on_and_coming_back_finds_it(env: dict[str, str]) -> None:
    with PtyTerminal(COMMAND, columns=120, rows=40, env=env) as terminal:
        terminal.wait_for("Press t to train")
        terminal.send("t")
        terminal.wait_for(r"step [1-9]\d*/750")
        terminal.hang_up()
        terminal.wait_for_exit()
    (run,) = list_runs()
    step = status_of(run).step
    wait_until(lambda: status_of(run).step > step + 10)
    with PtyTerminal(COMMAND, columns=120, rows=40, env=env) as terminal:
        terminal.wait_for(rf"training\s+{re.escape(run.id)}\s+step \d+/750")
        terminal.wait_for(r"loss \d")
        terminal.send("x")
        terminal.wait_for("stopped")
    assert status_of(run).name == "stopped"


def test_leaving_says_how_to_come_back(env: dict[str, str]) -> None:
    with PtyTerminal(COMMAND, columns=120, rows=40, env=env) as terminal:
        terminal.wait_for("Press t to train")
        terminal.send("t")
        terminal.wait_for(r"step [1-9]\d*/750")
        terminal.send("q")
        terminal.wait_for("goes on without this window")
        terminal.send("q")
        assert terminal.wait_for_exit() == 0
        terminal.wait_for("Come back with: diffusion-lab")
    assert status_of(list_runs()[0]).alive


def test_without_colour_there_are_shades_and_signs(env: dict[str, str]) -> None:
    with PtyTerminal(COMMAND, columns=120, rows=40, env={**env, "NO_COLOR": "1"}) as terminal:
        terminal.wait_for("held out")
        assert re.search("[░▒▓█]{3}", terminal.wait_for("[░▒▓█]{3}"))


def test_a_tiny_terminal_gets_a_word(env: dict[str, str]) -> None:
    with PtyTerminal(COMMAND, columns=40, rows=10, env=env) as terminal:
        terminal.wait_for(r"terminal is\s+40×10")
        terminal.resize(120, 40)
        terminal.wait_for("held out")


def test_keys_typed_while_it_opens_are_not_lost(env: dict[str, str]) -> None:
    with PtyTerminal(COMMAND, columns=120, rows=40, env=env) as terminal:
        terminal.first_paint()
        terminal.send("?")
        terminal.wait_for("What this is")


def test_the_mouse_turns_to_a_panel(env: dict[str, str]) -> None:
    with PtyTerminal(COMMAND, columns=80, rows=24, env=env) as terminal:
        terminal.wait_for("held out")
        terminal.click(17, 1)
        terminal.wait_for("ends in pure noise")
