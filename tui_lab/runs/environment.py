"""Environment variables between launcher, supervisor and rank."""

from __future__ import annotations

import os

import psutil

ENGINE = "DIFFUSION_LAB_ENGINE"
"""Module that is run as the rank; `tui_lab.engine` where it is not set."""

SUPERVISOR_FD = "DIFFUSION_LAB_SUPERVISOR_FD"
"""Number of the read end of the supervisor's pipe. Nothing is written to it: readable means that it is gone."""

GRACE = "DIFFUSION_LAB_GRACE_SECONDS"
"""How long a rank has after SIGTERM for its checkpoint, before SIGKILL."""


def grace_seconds() -> int:
    return int(os.environ.get(GRACE, "60"))


def thread_counts(ranks: int) -> dict[str, str]:
    """Threads of each rank: the physical cores that this process may use, shared out; what is set already stays."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cores = min(usable, psutil.cpu_count(logical=False) or usable)
    each = str(max(1, cores // ranks))
    return {name: os.environ.get(name, each) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
