"""How many bytes a second the line to the terminal takes, and so how much a live picture may send now.

What is written waits in order behind all that was written before: on a line of 1 MB/s, ten full frames a second held a
key's echo up for 4.5 s. So the one `Line` of the app counts every byte that goes out, learns from the writer how fast
they are taken, and lets pictures have only so much on its way that an echo behind it is still prompt. Of an unknown
line they get little room at first, and twice as much whenever that was taken at once.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import NamedTuple

from tui_lab.tui.terminal import ColourDepth

DEFAULT_LINK = 1_000_000
"""Bytes a second that a terminal at the other end of a line is believed to take, until it was seen to take others."""
LOCAL_LINK = 8_000_000
_FASTEST = 64_000_000
SLOW = 2_000_000
"""Below so many bytes a second a line is called slow, where pictures suffer from it."""

_AHEAD_SECONDS = 0.05
"""Pictures on their way hold an echo up by no more than this."""
_SHARE = 0.75
"""Bytes are believed to be taken a little slower than they were seen to be: the rest is for echoes and numbers."""
_WAITED_SECONDS = 0.004
"""A write that took longer found the terminal's buffer full."""
_MEASURED_SECONDS = 0.03
_BUFFER_BYTES = 12_000
"""What Linux keeps between a program and a terminal that doesn't read."""
_OVERDUE_SECONDS = 0.06
_GIVEN_UP_SECONDS = 10.0
_FIRST_BYTES = 16_000
"""Of pictures, on a line of which nothing is known."""
_STUCK_WRITES = 20
"""So many wait when a terminal takes nothing; where 30 do, Textual waits too, and hears no key and no signal."""
_PROMISE_SECONDS = 0.2
_USUAL_ANSWER_SECONDS = 0.1
_LITTLE = 3000
"""Bytes; an answer that comes behind so few tells how far away the terminal is, and nothing of its speed."""


def link_speed(environ: Mapping[str, str]) -> float:
    """Bytes a second: `DIFFUSION_LAB_BYTES_PER_SECOND`, else a guess from whether this is an SSH session."""
    if asked := asked_speed(environ):
        return asked
    remote = environ.get("SSH_CONNECTION") or environ.get("SSH_TTY") or environ.get("TMUX") or environ.get("STY")
    return DEFAULT_LINK if remote else LOCAL_LINK


def asked_speed(environ: Mapping[str, str]) -> float:
    """What `DIFFUSION_LAB_BYTES_PER_SECOND` allows; 0 where it says nothing."""
    asked = environ.get("DIFFUSION_LAB_BYTES_PER_SECOND", "")
    return float(asked) if asked.isdecimal() else 0.0


