"""Waiting for what should come true, instead of for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import psutil

Result = TypeVar("Result")

PATIENCE_SECONDS = 90.0
"""What should come true has so long: many times what it takes, for a machine may be slow and have much else to do."""


def wait_until(condition: Callable[[], Result], timeout: float = PATIENCE_SECONDS, interval: float = 0.01) -> Result:
    """The condition's first truthy result; AssertionError names the condition when none comes in time."""
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            name = getattr(condition, "__qualname__", repr(condition))
            line = getattr(getattr(condition, "__code__", None), "co_firstlineno", "?")
            raise AssertionError(f"{name} (line {line}) did not come true within {timeout:g} s; last: {result!r}")
        time.sleep(interval)


def gone(pid: int) -> bool:
    """Whether that process has ended, reaped or not; it may leave as one looks."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
