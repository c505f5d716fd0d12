"""Work that waits for something outside of this process, and need not be waited for when nobody wants it any more."""

from __future__ import annotations

from typing import Protocol
from weakref import WeakSet


class Interruptible(Protocol):
    def kill(self) -> None:
        """Called from any thread: whoever waits for it is let go, with a LabError."""


_at_work: WeakSet[Interruptible] = WeakSet()


def may_be_interrupted(work: Interruptible) -> None:
    """From now on, as long as anybody holds it."""
    _at_work.add(work)


def interrupt() -> None:
    """Let go of all that is waited for."""
    for work in tuple(_at_work):
        work.kill()
