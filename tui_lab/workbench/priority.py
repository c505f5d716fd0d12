"""How much of the CPU the workbench takes: the least there is, while a run trains on it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import torch

from tui_lab.runs.listing import Listing

USUAL, LOWEST = 10, 19
"""Nice values: the terminal and a run that trains come first, and what a run does on this CPU comes far first."""

_ALIVE = ("starting", "running")


class Priority:
    """Of this process, all of its threads."""

    def __init__(self) -> None:
        self._runs = Listing()
        self._lowest = False

    def mind_runs(self, device: torch.device) -> str:
        """Give way to a run that trains on the CPU, where this is drawn on it too; the word for a person, or ""."""
        busy = self._run_on_the_cpu() if device.type == "cpu" else None
        if busy is not None and not self._lowest:
            self._lowest = _renice(LOWEST)
        elif busy is None and self._lowest:
            # Without the right to take it back it stays there; on a CPU that nobody else uses that costs nothing.
            self._lowest = not _renice(USUAL)
        return f"drawn at the lowest priority: {busy} trains on this CPU" if busy is not None else ""

    def _run_on_the_cpu(self) -> str | None:
        alive = (status for status in self._runs.read() if status.alive and status.name in _ALIVE)
        return next((status.run for status in alive if status.device in ("cpu", "")), None)


def _renice(value: int) -> bool:
    """On Linux each thread has its own priority, and those that torch computes with are there already."""
    tasks = Path("/proc/self/task")
    threads = [int(task.name) for task in tasks.iterdir()] if tasks.is_dir() else [0]
    for thread in threads:
        with suppress(ProcessLookupError):  # it ended just now
            try:
                os.setpriority(os.PRIO_PROCESS, thread, value)
            except PermissionError:
                return False
    return True
