"""Full pixels in a real pseudo-terminal whose other end answers as kitty, foot, a liar or nobody."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from tests.tui.pixel_app import SIDE, picture
from tests.tui.pixel_terminal import CELL, Manners, PixelTerminal
from tests.waiting import PATIENCE_SECONDS, wait_until

FOOT = Manners(name="foot(1.20)", speaks_kitty=False, has_sixels=True)
SHORT = 0.3
"""Seconds for an answer that never comes."""
SCALE = min(24 * CELL[0], 10 * CELL[1]) // SIDE


def opened(
    manners: Manners,
    tmp_path: Path,
    env: Mapping[str, str],
    probe: float = PATIENCE_SECONDS,
    confirmed: float = PATIENCE_SECONDS,
) -> PixelTerminal:
    """Wide enough that a notification leaves in sight what is said beside it."""
    environ = {"DIFFUSION_LAB_HOME": str(tmp_path), "DIFFUSION_LAB_PICTURES": "auto", **env}
    return PixelTerminal(manners, {**environ, "PIXEL_APP_PATIENCE": f"{probe} {confirmed}"}, columns=200, rows=14)


def enlarged(number: int) -> np.ndarray:
    return picture(number).repeat(SCALE, axis=0).repeat(SCALE, axis=1)


def test_kitty_gets_the_very_pixels_and_placeholders_once_it_confirmed_them(tmp_path: Path) -> None:
    with opened(Manners(), tmp_path, {"TERM": "xterm-kitty"}) as terminal:
        terminal.wait_for(r"kitty: TERM=xterm-kitty, and the terminal confirms it \(kitty\(0.40\)\)")
        wait_until(lambda: terminal.placeholder_rows == 10)
        (first,) = terminal.kept.values()
        assert first.shape == (10 * CELL[1], 24 * CELL[0], 3)
        assert np.array_equal(first[: SIDE * SCALE, : SIDE * SCALE], enlarged(0))

        terminal.send("n")
        wait_until(lambda: terminal.forgotten and terminal.kept and terminal.placeholder_rows == 10)
        (second,) = terminal.kept.values()
        assert np.array_equal(second[: SIDE * SCALE, : SIDE * SCALE], enlarged(1))

        terminal.send("d")  # what covers placeholders hides the picture
        terminal.wait_for("a dialog")
        terminal.send("escape")
        wait_until(lambda: terminal.placeholder_rows == 10)

        terminal.send("h")
        wait_until(lambda: not terminal.kept and terminal.placeholder_rows == 0)
        terminal.send("h")
        wait_until(lambda: terminal.placeholder_rows == 10)

        assert "keys [ndhh]" in terminal.text.replace("<escape>", "")
        terminal.send("q")
        terminal.wait_for_exit()
        wait_until(lambda: not terminal.kept)


def test_sixels_are_crisp_and_come_again_when_a_dialog_has_gone(tmp_path: Path) -> None:
    with opened(FOOT, tmp_path, {"TERM": "foot"}) as terminal:
        terminal.wait_for("sixel: TERM=foot, and the terminal has sixels")
        wait_until(lambda: len(terminal.sixels()) == 10)
        assert_shown(terminal, 0)
        terminal.send("d")
        terminal.wait_for("a dialog")
        sent = len(terminal.raw)
        terminal.send("escape")
        wait_until(lambda: b"\x1bP0;0;0q" in terminal.raw[sent:])
        terminal.send("n")
        wait_until(lambda: np.abs(terminal.sixels()[0][0, 0].astype(int) - picture(1)[0, 0]).max() < 9)
        terminal.wait_until_quiet()
        assert_shown(terminal, 1)


def assert_shown(terminal: PixelTerminal, number: int) -> None:
    """The picture's squares, each of one colour up to sixel's percents and a palette's rounding."""
    rows = terminal.sixels()
    shown = np.concatenate([rows[y] for y in range(10)])[: SIDE * SCALE, : SIDE * SCALE]
    squares = shown.reshape(SIDE, SCALE, SIDE, SCALE, 3)
    assert (squares == squares[:, :1, :, :1]).all()
    assert np.abs(shown.astype(int) - enlarged(number)).max() < 9


def test_late_answers_change_nothing_and_are_no_keys(tmp_path: Path) -> None:
    late = threading.Event()
    with opened(Manners(late=late), tmp_path, {"TERM": "xterm-kitty"}, probe=SHORT) as terminal:
        terminal.wait_for("half: TERM=xterm-kitty, but the terminal did not answer")
        late.set()
        wait_until(lambda: terminal.said == 4)
        terminal.send("x")
        terminal.wait_for(r"keys \[x\] half")
        assert not terminal.kept


def test_a_terminal_that_lies_gets_cells_and_the_person_one_word(tmp_path: Path) -> None:
    with opened(Manners(confirms=False), tmp_path, {"TERM": "xterm-kitty"}, confirmed=1.0) as terminal:
        terminal.wait_for("kitty: ")
        terminal.wait_for("half: no word came of a picture that was sent")
        terminal.wait_for("half blocks instead of full pixels")
        assert terminal.placeholder_rows == 0
        assert not terminal.kept


@pytest.mark.parametrize(
    ("asked", "manners", "words"),
    [
        ("kitty", Manners(speaks_kitty=False), "half: DIFFUSION_LAB_PICTURES says so, but the terminal"),
        ("sixel", Manners(answers=False), "half: DIFFUSION_LAB_PICTURES says so, but the terminal did not answer"),
    ],
)
def test_what_was_asked_for_and_is_not_there_becomes_half_blocks(
    asked: str, manners: Manners, words: str, tmp_path: Path
) -> None:
    with opened(manners, tmp_path, {"DIFFUSION_LAB_PICTURES": asked}, probe=SHORT) as terminal:
        terminal.wait_for(words)
        assert not terminal.kept and not terminal.sixels()


def test_an_unknown_terminal_is_not_asked_and_the_palette_chooses(tmp_path: Path) -> None:
    with opened(Manners(), tmp_path, {"TERM": "xterm-256color"}) as terminal:
        terminal.wait_for("half: nothing says that this terminal has pixels")
        assert b"\x1b_G" not in terminal.raw and b"\x1b[16t" not in terminal.raw
        terminal.send("p")
        terminal.wait_for("ascii: the lab's palette says so")
        terminal.wait_for("[-:=+*#%@]{12}")
