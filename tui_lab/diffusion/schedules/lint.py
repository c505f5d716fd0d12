"""What is wrong with a recipe before a step is spent: each remark with its cause and its mend."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from tui_lab.catalog.samplers import SAMPLERS, fits
from tui_lab.diffusion.schedules.betas import NoiseSchedule, sqrt_alphas_cumprod

HIGH_TERMINAL = 0.05
"""Above this √ᾱ_{T-1}, pure noise is visibly not what training saw last (Lin et al. 2023 mend 0.068)."""

LOW_TERMINAL = 1e-3
"""Below this √ᾱ_{T-1}, epsilon prediction amplifies its own error over a thousand times on the way to x₀."""


@dataclass(frozen=True, slots=True)
class Remark:
    """What the linter has to say of a recipe: cause and mend on one line."""

    level: Literal["ok", "warn", "error"]
    text: str
    key: str = ""


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
    trained_betas: tuple[float, ...] = ()
