"""Waiting for what a process beside us does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from tui_lab.errors import LabError

Result = TypeVar("Result")


def wait_until(condition: Callable[[], Result], timeout: float, what: str) -> Result:
    """The condition's first truthy result, asked for five times a second. LabError says `what` did not come in time."""
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise LabError(f"{what} did not come within {timeout:.0f} s")
        time.sleep(0.2)
