"""A run is alive while its supervisor holds `run.lock`: the kernel lets go of it however the supervisor ends."""

from __future__ import annotations

import fcntl
import os
import time

from tui_lab.runs.files import FILE_MODE
from tui_lab.runs.folder import RunFolder


def is_locked(folder: RunFolder) -> bool:
    try:
        descriptor = os.open(folder.lock_path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def hold_lock(folder: RunFolder, patience: float = 1.0) -> int | None:
    """Take the lock until this process ends; None where another holds it.

    Patience, because `is_locked` holds it for a moment in whatever process asks.
    """
    descriptor = os.open(folder.lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                return None
            time.sleep(0.01)
        else:
            return descriptor
