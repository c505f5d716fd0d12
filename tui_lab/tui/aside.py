"""Long work in a thread: its progress comes to the screen, and a cancelled wait stops it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

from tui_lab.data import Progress

Result = TypeVar("Result")


class Stopped(Exception):  # noqa: N818 (asked for, and no error)
    """Raised inside the work, where it next says how far it is."""


async def aside(work: Callable[[Progress], Result], show: Progress) -> Result:
    """What `work(progress)` returns or raises. `show` is called on the loop with the newest (done, in all), however
    often the work says so; after a cancellation the work gets Stopped from its next word, and `show` none any more."""
    loop = asyncio.get_running_loop()
    stopped = threading.Event()
    waiting = threading.Event()
    newest = (0, 0)

    def on_loop() -> None:
        waiting.clear()
        if not stopped.is_set():
            show(*newest)

    def progress(done: int, total: int) -> None:
        nonlocal newest
        if stopped.is_set():
            raise Stopped
        newest = done, total
        if not waiting.is_set():
            waiting.set()
            with contextlib.suppress(RuntimeError):  # the loop ended meanwhile
                loop.call_soon_threadsafe(on_loop)

    try:
        return await asyncio.to_thread(work, progress)
    finally:
        stopped.set()
