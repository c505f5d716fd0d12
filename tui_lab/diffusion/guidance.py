"""Classifier-free guidance: a model that knows classes, made to heed them more, or less, than it learnt to."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tui_lab.diffusion.process import NoiseProcess
from tui_lab.diffusion.schedules.guidance import guidance_at
from tui_lab.recipe.schema import Sampling

Predict = Callable[[Tensor, Tensor], Tensor]
"""(x_t, t) → the model's answer."""

ConditionalPredict = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(x_t, t, class labels (B,) int64) → the model's answer."""

ScaleAt = Callable[[float], float]
"""The scale of guidance where the model is told t."""


def guided(predict: ConditionalPredict, labels: Tensor, against: int, scale: float | ScaleAt) -> Predict:
    """The answer n + scale · (c - n), c that with `labels` (B,) and n that with the class `against`.

    `against` is the class that stands for none (Ho & Salimans 2022; in their letters scale = 1 + w), or one to keep
    away from. 1 is the conditional model itself, and 0 that of `against`: one call of B each, as without guidance.
    Any other scale asks the model once, about both at the same time, in a batch of 2B. All of a batch are at one t.
    """
    away = torch.full_like(labels, against)

    def answer(x_t: Tensor, t: Tensor) -> Tensor:
        here = scale(float(t[0])) if callable(scale) else scale
        if here in (0.0, 1.0):
            return predict(x_t, t, labels if here else away)
        answers = predict(torch.cat([x_t, x_t]), torch.cat([t, t]), torch.cat([labels, away]))
        towards, without = answers.to(torch.float32).chunk(2)
        return without + here * (towards - without)

    return answer


def scale_over_time(sampling: Sampling, process: NoiseProcess) -> ScaleAt:
    """`sampling`'s guidance (see `guidance_at`) by t, told as `process` tells it."""
    return lambda t: guidance_at(sampling, process.time(t))
