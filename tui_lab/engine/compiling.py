"""Whether the network runs compiled, and what stands in the way."""

from __future__ import annotations

import os
import shutil
import sysconfig
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import nn

_COMPILERS = ("cc", "gcc", "clang")
_CPP_COMPILERS = ("c++", "g++", "clang++")


def wants_compiled(asked: str, device: torch.device) -> bool:
    """What `training.compile` means on this device. A CPU gains too little for minutes of compiling, and a run of one
    would no longer give the same bits as without."""
    return asked == "on" or (asked == "auto" and device.type == "cuda")


def obstacle(device: torch.device) -> str | None:
    """Why torch cannot compile for this device here; None where it can.

    A GPU's kernels are Triton's, which builds their launchers with a C compiler; a CPU's are C++. Both are called from
    Python, by its headers.
    """
    if device.type == "cuda" and find_spec("triton") is None:
        return "Triton is not installed"
    if device.type == "cuda" and torch.cuda.get_device_capability(device) < (7, 0):
        return "Triton knows no GPU as old as this one"
    named, known = ("CXX", _CPP_COMPILERS) if device.type == "cpu" else ("CC", _COMPILERS)
    if not any(shutil.which(name) for name in (os.environ.get(named, ""), *known) if name):
        return f"there is no {'C++' if device.type == 'cpu' else 'C'} compiler on this machine"
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        return "the headers of Python (Python.h) are not installed"
    return None


def compiled(model: nn.Module) -> nn.Module:
    """`model` compiled when it is first called, for each batch size anew; what does not compile stays as it is.

    The weights are the same tensors, under the same names in `model` itself.
    """
    import torch._dynamo

    torch._dynamo.config.suppress_errors = True
    result: nn.Module = torch.compile(model, dynamic=False)  # type: ignore[assignment]
    return result
