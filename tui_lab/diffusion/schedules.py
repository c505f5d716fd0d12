"""Noise schedules in numpy float64: what a schedule does to a picture, seen before anything trains.

Notation of DDPM (Ho et al. 2020): q(x_t | x_0) = N(√ᾱ_t · x_0, (1-ᾱ_t) · I) with ᾱ_t = ∏_{s≤t} (1-β_s), t = 0 … T-1.
The formulas are those of diffusers' `DDPMScheduler`, which computes them in float32.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tui_lab.catalog.samplers import SAMPLERS, fits

Float = NDArray[np.float64]
Bytes = NDArray[np.uint8]


class NoiseSchedule(Protocol):
    """The fields of a recipe's `[noise_scheduler]` that fix its βs."""

    @property
    def num_train_timesteps(self) -> int: ...
    @property
    def beta_schedule(self) -> str: ...
    @property
    def beta_start(self) -> float: ...
    @property
    def beta_end(self) -> float: ...
    @property
    def rescale_betas_zero_snr(self) -> bool: ...


def betas(noise: NoiseSchedule) -> Float:
    """β_t with shape (T,), each in (0, 1]; exactly 1 at the end of a schedule rescaled to zero terminal SNR."""
    steps, start, end = noise.num_train_timesteps, noise.beta_start, noise.beta_end
    match noise.beta_schedule:
        case "linear":
            result = np.linspace(start, end, steps)
        case "scaled_linear":
            result = np.linspace(start**0.5, end**0.5, steps) ** 2
        case "squaredcos_cap_v2":
            result = _betas_of(_cosine_alpha_bar(np.arange(steps + 1) / steps))
        case "laplace":
            result = _betas_of(_laplace_alpha_bar(np.arange(steps + 1) / steps))
        case "sigmoid":
            result = start + (end - start) / (1 + np.exp(-np.linspace(-6, 6, steps)))
        case other:
            raise ValueError(f"unknown beta_schedule {other!r}")
    return rescale_zero_terminal_snr(result) if noise.rescale_betas_zero_snr else result


def _cosine_alpha_bar(t: Float) -> Float:
    """ᾱ(t) = cos²((t + s)/(1 + s) · π/2), s = 0.008, t in [0, 1] (Nichol & Dhariwal 2021, eq. 17)."""
    return np.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2


def _laplace_alpha_bar(t: Float) -> Float:
    """log-SNR λ(t) = -½ sgn(½-t) log(1 - 2|½-t|) (Hang et al. 2024, eq. 6); diffusers takes √(SNR/(1+SNR)) for ᾱ."""
    snr_of_t = np.exp(np.where(t > 0.5, 0.5, -0.5).astype(np.float64) * np.log(1 - 2 * np.abs(0.5 - t) + 1e-6))
    return np.sqrt(snr_of_t / (1 + snr_of_t))


def _betas_of(alpha_bar: Float, max_beta: float = 0.999) -> Float:
    """β_i = min(1 - ᾱ((i+1)/T)/ᾱ(i/T), max_beta) from ᾱ at the T+1 borders."""
    return np.minimum(1 - alpha_bar[1:] / alpha_bar[:-1], max_beta)


def rescale_zero_terminal_snr(betas: Float) -> Float:
    """√ᾱ shifted to end at 0 and scaled to begin where it did, back as β (Lin et al. 2023, algorithm 1)."""
    root = np.sqrt(np.cumprod(1 - betas))
    rescaled = (root - root[-1]) * root[0] / (root[0] - root[-1])
    alpha_bar = rescaled**2
    return 1 - np.concatenate([alpha_bar[:1], alpha_bar[1:] / alpha_bar[:-1]])


def alphas_cumprod(noise: NoiseSchedule) -> Float:
    """ᾱ_t = ∏_{s≤t} (1-β_s) with shape (T,), falling within [0, 1]."""
    return np.cumprod(1 - betas(noise), dtype=np.float64)


def sqrt_alphas_cumprod(noise: NoiseSchedule) -> Float:
    """√ᾱ_t: how much of the picture is left in x_t."""
    return np.sqrt(alphas_cumprod(noise))


def sqrt_one_minus_alphas_cumprod(noise: NoiseSchedule) -> Float:
    """√(1-ᾱ_t): the standard deviation of the noise in x_t."""
    return np.sqrt(1 - alphas_cumprod(noise))


def snr(noise: NoiseSchedule) -> Float:
    """SNR_t = ᾱ_t / (1-ᾱ_t) with shape (T,); 0 at the end of a zero-terminal-SNR schedule."""
    alpha_bar = alphas_cumprod(noise)
    return alpha_bar / (1 - alpha_bar)


def log_snr(noise: NoiseSchedule) -> Float:
    """λ_t = log SNR_t, the natural logarithm, with shape (T,); -inf where ᾱ = 0."""
    with np.errstate(divide="ignore"):
        return np.log(snr(noise))


def spread_timesteps(num_train_timesteps: int, count: int) -> NDArray[np.int64]:
    """`count` timesteps spread evenly over 0 … T-1, both ends among them."""
    return np.linspace(0, num_train_timesteps - 1, count).round().astype(np.int64)


def add_noise(images: Bytes, timesteps: Sequence[int] | NDArray[np.int64], alpha_bar: Float, seed: int = 0) -> Float:
    """x_t = √ᾱ_t · x_0 + √(1-ᾱ_t) · ε for each of K timesteps, x_0 in [-1, 1], ε ~ N(0, I) from `seed`.

    `images` with shape (…, H, W, C) gives (K, …, H, W, C). All K share one ε, so that a strip shows one picture go
    under in one noise, and holds still while a knob of the schedule moves.
    """
    clean = images.astype(np.float64) / 127.5 - 1
    noise = np.random.default_rng(seed).standard_normal(clean.shape)
    at = alpha_bar[np.asarray(timesteps, dtype=np.int64)].reshape(-1, *([1] * clean.ndim))
    return np.sqrt(at) * clean + np.sqrt(1 - at) * noise


