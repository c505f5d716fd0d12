"""Image-to-image: a denoising that begins with a picture, noised to a level on the way (SDEdit, Meng et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class ImageStart:
    """`image` (B, C, H, W) in [-1, 1]; `strength`: the share of the steps that are made, the least noisy ones.

    1 is all of them, from noise alone: where the process leaves no signal at its end, so does the image. 0 is none.
    """

    image: Tensor
    strength: float

    def first_call(self, scheduler: Any) -> int:
        """The index of the first model call that is made, of those that the scheduler was set to; their number where
        there is none. Of n steps, the last ⌊n · strength⌋ are made, as in diffusers' image-to-image."""
        steps = scheduler.num_inference_steps
        made = int(steps * self.strength + 1e-9)
        return min((steps - made) * getattr(scheduler, "order", 1), len(scheduler.timesteps))
