"""How large the loss has been at each noise level, so that training draws most where it learns most."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

BINS = 64
"""Equal shares of what the process draws."""

MEMORY = 0.95
"""What a bin keeps of its mean when another sample falls into it: about twenty samples are remembered."""

SAMPLES_FIRST = 10
"""Until each bin has had so many, all are drawn alike (Nichol & Dhariwal 2021, section 3.3)."""

LEAST = 0.05
"""Of the mean weight: no bin is drawn less, or its loss would never be looked at again."""


class Importance:
    """A running mean of the squared loss of each bin, on the device, never waited for."""

    def __init__(self, device: torch.device) -> None:
        self._mean = torch.zeros(BINS, device=device)
        self._seen = torch.zeros(BINS, device=device)

    @property
    def weights(self) -> Tensor:
        """√E[loss²] of each bin, float32 (BINS,), all positive; 1 while too little is known."""
        weights = self._mean.sqrt()
        mean = weights.mean()
        known = (self._seen >= SAMPLES_FIRST).all() & (mean > 0)
        return torch.where(known, torch.maximum(weights, LEAST * mean), torch.ones_like(weights))

    def update(self, places: Tensor, losses: Tensor) -> None:
        """Losses (B,) at `places` (B,) in [0, 1), where a process's `place` puts their levels; those that are not
        finite are left out."""
        finite = losses.isfinite()
        bins = (places * BINS).long().clamp(0, BINS - 1)
        # A sum of products instead of a scatter, whose order of addition is not fixed on a GPU.
        member = (bins[:, None] == torch.arange(BINS, device=bins.device)) & finite[:, None]
        squares = torch.where(finite, losses.float() ** 2, torch.zeros_like(losses, dtype=torch.float32))
        count = member.sum(dim=0)
        here = (member * squares[:, None]).sum(dim=0) / count.clamp(min=1)
        # A bin's first samples are its plain mean, since there is nothing to remember yet.
        kept = torch.minimum(MEMORY ** count.float(), self._seen / (self._seen + count).clamp(min=1))
        self._mean = torch.where(count > 0, here + kept * (self._mean - here), self._mean)
        self._seen = self._seen + count

    def state_dict(self) -> dict[str, Tensor]:
        return {"mean_squared_loss": self._mean, "samples": self._seen}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Raises KeyError or RuntimeError where the state is none of these."""
        self._mean.copy_(state["mean_squared_loss"])
        self._seen.copy_(state["samples"])
