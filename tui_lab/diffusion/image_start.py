"""Image-to-image: a denoising that begins with a picture, noised to a level on the way (SDEdit, Meng et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from tui_lab.diffusion.steering import Moment


@dataclass(frozen=True, slots=True, eq=False)
class ImageStart:
    """`image` (B, C, H, W) in [-1, 1]; `strength` in [0, 1]: the share of the steps that are made, the last ones.

    1 is all of them, from noise alone: the image has no say. 0 is none: it is the sample.
    """

    image: Tensor
    strength: float

    def first_call(self, scheduler: Any) -> int:
        """Of n steps the last ⌊n · strength⌋ are made, as in diffusers' image-to-image."""
        steps = scheduler.num_inference_steps
        made = int(steps * self.strength + 1e-9)
        return min((steps - made) * getattr(scheduler, "order", 1), len(scheduler.timesteps))

    def x_t(self, at: Moment) -> Tensor:
        return at.x_t if self.strength == 1.0 else at.noised(self.image)
