"""Text from outside cannot speak to the terminal."""

import pytest

from tui_lab.sanitize import clean


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("cat.png", "cat.png"),
        ("\x1b[31mred", "�[31mred"),
        ("a\nb\x9bm", "a�b�m"),
        ("\u202egnp.exe", "�gnp.exe"),
        ("bad\udcffname", "bad�name"),
        ("line\u2028sep", "line�sep"),
        ("naïve 猫", "naïve 猫"),
        ("[bold]", "[bold]"),
    ],
)
def test_nothing_that_a_terminal_would_obey_is_left(raw: str, shown: str) -> None:
    assert clean(raw) == shown


def test_long_text_is_cut() -> None:
    assert clean("x" * 600) == "x" * 499 + "…"
