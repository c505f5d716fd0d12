"""Inpainting: pixels of a picture that stay, while a model that knows nothing of masks draws the rest."""

from __future__ import annotations

import torch
from torch import Tensor

from tui_lab.diffusion.objective import answer_for
from tui_lab.diffusion.steering import Moment, Steering


class Inpainting(Steering):
    """After each step the kept pixels are the image's, noised to the level that the rest has (RePaint, Lugmayr et al.
    2022, without its going back, and always with the same noise), and at the end the image's own.

    So that solvers which remember answers agree, what the model says of the kept pixels is the image, too.
    """

    def __init__(self, image: Tensor, kept: Tensor) -> None:
        """`image` (B, C, H, W) in [-1, 1]; `kept` bool (H, W), True where a pixel stays."""
        self._image = image
        self._kept = kept

    def on_answer(self, at: Moment, output: Tensor) -> Tensor:
        return torch.where(self._kept, answer_for(at.process, self._image, at.x_t, at.levels), output)

    def on_arrival(self, at: Moment) -> Tensor:
        return torch.where(self._kept, at.noised(self._image), at.x_t)
