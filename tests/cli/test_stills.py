import numpy as np
import pytest

from tui_lab.cli.stills import can_print, print_picture


def test_no_picture_without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert can_print()
    monkeypatch.setenv("NO_COLOR", "1")
    assert not can_print()


def test_transparency_is_white_in_the_shell(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("FORCE_COLOR", "1")
    print_picture(np.zeros((8, 8, 4), np.uint8))
    assert "255;255;255" in capsys.readouterr().out