class Line:
    """Bytes on their way to the terminal, and the speed at which they go. Its methods may be called by any thread.

    Two things tell the speed: writes that had to wait, and, where the terminal answers questions, how long an answer
    takes to come, for over SSH nothing waits here while megabytes do further on.
    """

    def __init__(
        self, link: float = LOCAL_LINK, most: float = 0.0, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`link` is the first guess; with `most` it never rises above that."""
        self._most = most or _FASTEST
        self._rate = link
        self._is_remote = link < LOCAL_LINK
        """More than the terminal's own buffer may be on its way."""
        self._clock = clock
        self._lock = threading.Lock()
        self._queued = 0
        self._writes = 0
        self._promised, self._promised_until = 0, 0.0
        self._proved: float = _FIRST_BYTES
        self._level = 0.0
        self._drained_at = clock()
        self._waited = _Waited()
        self._unhindered = 0
        self._asked: _Question | None = None
        self._answers = False
        self._quickest = _USUAL_ANSWER_SECONDS
        self.sent = 0
        """All that was written so far."""

    @property
    def bytes_per_second(self) -> float:
        return self._rate

    @property
    def on_their_way(self) -> float:
        """Bytes that are believed not to have reached the terminal."""
        with self._lock:
            self._drain()
            return self._level + self._queued

    def room(self) -> int:
        """Bytes that pictures may send now; 0 or less: none."""
        promised = self._promised if self._clock() < self._promised_until else 0
        return self._room() - promised

    @property
    def is_full(self) -> bool:
        """As much is on its way as there should be."""
        return self._room() <= 0

    def promise(self, size: int) -> None:
        """A picture will send so much with the next write: others have that much less room until then, or for a while
        where that write never comes."""
        self._promised += size
        self._promised_until = self._clock() + _PROMISE_SECONDS

    @property
    def is_stuck(self) -> bool:
        """So much waits for a terminal that takes nothing that no more should be added."""
        return self._writes > _STUCK_WRITES

    # What the driver tells

    def queued(self, size: int) -> None:
        """So much was handed to the writer."""
        with self._lock:
            self._queued += size
            self._writes += 1
            self._promised = 0

    def dequeued(self, size: int) -> None:
        """The writer has done with it."""
        with self._lock:
            self._queued -= size
            self._writes -= 1

    def written(self, size: int, seconds: float) -> None:
        """The writer wrote so many bytes, and was held by them for so long."""
        with self._lock:
            self._drain()
            self._level += size
            self.sent += size
            if seconds > _WAITED_SECONDS:
                self._unhindered = 0
                self._level = max(self._level, _BUFFER_BYTES) if self._is_remote else _BUFFER_BYTES
                self._waited = _Waited(self._waited.size + size, self._waited.seconds + seconds)
                if self._waited.seconds > _MEASURED_SECONDS:
                    self._proved = math.inf  # from here on the rate tells
                    self._seen(self._waited.size / self._waited.seconds)
                    self._waited = _Waited()
                return
            self._waited = _Waited()
            self._proved += size
            self._unhindered += size
            if self._unhindered > self._rate / 2:
                self._unhindered = 0
                self._rate = min(self._most, self._rate * 1.25)

    def ask(self) -> bool:
        """Whether a question is to be sent along now, for the terminal to answer when it comes to it."""
        with self._lock:
            if self._asked is not None and self._clock() - self._asked.at > _GIVEN_UP_SECONDS:
                self._asked, self._answers = None, False
            if not self._answers or self._asked is not None:
                return False
            self._drain()
            self._asked = _Question(self._clock(), self._level + self._queued)
            return True

    def answered(self) -> None:
        """The terminal answered the last question, or one that another asked: then it is known to answer."""
        with self._lock:
            self._answers = True
            asked, self._asked = self._asked, None
            if asked is None:
                return
            took = self._clock() - asked.at
            self._quickest = took if asked.behind < _LITTLE else min(self._quickest, took)
            late = took - self._quickest
            if late > _OVERDUE_SECONDS:
                self._seen(asked.behind / late)

    # Underneath

    def _room(self) -> int:
        asked = self._asked
        if asked is not None and self._overdue(asked) > _OVERDUE_SECONDS:
            return 0
        return int(min(self._rate * _AHEAD_SECONDS, self._proved) - self.on_their_way)

    def _overdue(self, asked: _Question) -> float:
        return self._clock() - asked.at - self._quickest - asked.behind / self._rate

    def _drain(self) -> None:
        now = self._clock()
        self._level = max(0.0, self._level - _SHARE * self._rate * (now - self._drained_at))
        self._drained_at = now

    def _seen(self, rate: float) -> None:
        """Half-way to it, by ratio: a terminal that was busy for a moment is no slow line, which says so again."""
        self._rate = math.sqrt(self._rate * min(max(rate, 1000.0), self._most))


class _Waited(NamedTuple):
    size: int = 0
    seconds: float = 0.0


class _Question(NamedTuple):
    at: float
    behind: float  # bytes that go before it


class Quality(NamedTuple):
    """How a live picture is sent: in so many colours at most, each pixel `coarse` times as large."""

    depth: ColourDepth = ColourDepth.TRUECOLOR
    coarse: int = 1


LADDER = (
    Quality(),
    Quality(ColourDepth.PALETTE),
    Quality(ColourDepth.PALETTE, 2),
    Quality(ColourDepth.PALETTE, 3),
    Quality(ColourDepth.PALETTE, 4),
)
"""What gives way, in this order: each costs about half of the one before."""
_TOO_SLOW, _QUICK = 1 / 3, 1 / 12
"""Seconds a frame: one that took longer sends the next a rung down, one that took less a rung up."""
_RATE_SECONDS = 3.0
_REST_SECONDS = 0.5


class LivePictures:
    """The frames of one film: how well the next is sent, and how many a second came through."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._rung = 0
        self._begun: float | None = None
        self._is_coarse = False
        self._done: deque[float] = deque(maxlen=64)
        self.under_way = False
        """A frame was begun and not all of it was sent."""

    @property
    def quality(self) -> Quality:
        return LADDER[self._rung]

    @property
    def is_coarse(self) -> bool:
        """Whether the last frame could look better than it does."""
        return self._is_coarse

    @property
    def has_rested(self) -> bool:
        """Whether no frame has come for a while: then there is time for the last one to be sent at its best."""
        return not self._done or self._clock() - self._done[-1] > _REST_SECONDS

    def rest(self) -> None:
        """The last frame is sent at its best."""
        self._is_coarse = False

    def began(self) -> None:
        """A frame is sent from now on."""
        self._begun = self._clock()
        self.under_way = True
        self._is_coarse = self._rung > 0

    def done(self) -> None:
        """All of it was handed to the line."""
        now = self._clock()
        self.under_way = False
        self._done.append(now)
        if self._begun is None:
            return
        took = now - self._begun
        self._begun = None
        if took > _TOO_SLOW:
            self._rung = min(self._rung + 1, len(LADDER) - 1)
        elif took < _QUICK:
            self._rung = max(self._rung - 1, 0)

    def words(self, line: Line) -> str:
        """ "slow line: 256 colours, 3 fps"; "" while nothing had to give way, or nothing plays."""
        now = self._clock()
        while self._done and now - self._done[0] > _RATE_SECONDS:
            self._done.popleft()
        if line.bytes_per_second > SLOW or not self._rung or not self._done:
            return ""
        depth, coarse = self.quality
        parts = ["256 colours"] if depth is ColourDepth.PALETTE else []
        parts += [f"pixels ×{coarse}"] if coarse > 1 else []
        return f"slow line: {', '.join([*parts, f'{len(self._done) / _RATE_SECONDS:.0f} fps'])}"
