import pytest

from tui_lab.tui.terminal_replies import AttributesReply, CellReply, KittyReply, Reply, ReplyFilter, VersionReply

REPLIES = "\x1b_Gi=31;OK\x1b\\\x1bP>|kitty(0.40)\x1b\\\x1b[6;20;10t\x1b[?62;4;22c"
HEARD = [KittyReply(31, "OK"), VersionReply("kitty(0.40)"), CellReply(10, 20), AttributesReply((62, 4, 22))]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def heard() -> list[Reply]:
    return []


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def filter(heard: list[Reply], clock: Clock) -> ReplyFilter:
    made = ReplyFilter(heard.append, clock)
    made.expects = True
    return made


def test_replies_are_told_and_keys_go_on(filter: ReplyFilter, heard: list[Reply]) -> None:
    assert filter.feed(f"a{REPLIES}\x1b[Ab") == "a\x1b[Ab"
    assert heard == HEARD


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_replies_in_pieces_are_no_keys(filter: ReplyFilter, heard: list[Reply], size: int) -> None:
    pieces = [REPLIES[start : start + size] for start in range(0, len(REPLIES), size)]
    assert "".join(map(filter.feed, pieces)) == ""
    assert heard == HEARD


def test_escape_is_a_key_after_a_moment(filter: ReplyFilter, clock: Clock) -> None:
    assert filter.feed("\x1b") == "" and filter.waits
    assert filter.overdue() == ""
    clock.now = 0.06
    assert filter.overdue() == "\x1b"
    assert not filter.waits


def test_an_arrow_in_two_pieces_is_an_arrow(filter: ReplyFilter) -> None:
    assert filter.feed("\x1b[") + filter.feed("A") == "\x1b[A"


def test_where_nothing_was_asked_escape_goes_on_at_once(heard: list[Reply]) -> None:
    assert ReplyFilter(heard.append).feed("\x1b") == "\x1b"


def test_the_half_of_a_reply_is_dropped_in_the_end(filter: ReplyFilter, clock: Clock) -> None:
    assert filter.feed("\x1b_Gi=31;O") == ""
    clock.now = 1.0
    assert filter.overdue() == "" and filter.waits
    clock.now = 3.0
    assert filter.overdue() == "" and not filter.waits
    assert filter.feed("q") == "q"


def test_modes_and_the_mouse_are_not_taken_for_replies(filter: ReplyFilter, heard: list[Reply]) -> None:
    others = "\x1b[?2026;2$y\x1b[<0;10;20M\x1b[48;24;80;480;800t\x1b[200~pasted\x1b[201~"
    assert filter.feed(others) == others
    assert heard == []
