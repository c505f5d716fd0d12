import pytest

from tui_lab.tui.picture_probe import Answers, choose, in_tmux, likely_protocol
from tui_lab.tui.terminal import PictureMode
from tui_lab.tui.terminal_replies import AttributesReply, CellReply, KittyReply, Reply, VersionReply

KITTY_OK, DONE, SIXELS = KittyReply(31, "OK"), AttributesReply((62,)), AttributesReply((62, 4))
CELL = CellReply(9, 18)


def answers(*replies: Reply) -> Answers:
    found = Answers()
    for reply in replies:
        found.take(reply)
    return found


@pytest.mark.parametrize(
    ("environ", "protocol"),
    [
        ({"TERM": "xterm-kitty"}, PictureMode.KITTY),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, PictureMode.KITTY),
        ({"TERM": "xterm-ghostty"}, PictureMode.KITTY),
        ({"TERM": "foot"}, PictureMode.SIXEL),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, PictureMode.SIXEL),
        ({"TERM": "xterm-256color", "WT_SESSION": "x"}, PictureMode.SIXEL),
        ({"TERM": "xterm-256color"}, None),
        ({"TERM": "tmux-256color", "TMUX": "/tmp/x,1,0", "KITTY_WINDOW_ID": "1"}, None),
    ],
)
def test_likely_protocol(environ: dict[str, str], protocol: PictureMode | None) -> None:
    found = likely_protocol(environ)
    assert (found[0] if found else None) is protocol


@pytest.mark.parametrize(
    ("asked", "term", "replies", "chosen", "why"),
    [
        ("auto", "xterm-kitty", (VersionReply("kitty(0.4)"), KITTY_OK, DONE), "kitty", "the terminal confirms it"),
        ("auto", "xterm-kitty", (KITTY_OK,), "kitty", "the terminal confirms it"),
        ("auto", "xterm-kitty", (DONE,), "half", "does not confirm kitty's pictures"),
        ("auto", "xterm-kitty", (), "half", "did not answer"),
        # says that it speaks kitty, and has no placeholders: its sixels are taken
        ("auto", "xterm-kitty", (VersionReply("WezTerm 2024"), KITTY_OK, CELL, SIXELS), "sixel", "has sixels (WezTerm"),
        ("auto", "foot", (CELL, SIXELS), "sixel", "TERM=foot"),
        ("auto", "foot", (SIXELS,), "half", "does not say how large its cells are"),
        ("auto", "xterm", (), "half", "nothing says that this terminal has pixels"),
        ("sixel", "xterm", (CELL, DONE), "half", "does not confirm sixels"),
        ("sixel", "xterm", (CELL, SIXELS), "sixel", "me says so"),
        ("kitty", "xterm", (CELL, SIXELS), "half", "does not confirm kitty's pictures"),
        ("kitty", "xterm", (KITTY_OK, DONE), "kitty", "me says so"),
        ("sextant", "xterm-kitty", (KITTY_OK, DONE), "sextant", "me says so"),
    ],
)
def test_choose(asked: str, term: str, replies: tuple[Reply, ...], chosen: str, why: str) -> None:
    choice = choose(PictureMode(asked), "me", {"TERM": term}, answers(*replies))
    assert choice.mode is PictureMode(chosen)
    assert why in choice.why


def test_names_of_terminals_are_cleaned() -> None:
    choice = choose(PictureMode.AUTO, "me", {"TERM": "foot"}, answers(VersionReply("fo\x07ot\x9b1m"), CELL, SIXELS))
    assert choice.why.isprintable()


def test_tmux_passes_on_what_is_wrapped_for_it() -> None:
    assert in_tmux("\x1b_Gx\x1b\\", {"TMUX": "1"}) == "\x1bPtmux;\x1b\x1b_Gx\x1b\x1b\\\x1b\\"
    assert in_tmux("\x1b_Gx\x1b\\", {}) == "\x1b_Gx\x1b\\"
