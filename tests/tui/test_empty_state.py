import pytest

from tui_lab.tui.empty_state import empty_lines


def test_words_stand_in_the_middle() -> None:
    assert empty_lines("go", 6, 3) == ["      ", "  go  ", "      "]


@pytest.mark.parametrize("width", [1, 3, 20, 80])
@pytest.mark.parametrize("height", [1, 2, 9])
def test_any_size_is_filled_exactly(width: int, height: int) -> None:
    lines = empty_lines("Press t to train on pixel-faces:\nfaces in two minutes", width, height)
    assert len(lines) == height and {len(line) for line in lines} == {width}


def test_what_a_terminal_would_obey_is_made_visible() -> None:
    assert "\x1b" not in "".join(empty_lines("a\x1b[31mb", 20, 1))
