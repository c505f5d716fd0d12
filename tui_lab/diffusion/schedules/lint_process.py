"""Remarks on the noise process alone: where it begins, where it ends, and how it goes between."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tui_lab.diffusion.schedules.betas import Float, sqrt_alphas_cumprod
from tui_lab.diffusion.schedules.levels import Levels, levels
from tui_lab.diffusion.schedules.remark import Remark
from tui_lab.diffusion.schedules.timestep_density import density
from tui_lab.recipe.schema import Loss, NoiseScheduler

HIGH_TERMINAL = 0.05
"""Above this share of picture at the end, pure noise is visibly not what training saw (Lin et al. 2023 mend 0.068)."""

LOW_TERMINAL = 1e-3
"""Below this √ᾱ_{T-1}, epsilon prediction amplifies its own error over a thousand times on the way to x₀."""

NOISY_START = 0.1
"""Above this σ/α at the first level, the last step of sampling has more than 12 grey levels of noise to guess away."""

WASTED = 1 / 3
"""The share of levels in pure noise, or in none, above which training is mostly elsewhere than where pictures form."""

_AIM = 0.01
"""√ᾱ_{T-1} that the mends lead to."""


def picture_share(levels: Levels) -> Float:
    """α / √(α² + σ²) with shape (T,): √ᾱ for discrete diffusion, and the same measure for the other processes."""
    return levels.alpha / np.hypot(levels.alpha, levels.sigma)


def lint_process(noise: NoiseScheduler) -> Iterator[Remark]:
    """An "ok" remark says where the process ends, where nothing is wrong with that."""
    at = levels(noise)
    share = picture_share(at)
    yield from _end(noise, float(share[-1]), float(at.sigma[-1]))
    if noise.trained_betas and noise.class_name == "DDPMScheduler" and not noise.rescale_betas_zero_snr:
        yield from _broken_end(noise.trained_betas[-1])
    yield from _start(noise, float(at.sigma_ratio[0]))
    yield from _middle(noise, share)


def _end(noise: NoiseScheduler, terminal: float, sigma: float) -> Iterator[Remark]:
    discrete = noise.class_name == "DDPMScheduler"
    if terminal > HIGH_TERMINAL:
        key, mend = _more_noise(noise)
        at_the_end = f"√ᾱ = {terminal:.3f}" if discrete else f"σ = {sigma:g}"
        yield Remark(
            "warn",
            f"ends at {at_the_end}: {terminal:.0%} of the picture is left at the last timestep, but sampling starts "
            f"from pure noise, where training never was; {mend}",
            key,
        )
    elif noise.objective == "epsilon" and terminal == 0:
        yield Remark(
            "error",
            "epsilon says nothing about x₀ at the last timestep, where √ᾱ = 0; "
            "set prediction_type to v_prediction or sample",
            "noise_scheduler.prediction_type",
        )
    elif noise.objective != "epsilon" or terminal >= LOW_TERMINAL:  # else lint_sampling has more to say of it
        at_the_end = f"√ᾱ = {f'{terminal:.5f}' if terminal else '0'}" if discrete else f"σ = {sigma:g}"
        yield Remark("ok", f"ends in pure noise: {at_the_end}")


def _broken_end(last: float) -> Iterator[Remark]:
    if last == 1:
        yield Remark(
            "error",
            "custom betas end at β = 1, where solvers divide by √ᾱ = 0; set rescale_betas_zero_snr, which changes no "
            "β of these and has samplers start there",
            "noise_scheduler.rescale_betas_zero_snr",
        )


def _start(noise: NoiseScheduler, first: float) -> Iterator[Remark]:
    if first <= NOISY_START:
        return
    match noise.class_name:
        case "EDMEulerScheduler":
            key, mend = "noise_scheduler.sigma_min", "lower sigma_min, 0.002 is usual"
        case "DDPMScheduler" if noise.trained_betas:
            key, mend = "noise_scheduler.trained_betas", "let the first β be smaller"
        case "DDPMScheduler" if noise.beta_schedule in ("laplace", "squaredcos_cap_v2"):
            key, mend = (
                "noise_scheduler.beta_schedule",
                "take another beta_schedule, or accept pictures without fine detail",
            )
        case "DDPMScheduler":
            key, mend = "noise_scheduler.beta_start", "lower beta_start"
        case _:
            key, mend = "noise_scheduler.num_train_timesteps", "raise num_train_timesteps"
    yield Remark(
        "warn",
        f"begins noisy: σ/α = {first:.3f} at the first level, {first * 127.5:.0f} grey levels of 255, which the last "
        f"step of sampling has to guess away at once; {mend}",
        key,
    )


def _middle(noise: NoiseScheduler, share: Float) -> Iterator[Remark]:
    drawn = density(noise, Loss())
    in_noise = float(drawn[share < HIGH_TERMINAL].sum())
    in_none = float(drawn[np.sqrt(1 - share**2) < HIGH_TERMINAL].sum())
    if in_noise > WASTED:
        key, mend = _gentler(noise)
        yield Remark(
            "warn",
            f"too steep: {in_noise:.0%} of the levels hold less than {HIGH_TERMINAL:.0%} of the picture, and teach "
            f"little but noise; {mend}",
            key,
        )
    if in_none > WASTED and share[-1] <= HIGH_TERMINAL:
        key, mend = _earlier_noise(noise)
        yield Remark(
            "warn",
            f"too flat: {in_none:.0%} of the levels have less than {HIGH_TERMINAL:.0%} noise, and teach little but "
            f"copying; {mend}",
            key,
        )


def _more_noise(noise: NoiseScheduler) -> tuple[str, str]:
    """The knob that would bring the end down to pure noise, and how."""
    if noise.class_name == "EDMEulerScheduler":
        return "noise_scheduler.sigma_max", "raise sigma_max, 80 is usual"
    if noise.class_name != "DDPMScheduler":
        return "noise_scheduler.num_train_timesteps", "raise num_train_timesteps"
    alone = "set rescale_betas_zero_snr, with v_prediction"
    if noise.trained_betas:
        return "noise_scheduler.trained_betas", f"raise the last of trained_betas, or {alone}"
    if noise.beta_schedule not in ("linear", "scaled_linear", "sigmoid"):
        return "noise_scheduler.beta_schedule", f"{alone}, or beta_schedule to squaredcos_cap_v2"
    if (beta_end := beta_end_for(noise, _AIM)) is not None:
        return "noise_scheduler.beta_end", f"raise beta_end to {beta_end:.2g}, or {alone}"
    return "noise_scheduler.num_train_timesteps", f"raise num_train_timesteps, or {alone}"


def _gentler(noise: NoiseScheduler) -> tuple[str, str]:
    match noise.class_name:
        case "FlowMatchEulerDiscreteScheduler":
            return "noise_scheduler.shift", "lower shift"
        case "EDMEulerScheduler":
            return "noise_scheduler.P_mean", "lower P_mean, -1.2 is usual"
    if noise.trained_betas:
        return "noise_scheduler.trained_betas", "lower trained_betas"
    beta_end = beta_end_for(noise, _AIM)
    if beta_end is not None and beta_end < noise.beta_end:
        return "noise_scheduler.beta_end", f"lower beta_end to {beta_end:.2g}, or take squaredcos_cap_v2"
    return "noise_scheduler.beta_schedule", "set beta_schedule to squaredcos_cap_v2"


def _earlier_noise(noise: NoiseScheduler) -> tuple[str, str]:
    match noise.class_name:
        case "FlowMatchEulerDiscreteScheduler":
            return "noise_scheduler.shift", "raise shift"
        case "EDMEulerScheduler":
            return "noise_scheduler.P_mean", "raise P_mean, -1.2 is usual"
    if noise.trained_betas:
        return "noise_scheduler.trained_betas", "raise the first of trained_betas"
    return "noise_scheduler.beta_schedule", "set beta_schedule to squaredcos_cap_v2"


def beta_end_for(noise: NoiseScheduler, terminal: float) -> float | None:
    """The beta_end at which √ᾱ_{T-1} is `terminal`, not rescaled and with all else as it is, or None."""

    def ends_at(beta_end: float) -> float:
        trial = noise.model_copy(update={"beta_end": beta_end, "rescale_betas_zero_snr": False})
        return float(sqrt_alphas_cumprod(trial)[-1])

    low, high = noise.beta_start, 0.999
    for _ in range(20):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if ends_at(middle) > terminal else (low, middle)
    return high if abs(ends_at(high) / terminal - 1) < 0.1 else None