def to_uint8(x: Float) -> Bytes:
    """[-1, 1] to 0 … 255, clipped: how a screen sees x_t."""
    return np.clip(np.rint((x + 1) * 127.5), 0, 255).astype(np.uint8)


HIGH_TERMINAL = 0.05
"""Above this √ᾱ_{T-1}, pure noise is visibly not what training saw last (Lin et al. 2023 mend 0.068)."""

LOW_TERMINAL = 1e-3
"""Below this √ᾱ_{T-1}, epsilon prediction amplifies its own error over a thousand times on the way to x₀."""


@dataclass(frozen=True, slots=True)
class Remark:
    """What the linter has to say of a recipe: cause and mend on one line."""

    level: Literal["ok", "warn", "error"]
    text: str


class PredictedNoiseSchedule(NoiseSchedule, Protocol):
    @property
    def prediction_type(self) -> str: ...


class Sampling(Protocol):
    """The fields of a recipe's `[sampling]` that have to suit the noise schedule."""

    @property
    def scheduler(self) -> str: ...
    @property
    def num_inference_steps(self) -> int: ...


class LintedRecipe(Protocol):
    @property
    def noise_scheduler(self) -> PredictedNoiseSchedule: ...
    @property
    def sampling(self) -> Sampling: ...


def lint(recipe: LintedRecipe) -> list[Remark]:
    """What will go wrong between this noise schedule, what the model predicts, and the sampler: errors first.

    An "ok" remark, saying where the schedule ends, where nothing is wrong with its end.
    """
    remarks = [*_lint_terminal(recipe), *_lint_sampler(recipe)]
    return sorted(remarks, key=lambda remark: ("error", "warn", "ok").index(remark.level))


def _lint_terminal(recipe: LintedRecipe) -> Iterator[Remark]:
    noise, sampler = recipe.noise_scheduler, SAMPLERS.get(recipe.sampling.scheduler)
    terminal = float(sqrt_alphas_cumprod(noise)[-1])
    if terminal > HIGH_TERMINAL:
        yield Remark(
            "warn",
            f"ends at √ᾱ = {terminal:.3f}: {terminal:.0%} of the picture is left at the last timestep, but sampling "
            f"starts from pure noise, where training never was; {_more_noise(noise)}",
        )
    elif terminal < LOW_TERMINAL and noise.prediction_type == "epsilon":
        if terminal == 0:
            yield Remark(
                "error",
                "epsilon says nothing about x₀ at the last timestep, where √ᾱ = 0; "
                "set prediction_type to v_prediction or sample",
            )
            return
        then = f"{sampler.short} does not clip x₀, and gives saturated noise" if sampler and not sampler.clips else ""
        yield Remark(
            "warn",
            f"epsilon says almost nothing about x₀ at the last timestep: √ᾱ = {terminal:.5f} there, so an error in "
            f"epsilon is {1 / terminal:,.0f} times larger in x₀, and "
            f"{then or 'only clipping at every step keeps the picture'}; "
            "set prediction_type to v_prediction, or beta_schedule to linear",
        )
    else:
        yield Remark(
            "ok",
            f"ends in pure noise: √ᾱ = {f'{terminal:.5f}' if terminal else '0'}",
        )


def _lint_sampler(recipe: LintedRecipe) -> Iterator[Remark]:
    noise, sampling = recipe.noise_scheduler, recipe.sampling
    steps, total = sampling.num_inference_steps, noise.num_train_timesteps
    sampler = SAMPLERS.get(sampling.scheduler)
    zero_snr_epsilon = noise.rescale_betas_zero_snr and noise.prediction_type == "epsilon"
    if not zero_snr_epsilon and (reason := fits(sampling.scheduler, recipe)):
        yield Remark("error", reason)
    if steps > total:
        yield Remark(
            "error", f"{steps} sampling steps of {total} timesteps: lower num_inference_steps to at most {total}"
        )
    elif sampler and steps < min(sampler.few_steps, total):
        quick = [SAMPLERS[name].short for name in ("DPMSolverMultistepScheduler", "UniPCMultistepScheduler")]
        mend = f"take {sampler.few_steps} or more"
        if sampler.short not in quick:
            mend += f", or a sampler made for few steps: {' or '.join(quick)}"
        yield Remark("warn", f"{steps} steps are few for {sampler.short}, and its pictures suffer; {mend}")


def _more_noise(noise: NoiseSchedule) -> str:
    """The knob that would bring √ᾱ at the last timestep down to 0.01, with its value."""
    alone = "set rescale_betas_zero_snr, with v_prediction"
    if noise.beta_schedule not in ("linear", "scaled_linear", "sigmoid"):
        return f"{alone}, or beta_schedule to squaredcos_cap_v2"
    low, high = noise.beta_end, 0.999
    for _ in range(20):
        middle = (low + high) / 2
        trial = _Trial(noise.num_train_timesteps, noise.beta_schedule, noise.beta_start, middle)
        low, high = (middle, high) if sqrt_alphas_cumprod(trial)[-1] > 0.01 else (low, middle)
    if sqrt_alphas_cumprod(_Trial(noise.num_train_timesteps, noise.beta_schedule, noise.beta_start, high))[-1] > 0.011:
        return f"raise num_train_timesteps, or {alone}"
    return f"raise beta_end to {high:.2g}, or {alone}"


@dataclass(frozen=True, slots=True)
class _Trial:
    num_train_timesteps: int
    beta_schedule: str
    beta_start: float
    beta_end: float
    rescale_betas_zero_snr: bool = False
