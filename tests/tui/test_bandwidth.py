import pytest

from tui_lab.tui.bandwidth import DEFAULT_LINK, FrameBudget, link_speed

FULL_FRAME = 437_000  # 200×60 cells of noise in true colour
SMALL_FRAME = 75_000  # 64×64 pixels


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def frames_in(seconds: float, budget: FrameBudget, clock: Clock, size: int) -> int:
    """Frames let through by a picture that is redrawn fifty times a second."""
    sent, end = 0, clock.now + seconds
    while clock.now < end:
        sent += budget.allow(size)
        clock.now += 0.02
    return sent


def test_full_frames_go_out_at_most_one_and_a_half_times_a_second() -> None:
    clock = Clock()
    assert 13 <= frames_in(10, FrameBudget(clock=clock), clock, FULL_FRAME) <= 15


def test_small_pictures_go_out_at_least_eight_times_a_second() -> None:
    clock = Clock()
    assert frames_in(10, FrameBudget(clock=clock), clock, SMALL_FRAME) >= 80


def test_nothing_goes_out_while_the_last_frame_is_still_being_written() -> None:
    clock, writes = Clock(), 2
    budget = FrameBudget(clock=clock, backlog=lambda: writes)
    assert frames_in(5, budget, clock, SMALL_FRAME) == 0
    writes = 0
    assert budget.allow(SMALL_FRAME)


def test_a_line_that_lags_lowers_the_budget_to_what_it_takes() -> None:
    clock = Clock()
    drained_at = 0.0
    budget = FrameBudget(clock=clock, backlog=lambda: int(clock.now < drained_at))
    assert budget.allow(SMALL_FRAME)
    drained_at = clock.now + 1.0  # the line takes 75 kB/s
    frames_in(1.1, budget, clock, SMALL_FRAME)
    assert budget.bytes_per_second < SMALL_FRAME


def test_the_budget_grows_back_to_its_first_size_and_no_further() -> None:
    clock = Clock()
    drained_at = 0.0
    budget = FrameBudget(clock=clock, backlog=lambda: int(clock.now < drained_at))
    first = budget.bytes_per_second
    budget.allow(SMALL_FRAME)
    drained_at = clock.now + 2.0
    frames_in(60, budget, clock, SMALL_FRAME)
    assert budget.bytes_per_second == first


def test_a_line_that_hangs_for_an_hour_still_gets_a_picture_now_and_then() -> None:
    clock = Clock()
    drained_at = 0.0
    budget = FrameBudget(clock=clock, backlog=lambda: int(clock.now < drained_at))
    budget.allow(FULL_FRAME)
    drained_at = clock.now + 3600
    frames_in(3601, budget, clock, FULL_FRAME)
    assert frames_in(60, budget, clock, FULL_FRAME) >= 1


@pytest.mark.parametrize(
    ("environ", "speed"),
    [
        ({"SSH_CONNECTION": "10.0.0.1 50000 10.0.0.2 22"}, DEFAULT_LINK),
        ({"TMUX": "/tmp/tmux-0/default,1,0"}, DEFAULT_LINK),
        ({"DIFFUSION_LAB_BYTES_PER_SECOND": "50000", "SSH_TTY": "/dev/pts/1"}, 50_000),
        ({"DIFFUSION_LAB_BYTES_PER_SECOND": "fast", "SSH_TTY": "/dev/pts/1"}, DEFAULT_LINK),
    ],
)
def test_link_speed_from_the_environment(environ: dict[str, str], speed: float) -> None:
    assert link_speed(environ) == speed


def test_a_terminal_on_this_machine_is_faster_than_a_remote_one() -> None:
    assert link_speed({}) > DEFAULT_LINK
