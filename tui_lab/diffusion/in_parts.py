"""A model asked about more pictures than fit into the memory at once: in parts, smaller where the memory was full."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tui_lab.errors import DeviceError

AT_ONCE = 256
"""Pictures that a model is asked about together at most: more make a call no faster."""

PredictOfLabels = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""(what the model sees of x_t, what it is told of the level, labels (B,) int64 or None) → its answer."""


class InParts:
    """`predict` for a batch of any size. Where the device's memory is full, half as many pictures go together from then
    on: nothing that was drawn is lost, and `at_once` says how many. DeviceError where not even one fits."""

    def __init__(self, predict: PredictOfLabels) -> None:
        self.at_once = AT_ONCE
        self._predict = predict

    def __call__(self, x: Tensor, t: Tensor, labels: Tensor | None) -> Tensor:
        while True:
            size = self.at_once
            told = labels.split(size) if labels is not None else (None,) * -(-len(x) // size)
            try:
                answers = [self._predict(*part) for part in zip(x.split(size), t.split(size), told, strict=True)]
            except torch.OutOfMemoryError as error:
                self._halve(len(x), error)
            else:
                return answers[0] if len(answers) == 1 else torch.cat(answers)

    def _halve(self, pictures: int, error: torch.OutOfMemoryError) -> None:
        tried = min(self.at_once, pictures)
        if tried == 1:
            raise DeviceError("the device has too little memory left for one picture: take the device cpu") from error
        self.at_once = tried // 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
