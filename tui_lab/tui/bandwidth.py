"""How many bytes a second live pictures may take, so that a key's echo never waits behind them.

Textual queues what it writes, in order: on a link that drains 1 MB/s, ten full frames a second held an echo up for
4.5 s. So a picture asks here first. One that is refused is not kept: its owner comes back with the latest.
"""

import time
from collections.abc import Callable, Mapping

from textual.app import App

DEFAULT_LINK = 1_000_000
"""Bytes a second that a terminal at the other end of a line is believed to take."""

LOCAL_LINK = 8_000_000

_SHARE = 0.65  # of the link; the rest is for echoes, curves and numbers
_SLOWEST = 0.02  # of the first budget: a picture now and then, however slow the line is


def link_speed(environ: Mapping[str, str]) -> float:
    """Bytes a second: `DIFFUSION_LAB_BYTES_PER_SECOND`, else a guess from whether this is an SSH session."""
    asked = environ.get("DIFFUSION_LAB_BYTES_PER_SECOND", "")
    if asked.isdecimal() and int(asked) > 0:
        return float(asked)
    remote = environ.get("SSH_CONNECTION") or environ.get("SSH_TTY") or environ.get("TMUX") or environ.get("STY")
    return DEFAULT_LINK if remote else LOCAL_LINK


def queued_writes(app: App[object]) -> int:
    """Writes that Textual has not handed to the terminal yet; 0 where it has no writer (headless, in a browser).

    It reads private attributes of Textual's Linux driver, which is pinned to a minor version.
    """
    writer = getattr(getattr(app, "_driver", None), "_writer_thread", None)
    queue = getattr(writer, "_queue", None)
    return queue.qsize() if queue is not None else 0


class FrameBudget:
    """Bytes a second for live pictures; spends no more than its share of `link`, and less where the line lags.

    A picture still being written when the next one is due means a slower line: the budget becomes what the line was
    seen to take, and grows back by a quarter with every picture that went out in time.
    """

    def __init__(
        self,
        link: float = DEFAULT_LINK,
        *,
        backlog: Callable[[], int] = lambda: 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`backlog` is the number of writes under way, such as `queued_writes` of the app."""
        self._most = _SHARE * link
        self._rate = self._most
        self._backlog = backlog
        self._clock = clock
        self._due = clock()
        self._sent_at = self._due
        self._sent_bytes = 0
        self._lagged = False

    @property
    def bytes_per_second(self) -> float:
        """The budget as it now stands."""
        return self._rate

    def allow(self, size: int) -> bool:
        """Whether a picture of about `size` bytes may go now; if so, it is counted as sent."""
        now = self._clock()
        if now < self._due:
            return False
        if self._backlog():
            self._lagged = True
            return False
        if self._lagged:
            self._rate = max(self._most * _SLOWEST, min(self._rate, _SHARE * self._sent_bytes / (now - self._sent_at)))
            self._lagged = False
        elif self._sent_bytes:
            self._rate = min(self._most, self._rate * 1.25)
        self._sent_at, self._sent_bytes = now, size
        self._due = now + size / self._rate
        return True
