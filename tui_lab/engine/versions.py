"""What the bits of pictures and weights hang on, on a CPU."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

import torch

_PACKAGES = ("torch", "diffusers", "accelerate", "numpy", "diffusion-lab")


def versions() -> dict[str, str]:
    """Of the packages, with the number of threads and the instruction set of this process."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # run from a folder that was never installed
            found[package] = "unknown"
    return {**found, "threads": str(torch.get_num_threads()), "isa": torch.backends.cpu.get_cpu_capability()}
