"""The question that `doctor` asks the terminal, in a real one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.tui.pixel_terminal import Manners, PixelTerminal
from tests.waiting import PATIENCE_SECONDS

SCRIPT = """
import os, sys
from tui_lab.tui import shell_probe
shell_probe.PROBE_SECONDS = float(sys.argv[1])
choice = shell_probe.choose_in_shell(os.environ)
print(f"chosen {choice.mode.value}: {choice.why}.")
print(f"typed {input('> ')!r}")
"""


@pytest.mark.parametrize(
    ("term", "manners", "words"),
    [
        ("foot", Manners("foot(1.2)", speaks_kitty=False, has_sixels=True), "sixel: TERM=foot, and .* has sixels"),
        ("xterm-kitty", Manners(answers=False), "half: TERM=xterm-kitty, but the terminal did not answer"),
    ],
)
def test_the_answers_choose_and_are_not_left_for_the_next_reader(
    term: str, manners: Manners, words: str, tmp_path: Path
) -> None:
    env = {"TERM": term, "DIFFUSION_LAB_PICTURES": "auto"}
    seconds = PATIENCE_SECONDS if manners.answers else 0.3
    with PixelTerminal(manners, env, [sys.executable, "-c", SCRIPT, str(seconds)], columns=120, rows=10) as terminal:
        terminal.wait_for(f"chosen {words}")
        terminal.wait_for(r"^>")
        terminal.type("hello")
        terminal.send("enter")
        terminal.wait_for("typed 'hello'")
