"""Which images a step sees: epoch after epoch, each in an order that follows from (seed, epoch)."""

from __future__ import annotations

import torch
from torch import Tensor

from tui_lab.engine.seeds import Stream, step_seed


class Order:
    """The endless sequence of image indices. A position in it is the number of samples seen.

    A batch may straddle epochs, and its size may change at any position: every image still comes once an epoch.
    """

    def __init__(self, seed: int, count: int, device: torch.device | str = "cpu") -> None:
        self._seed = seed
        self._count = count
        self._device = device
        self._epochs: dict[int, Tensor] = {}

    def indices(self, position: int, size: int) -> Tensor:
        """The next `size` indices from `position` on: int64 (size,) on the device."""
        parts = []
        while size:
            epoch, start = divmod(position, self._count)
            part = self._epoch(epoch)[start : start + size]
            parts.append(part)
            position += len(part)
            size -= len(part)
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _epoch(self, epoch: int) -> Tensor:
        if epoch not in self._epochs:
            generator = torch.Generator().manual_seed(step_seed(self._seed, epoch, Stream.ORDER))
            self._epochs = {epoch: torch.randperm(self._count, generator=generator).to(self._device)}
        return self._epochs[epoch]
