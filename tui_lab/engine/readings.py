"""Numbers of past steps, left on the device until it is worth waiting for them."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from torch import Tensor

SECONDS_BETWEEN_READS = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Pending:
    """One update's numbers, the tensors still on the device. `skipped` (bool): it changed nothing."""

    step: int
    loss: Tensor
    grad_norm: Tensor
    skipped: Tensor
    known: dict[str, float]


@dataclass(frozen=True, slots=True)
class Reading:
    step: int
    loss: float
    grad_norm: float
    skipped: bool
    known: dict[str, float]


class Readings:
    """Reading makes the CPU wait for all that a GPU was given: so it is done a few times a second, for many steps at
    once. On the CPU there is nothing to wait for, and each step is read."""

    def __init__(self, device: torch.device) -> None:
        self._pause = 0.0 if device.type == "cpu" else SECONDS_BETWEEN_READS
        self._pending: list[Pending] = []
        self._read_at = time.monotonic()

    def add(self, pending: Pending) -> None:
        self._pending.append(pending)

    @property
    def due(self) -> bool:
        return bool(self._pending) and time.monotonic() - self._read_at >= self._pause

    def take(self) -> list[Reading]:
        """All that is pending, in order, with one wait."""
        pending, self._pending = self._pending, []
        if not pending:
            return []
        columns = torch.stack([torch.stack([p.loss, p.grad_norm, p.skipped.to(p.loss.dtype)]) for p in pending])
        self._read_at = time.monotonic()
        return [
            Reading(p.step, loss, norm, bool(skipped), p.known)
            for p, (loss, norm, skipped) in zip(pending, columns.tolist(), strict=True)
        ]
