"""Long work in a thread: progress on the loop, and a stop by cancelling."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tests.waiting import PATIENCE_SECONDS
from tui_lab.data import Progress
from tui_lab.tui.aside import Stopped, aside


async def test_the_result_comes_back_and_the_newest_figures_are_shown() -> None:
    shown: list[tuple[int, int]] = []
    asked, seen = threading.Event(), threading.Event()

    def work(progress: Progress) -> str:
        progress(1, 3)
        assert seen.wait(PATIENCE_SECONDS)
        progress(3, 3)
        asked.set()
        return "done"

    def show(done: int, total: int) -> None:
        shown.append((done, total))
        seen.set()

    assert await aside(work, show) == "done"
    assert asked.is_set() and shown[0] == (1, 3)


async def test_what_the_work_raises_is_raised() -> None:
    def work(progress: Progress) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await aside(work, lambda done, total: None)


async def test_a_cancelled_wait_stops_the_work_at_its_next_word() -> None:
    begun, stopped = threading.Event(), threading.Event()

    def work(progress: Progress) -> None:
        begun.set()
        try:
            while True:
                progress(1, 2)
        except Stopped:
            stopped.set()
            raise

    task = asyncio.create_task(aside(work, lambda done, total: None))
    await asyncio.to_thread(begun.wait, PATIENCE_SECONDS)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(stopped.wait, PATIENCE_SECONDS)
