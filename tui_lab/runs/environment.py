"""Environment variables between launcher, supervisor and ranks."""

from __future__ import annotations

import os
from typing import NamedTuple

import psutil

ENGINE = "DIFFUSION_LAB_ENGINE"
"""Module that is run as a rank; `tui_lab.engine` where it is not set."""

SUPERVISOR = "DIFFUSION_LAB_SUPERVISOR"
"""The supervisor's fingerprint, as JSON: a rank leaves when that process is gone. Without one it was started by hand.

No pipe, as launchers close what their children could inherit."""

DIED = "DIFFUSION_LAB_DIED"
"""What a rank of this run died of just before: `memory` or `killed`. Set where the supervisor starts it once more."""

GRACE = "DIFFUSION_LAB_GRACE_SECONDS"
"""How long a rank has after SIGTERM for its checkpoint, before SIGKILL."""


class Place(NamedTuple):
    """Which of a run's processes this one is, as torchrun and accelerate tell it."""

    rank: int
    ranks: int


def place() -> Place:
    return Place(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))


def engine_module() -> str:
    return os.environ.get(ENGINE) or "tui_lab.engine"


def grace_seconds() -> int:
    return int(os.environ.get(GRACE, "60"))


def thread_counts(ranks: int) -> dict[str, str]:
    """Threads of each rank: the physical cores that this process may use, shared out; what is set already stays."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cores = min(usable, psutil.cpu_count(logical=False) or usable)
    each = str(max(1, cores // ranks))
    return {name: os.environ.get(name, each) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
