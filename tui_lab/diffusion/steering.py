"""What can bend a denoising on its way: `denoise` tells a Steering where it stands, and takes what that gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from tui_lab.diffusion.forward import over
from tui_lab.diffusion.objective import Answered
from tui_lab.diffusion.process import Levels


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """Where a denoising stands, in the terms of the process, whatever scale the scheduler works in.

    `index` counts model calls: that of the one that comes, or has just been; `count`, of which there are so many, is
    the end. `x_t` = α x_0 + σ ε (B, C, H, W); `levels`, of shape (1,) on the CPU, are its α and σ, 1 and 0 at the end;
    `noise` is the ε that all began with. `process` says what the model answers:
    `predicted_x0(at.process, output, at.x_t, at.levels)`, and the other way round
    `answer_for(at.process, x0, at.x_t, at.levels)`.
    """

    index: int
    count: int
    x_t: Tensor
    noise: Tensor
    levels: Levels
    process: Answered

    def noised(self, image: Tensor) -> Tensor:
        """α `image` + σ ε: what x_t would be, had `image` (B, C, H, W) been noised to this level."""
        return over(self.levels.alpha, image) * image + over(self.levels.sigma, image) * self.noise


class Start(Protocol):
    """Where a denoising begins, other than at noise."""

    def first_call(self, scheduler: Any) -> int:
        """The index of the first model call that is made, of those that the scheduler was set to; their number where
        there is none."""
        ...

    def x_t(self, at: Moment) -> Tensor:
        """The x_t to begin with, before that call; `at.x_t` is noise, if that is the first of all."""
        ...


class Steering:
    """It changes nothing as it is: one that steers overrides what it needs. It may keep state: it serves one loop.

    Both are called in inference mode. Gradients want `with torch.inference_mode(False), torch.enable_grad():` and a
    `clone()` of what they go through.
    """

    pull: Tensor | None = None
    """What moved the answer last, (B, C, H, W) on the scale of pictures: shown beside it, where there is one."""

    def on_answer(self, at: Moment, output: Tensor) -> Tensor:
        """The answer that the scheduler is to hear in the place of `output`, the model's at `at`; float32, that shape.

        What the scheduler knows of the picture it has from these answers, solvers that remember their last ones too:
        this, not x_t, is where guidance belongs.
        """
        return output

    def on_arrival(self, at: Moment) -> Tensor:
        """The x_t to go on from in the place of `at.x_t`: before the first call, and after each step."""
        return at.x_t
