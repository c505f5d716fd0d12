"""Remarks on what the model is asked, and which levels its loss is made of."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from tui_lab.diffusion.schedules.levels import levels
from tui_lab.diffusion.schedules.loss_share import loss_share
from tui_lab.diffusion.schedules.remark import Remark
from tui_lab.recipe.schema import Recipe

CONCENTRATED = 0.05
"""Half of the loss from a smaller share of the levels than this leaves the others nearly untrained."""

_NOISY_SNR = 0.1
"""Below this, composition is decided, and min-SNR with v_prediction hardly weighs."""


def lint_loss(recipe: Recipe) -> Iterator[Remark]:
    yield from _concentration(recipe)
    yield from _min_snr_with_v(recipe)
    yield from _time_embedding(recipe)


def _concentration(recipe: Recipe) -> Iterator[Remark]:
    share = loss_share(recipe.noise_scheduler, recipe.loss)
    order = np.argsort(share)[::-1]
    count = int(np.searchsorted(share[order].cumsum(), 0.5)) + 1
    total = len(share)
    if count >= CONCENTRATED * total:
        return
    loss = recipe.loss
    low, high = order[:count].min(), order[:count].max()
    where = f"{count} of {total} levels, about t = {low}" + (f"…{high}" if high > low else "")
    if loss.weighting != "none":
        yield Remark(
            "warn",
            f"half of the loss comes from {where}: {loss.weighting} weighting with {recipe.noise_scheduler.objective} "
            "leaves the others next to none; set loss.weighting to min_snr, which is capped, or none",
            "loss.weighting",
        )
    elif loss.timestep_sampling == "logit_normal":
        yield Remark("warn", f"half of the loss comes from {where}: raise loss.logit_std, 1 is usual", "loss.logit_std")
    else:
        yield Remark("warn", f"half of the loss comes from {where}: raise P_std, 1.2 is usual", "noise_scheduler.P_std")


def _min_snr_with_v(recipe: Recipe) -> Iterator[Remark]:
    noise, loss = recipe.noise_scheduler, recipe.loss
    if loss.weighting != "min_snr" or noise.objective != "v_prediction":
        return
    noisy = levels(noise).snr < _NOISY_SNR
    if not noisy.any():
        return
    plain = loss.model_copy(update={"weighting": "none"})
    part, even = (float(loss_share(noise, one)[noisy].sum()) for one in (loss, plain))
    yield Remark(
        "ok",
        f"min_snr with v_prediction weighs by min(SNR, {loss.snr_gamma:g}) / (SNR + 1): the noisy levels from "
        f"t = {int(noisy.argmax())} on, which settle what a picture shows, get {part:.1%} of the loss in place "
        f"of {even:.0%}; detail is learned sooner",
        "loss.weighting",
    )


def _time_embedding(recipe: Recipe) -> Iterator[Remark]:
    noise, model = recipe.noise_scheduler, recipe.model
    if noise.class_name != "EDMEulerScheduler" or model.class_name != "UNet2DModel" or not model.timestep_conditioning:
        return
    if model.time_embedding_type == "positional":
        yield Remark(
            "warn",
            f"EDM tells the model ln σ / 4, from {math.log(noise.sigma_min) / 4:.2f} to "
            f"{math.log(noise.sigma_max) / 4:.2f}, and a positional embedding is made for 0 to 1000: three "
            "quarters of its channels hardly move; set model.time_embedding_type to fourier",
            "model.time_embedding_type",
        )
