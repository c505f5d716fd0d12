"""Images on the device as bytes: a batch is gathered, mirrored and scaled there, without workers and copies."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tui_lab.diffusion.forward import normalise


class DeviceImages:
    """A dataset's images, uint8 (N, C, H, W), wholly on one device."""

    def __init__(self, images: NDArray[np.uint8], device: torch.device) -> None:
        """`images` as `data.Images.take` gives them, (N, H, W, C)."""
        self._images = torch.from_numpy(np.array(images.transpose(0, 3, 1, 2), order="C")).to(device)

    def __len__(self) -> int:
        return len(self._images)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one image: (C, H, W)."""
        _, channels, height, width = self._images.shape
        return channels, height, width

    def take(self, indices: Tensor, mirrored: Tensor | None = None) -> Tensor:
        """x_0 in [-1, 1], float32 (B, C, H, W), of these images; those where `mirrored` (B,) holds are flipped."""
        chosen = self._images.index_select(0, indices)
        if mirrored is not None:
            chosen = torch.where(mirrored.reshape(-1, 1, 1, 1), chosen.flip(-1), chosen)
        return normalise(chosen)
