"""Classifier-free guidance: a model that knows classes, made to heed them more, or less, than it learnt to."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Predict = Callable[[Tensor, Tensor], Tensor]
"""(x_t, t) → the model's answer."""

ConditionalPredict = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(x_t, t, class labels (B,) int64) → the model's answer."""


def guided(predict: ConditionalPredict, labels: Tensor, null_label: int, scale: float) -> Predict:
    """The answer ∅ + scale · (c - ∅), ∅ that without a class and c that with `labels` (B,) (Ho & Salimans 2022).

    In their letters scale = 1 + w. 1 is the conditional model itself, and 0 the unconditional one; any other scale asks
    the model once, about both at the same time, in a batch of 2B. `null_label` is the class that stands for none.
    """
    nothing = torch.full_like(labels, null_label)
    if scale == 1.0:
        return lambda x_t, t: predict(x_t, t, labels)
    if scale == 0.0:
        return lambda x_t, t: predict(x_t, t, nothing)

    def both(x_t: Tensor, t: Tensor) -> Tensor:
        answers = predict(torch.cat([x_t, x_t]), torch.cat([t, t]), torch.cat([labels, nothing]))
        with_class, without = answers.to(torch.float32).chunk(2)
        return without + scale * (with_class - without)

    return both
