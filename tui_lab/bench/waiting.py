"""Waiting for what a process beside us does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from tui_lab.errors import LabError

Result = TypeVar("Result")


def wait_for(find: Callable[[], Result | None], timeout: float, what: str) -> Result:
    """What `find`, asked five times a second, finds first. LabError says that `what` did not come in time."""
    deadline = time.monotonic() + timeout
    while (found := find()) is None:
        if time.monotonic() > deadline:
            raise LabError(f"{what} did not come within {timeout:.0f} s")
        time.sleep(0.2)
    return found


def wait_until(condition: Callable[[], bool], timeout: float, what: str) -> None:
    """Until the condition holds. LabError says that `what` did not come in time."""
    wait_for(lambda: condition() or None, timeout, what)
