"""The tool that the other end-to-end tests stand on."""

import sys
from pathlib import Path

import pytest

from tui_lab.bench.pty_terminal import PtyTerminal

ECHO = """
import sys, termios, tty
tty.setcbreak(0)
print("ready", flush=True)
while (key := sys.stdin.read(1)) != "q":
    print(f"got {key}", flush=True)
raise SystemExit(3)
"""


@pytest.fixture
def program(tmp_path: Path) -> list[str]:
    path = tmp_path / "echo.py"
    path.write_text(ECHO)
    return [sys.executable, str(path)]


def test_keys_go_in_and_the_screen_comes_out(program: list[str]) -> None:
    with PtyTerminal(program) as terminal:
        terminal.wait_for("ready")
        assert terminal.echo("x", "got x") > 0
        terminal.send("q")
        assert terminal.wait_for_exit() == 3


def test_what_does_not_appear_is_an_error_that_shows_the_screen(program: list[str]) -> None:
    with PtyTerminal(program) as terminal:
        terminal.wait_for("ready")
        with pytest.raises(AssertionError, match="ready"):
            terminal.wait_for("never", timeout=0.2)


def test_the_program_sees_the_size_and_its_changes() -> None:
    command = ["sh", "-c", "trap 'stty size' WINCH; stty size; while :; do sleep 0.05; done"]
    with PtyTerminal(command, columns=100, rows=30) as terminal:
        terminal.wait_for("30 100")
        terminal.resize(80, 24)
        terminal.wait_for("24 80")


def test_hanging_up_ends_a_program_as_a_lost_session_does(program: list[str]) -> None:
    terminal = PtyTerminal(program)
    terminal.wait_for("ready")
    terminal.hang_up()
    assert terminal.exit_code == -1


def test_a_program_that_is_not_there_says_so() -> None:
    with PtyTerminal(["no-such-program-here"]) as terminal:
        terminal.wait_for("no-such-program-here")
        assert terminal.wait_for_exit() == 127
