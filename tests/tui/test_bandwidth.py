import pytest

from tui_lab.tui.bandwidth import DEFAULT_LINK, LADDER, LOCAL_LINK, Line, LivePictures, link_speed
from tui_lab.tui.terminal import ColourDepth

BUFFER = 16_000


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Drain:
    """A terminal that takes so many bytes a second, behind a buffer; it answers a question when it has come to it."""

    def __init__(self, clock: Clock, line: Line, speed: float, buffer: float = BUFFER) -> None:
        self.clock, self.line, self.speed, self.buffer = clock, line, speed, buffer
        self.held = 0.0
        self.answer_at: float | None = None
        self.longest_echo = 0.0

    def wait(self, seconds: float) -> None:
        self.clock.now += seconds
        self.held = max(0.0, self.held - self.speed * seconds)
        if self.answer_at is not None and self.clock.now >= self.answer_at:
            self.answer_at = None
            self.line.answered()

    def write(self, size: int) -> None:
        """As a writer's thread does it: in pieces, each of which waits where the buffer is full."""
        for start in range(0, size, 4096):
            piece = min(4096, size - start)
            waits = max(0.0, self.held + piece - self.buffer) / self.speed
            self.wait(waits)
            self.held += piece
            self.line.written(piece, waits)
        if self.answer_at is None and self.line.ask():
            self.answer_at = self.clock.now + self.held / self.speed + 0.01
        self.longest_echo = max(self.longest_echo, self.held / self.speed)

    def play(self, seconds: float, least: int = 500) -> int:
        """A film that always has more to send, looked at fifteen times a second; bytes that were sent."""
        end, sent = self.clock.now + seconds, 0
        while self.clock.now < end:
            if (room := self.line.room()) > 0:
                self.write(max(room, least))
                sent += max(room, least)
            self.wait(1 / 15)
        return sent


@pytest.mark.parametrize(("speed", "echo"), [(1_000_000, 0.1), (256_000, 0.15), (64_000, 0.3)])
def test_an_echo_behind_live_pictures_is_prompt_once_the_line_is_known(speed: float, echo: float) -> None:
    clock = Clock()
    drain = Drain(clock, line := Line(LOCAL_LINK, clock=clock), speed)
    drain.play(5.0)
    drain.longest_echo = 0.0
    sent = drain.play(20.0)
    assert drain.longest_echo < echo
    assert sent / 20 > 0.3 * speed
    assert 0.5 * speed < line.bytes_per_second < 2 * speed


def test_over_ssh_where_nothing_waits_the_answers_of_the_terminal_tell_the_speed() -> None:
    clock = Clock()
    drain = Drain(clock, line := Line(DEFAULT_LINK, clock=clock), 64_000, buffer=10_000_000)
    line.answered()  # Textual's own question at the start
    drain.play(10.0)
    drain.longest_echo = 0.0
    drain.play(20.0)
    assert drain.longest_echo < 0.3


def test_a_terminal_that_answers_once_and_never_again_still_gets_pictures() -> None:
    clock = Clock()
    line = Line(DEFAULT_LINK, clock=clock)
    line.answered()
    assert line.ask() and not line.ask()
    clock.now += 5
    assert line.room() == 0
    clock.now += 6
    assert not line.ask() and line.room() > 0


def test_a_line_that_becomes_faster_is_found_to_be() -> None:
    clock = Clock()
    drain = Drain(clock, line := Line(LOCAL_LINK, clock=clock), 64_000)
    drain.play(10.0)
    drain.speed = 4_000_000
    drain.play(60.0)
    assert line.bytes_per_second > 1_000_000


def test_what_a_person_asks_for_is_not_exceeded() -> None:
    clock = Clock()
    drain = Drain(clock, line := Line(50_000, 50_000, clock=clock), 10_000_000)
    assert drain.play(20.0) <= 20 * 50_000
    assert line.bytes_per_second <= 50_000


def test_all_that_is_written_counts_against_the_pictures() -> None:
    clock = Clock()
    line = Line(100_000, clock=clock)
    assert line.room() == 5_000
    line.queued(2_000)
    line.written(1_000, 0.0)
    assert line.room() == 2_000
    line.dequeued(2_000)
    clock.now += 1
    assert line.room() == 5_000


def test_colours_then_size_give_way_while_frames_take_long_and_come_back() -> None:
    clock = Clock()
    film = LivePictures(clock)
    seen = []
    for seconds in (0.5, 0.5, 0.2, 0.2, 0.01, 0.01):
        film.began()
        seen.append(film.quality)
        clock.now += seconds
        film.done()
    assert seen == [LADDER[rung] for rung in (0, 1, 2, 2, 2, 1)]
    assert LADDER[1].depth is ColourDepth.PALETTE and LADDER[2].coarse == 2


def test_the_header_has_words_for_a_slow_line_while_a_film_plays() -> None:
    clock = Clock()
    film, line = LivePictures(clock), Line(64_000, clock=clock)
    assert film.words(line) == ""
    for _ in range(12):
        film.began()
        clock.now += 0.35
        film.done()
        if film.quality == LADDER[1]:
            said = film.words(line)
    assert said.startswith("slow line: 256 colours, ") and said.endswith(" fps")
    assert film.words(line) == "slow line: 256 colours, pixels ×4, 3 fps"
    assert film.words(Line(LOCAL_LINK)) == ""
    clock.now += 10
    assert film.words(line) == ""


@pytest.mark.parametrize(
    ("environ", "speed"),
    [
        ({"SSH_CONNECTION": "10.0.0.1 50000 10.0.0.2 22"}, DEFAULT_LINK),
        ({"TMUX": "/tmp/tmux-0/default,1,0"}, DEFAULT_LINK),
        ({"DIFFUSION_LAB_BYTES_PER_SECOND": "50000", "SSH_TTY": "/dev/pts/1"}, 50_000),
        ({}, LOCAL_LINK),
    ],
)
def test_the_first_guess_of_the_speed(environ: dict[str, str], speed: float) -> None:
    assert link_speed(environ) == speed


def test_an_unknown_line_gets_little_of_a_picture_and_more_as_it_takes_it() -> None:
    clock = Clock()
    line = Line(LOCAL_LINK, clock=clock)
    rooms = []
    for _ in range(6):
        rooms.append(line.room())
        line.written(rooms[-1], 0.0)
        clock.now += 1 / 15
    assert rooms[:3] == [16_000, 32_000, 64_000] and rooms[-1] > 0.9 * rooms[-2]
    slow = Line(LOCAL_LINK, clock=clock)
    slow.written(slow.room(), 0.25)
    assert slow.room() < rooms[1]


def test_pictures_that_come_with_one_write_share_its_room_and_one_that_never_comes_gives_it_back() -> None:
    clock = Clock()
    line = Line(100_000, clock=clock)
    line.promise(4_000)
    assert line.room() == 1_000 and not line.is_full
    line.queued(4_000)
    assert line.room() == 1_000
    line.dequeued(4_000)
    line.promise(5_000)
    assert line.room() == 0
    clock.now += 1
    assert line.room() == 5_000


def test_a_terminal_that_takes_nothing_is_noticed_before_its_writers_queue_is_full() -> None:
    line = Line()
    for _ in range(25):
        line.queued(100)
    assert line.is_stuck
    for _ in range(25):
        line.dequeued(100)
    assert not line.is_stuck
