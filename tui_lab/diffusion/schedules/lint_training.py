"""Remarks on the run: whether its steps, batches, warm-up and running mean go together."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tui_lab.diffusion.schedules.remark import Remark
from tui_lab.recipe.schema import Recipe

_LONG_WARMUP = 0.5
"""The share of the run above which a warm-up leaves too little of it at the full learning rate."""

_FRESH = 0.01
"""How much of the weights that training began with may be left in EMA's mean at the end."""


def lint_training(recipe: Recipe, train_images: int | None = None) -> Iterator[Remark]:
    yield from _warmup(recipe)
    if train_images:
        yield from _epochs(recipe, train_images)
    yield from _ema(recipe)


def _warmup(recipe: Recipe) -> Iterator[Remark]:
    training, warmup, steps = recipe.training, recipe.lr_scheduler.num_warmup_steps, recipe.training.max_train_steps
    if not steps or warmup <= _LONG_WARMUP * steps:
        return
    counted = ""
    if training.gradient_accumulation_steps > 1:
        counted = (
            f" (updates, of {training.gradient_accumulation_steps} batches each: scripts that count batches mean "
            f"{max(1, warmup // training.gradient_accumulation_steps)} here)"
        )
    reached = "never reaches its full value" if warmup >= steps else f"is full for {steps - warmup} steps alone"
    yield Remark(
        "warn",
        f"{warmup} steps of warm-up in a run of {steps}{counted}: the learning rate {reached}; lower num_warmup_steps "
        f"to about {max(1, steps // 20)}",
        "lr_scheduler.num_warmup_steps",
    )


def _epochs(recipe: Recipe, train_images: int) -> Iterator[Remark]:
    training = recipe.training
    batch, accumulation = training.train_batch_size, training.gradient_accumulation_steps
    update, steps = batch * accumulation, training.max_train_steps
    made = f"{batch} × {accumulation}" if accumulation > 1 else f"{batch}"
    if update > train_images:
        key = "gradient_accumulation_steps" if accumulation > 1 else "train_batch_size"
        yield Remark(
            "warn",
            f"one update takes {made} images, and there are {train_images} to train on: each is in it more than once; "
            f"lower {key}",
            f"training.{key}",
        )
    elif 0 < steps * update < train_images:
        yield Remark(
            "warn",
            f"{steps} steps of {made} images see {steps * update:,} of {train_images:,}, less than one epoch; raise "
            f"max_train_steps to {math.ceil(train_images / update)} or more",
            "training.max_train_steps",
        )


def _ema(recipe: Recipe) -> Iterator[Remark]:
    ema, steps = recipe.ema, recipe.training.max_train_steps
    horizon = 1 / (1 - ema.decay)
    if not ema.enabled or not steps or horizon <= steps:
        return
    fit = max(0.9, 1 - 10 / steps)
    if ema.warmup and _left_of_the_start(steps) < _FRESH:
        yield Remark(
            "ok",
            f"EMA would remember {horizon:,.0f} updates, and the run has {steps:,}: warm-up keeps it to about the last "
            f"{(steps + 10) / 9:,.0f}",
            "ema.decay",
        )
        return
    left = _left_of_the_start(steps) if ema.warmup else ema.decay**steps
    yield Remark(
        "warn",
        f"EMA remembers {horizon:,.0f} updates, longer than the run's {steps:,}: at its end {left:.0%} of the mean is "
        f"still the random weights of its start; lower ema.decay to about {fit:.3g}"
        + ("" if ema.warmup else ", or turn ema.warmup on"),
        "ema.decay",
    )


def _left_of_the_start(updates: int) -> float:
    """∏ (1 + n) / (10 + n) over n = 0 … updates-1: the first weights' share of a mean that warms up all the while."""
    return math.exp(math.lgamma(updates + 1) + math.lgamma(10) - math.lgamma(updates + 10))
