"""Which device a run uses, and how many of the CPU's cores."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import torch

from tui_lab.errors import DeviceError


def resolve_device(asked: str) -> torch.device:
    """The device that `training.device` names; auto takes CUDA, then MPS, then the CPU.

    Raises DeviceError, naming what there is, where it is missing.
    """
    available = available_devices()
    if asked == "auto":
        return torch.device(available[0])
    name = "cuda:0" if asked == "cuda" else asked
    if name not in available:
        raise DeviceError(f"there is no device {asked!r} here; there is {' and '.join(available)} (or auto)")
    return torch.device(name)


def available_devices() -> list[str]:
    """Names of the devices at hand, the fastest first: cuda:0, cuda:1, mps, cpu."""
    cuda = [f"cuda:{index}" for index in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    mps = ["mps"] if torch.backends.mps.is_available() else []
    return [*cuda, *mps, "cpu"]


def device_name(device: torch.device) -> str:
    """What the device calls itself: the GPU's name, or the CPU's instruction set and cores."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return "Apple GPU"
    return f"CPU, {torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads"


def cpu_cores() -> int:
    """Physical cores that this process may use: its affinity, and the quota of its container, are minded.

    OMP_NUM_THREADS, where someone set it, is taken at its word.
    """
    if os.environ.get("OMP_NUM_THREADS", "").isdigit():
        return max(1, int(os.environ["OMP_NUM_THREADS"]))
    logical = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    siblings = max(1, (psutil.cpu_count() or 1) // (psutil.cpu_count(logical=False) or psutil.cpu_count() or 1))
    return max(1, min(logical // siblings, _quota()))


def _quota() -> int:
    """Whole CPUs that cgroup v2 grants this process's container; a large number where it says nothing."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, round(int(quota) / int(period)))
    except (OSError, ValueError):  # no cgroup v2, or "max"
        return 1 << 16


def memory_bytes(device: torch.device) -> int:
    """What this process holds: of the GPU's memory on CUDA and MPS, of the machine's otherwise."""
    if device.type == "cuda":
        return torch.cuda.memory_reserved(device)
    if device.type == "mps":
        return torch.mps.driver_allocated_memory()
    return psutil.Process().memory_info().rss


def free_memory(device: torch.device) -> int:
    """Bytes that are still to be had: of the GPU's memory on CUDA and MPS; of the machine's, within the limit of this
    process's container, otherwise."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    return min(psutil.virtual_memory().available, _memory_limit())


def _memory_limit() -> int:
    """What cgroup v2 leaves this process's container; a large number where it says nothing."""
    try:
        return int(Path("/sys/fs/cgroup/memory.max").read_text()) - psutil.Process().memory_info().rss
    except (OSError, ValueError):  # no cgroup v2, or "max"
        return 1 << 62
