"""A copy of a checkpoint's tensors in the machine's memory, laid out as their files will be.

Training waits for the copy alone: what is copied is then hashed and written, as it lies there, by another thread.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

_NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
"""Of types, in safetensors."""

_ALIGNMENT = 8

Shape = tuple[str, torch.dtype, torch.Size]


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """The bytes of one safetensors file: its header, and the data behind it."""

    header: bytes
    data: memoryview

    @property
    def parts(self) -> tuple[bytes, memoryview]:
        return self.header, self.data

    @property
    def bytes(self) -> int:
        return len(self.header) + len(self.data)


@dataclass(frozen=True, slots=True, eq=False)
class Copy:
    """A checkpoint that training can no longer change. `images` by the name of their file, without its ending."""

    step: int
    images: Mapping[str, Image]
    state: Mapping[str, Any]


class Staging:
    """The memory for one copy, kept from one to the next: the next overwrites it."""

    def __init__(self) -> None:
        self._layouts: dict[str, _Layout] = {}

    def copy(self, step: int, tensors: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Any]) -> Copy:
        images = {}
        for name, of_file in tensors.items():
            shapes = sorted(
                ((key, tensor.dtype, tensor.shape) for key, tensor in of_file.items()),
                key=lambda shape: (-shape[1].itemsize, shape[0]),
            )
            layout = self._layouts.get(name)
            if layout is None or layout.shapes != shapes:
                on_gpu = any(tensor.is_cuda for tensor in of_file.values())
                layout = self._layouts[name] = _Layout(shapes, pinned=on_gpu)
            images[name] = layout.filled(of_file)
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()
        return Copy(step, images, state)


class _Layout:
    """Where each tensor of a file lies in it, and the memory that is laid out so."""

    def __init__(self, shapes: list[Shape], pinned: bool) -> None:
        """`shapes`: the widest types first, so that each tensor is aligned."""
        self.shapes = shapes
        described, spans, end = {}, [], 0
        for name, dtype, shape in shapes:
            start, end = end, end + dtype.itemsize * math.prod(shape)
            spans.append((start, end))
            described[name] = {"dtype": _NAMES[dtype], "shape": list(shape), "data_offsets": [start, end]}
        text = json.dumps(described).encode()
        text += b" " * (-len(text) % _ALIGNMENT)
        self._header = len(text).to_bytes(8, "little") + text
        self._memory = torch.empty(end, dtype=torch.uint8, pin_memory=pinned)
        self._bytes = self._memory.numpy()
        self._bytes.fill(0)  # touched now: a page that is first touched by a copy makes it wait
        self._spans = spans

    @torch.no_grad()
    def filled(self, tensors: Mapping[str, Tensor]) -> Image:
        """On the CPU numpy copies, in this thread alone: torch would share each tensor out to all cores, and wait."""
        for (name, dtype, shape), (start, stop) in zip(self.shapes, self._spans, strict=True):
            tensor = tensors[name].detach()
            if tensor.is_cuda:
                self._memory[start:stop].view(dtype).view(shape).copy_(tensor, non_blocking=True)
            elif start < stop:
                self._bytes[start:stop] = tensor.contiguous().view(-1).view(torch.uint8).numpy()
        return Image(self._header, self._bytes.data)
