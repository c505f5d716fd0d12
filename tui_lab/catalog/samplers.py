"""The samplers that can be chosen: diffusers' schedulers that a plain sampling loop can drive.

What each one can do was tried on a Gaussian whose best denoiser is known in closed form (tests/catalog/test_samplers.py
does it again): a sampler is listed with a prediction type only where it brought back the Gaussian.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

ALL_PREDICTION_TYPES = ("epsilon", "sample", "v_prediction")


@dataclass(frozen=True, slots=True)
class SamplerInfo:
    """One sampler, in the words of someone who has to choose.

    `few_steps` is the number below which its pictures visibly suffer; `clips` says that it clips the predicted x₀ to
    the data's range at every step, which keeps large errors of the model from growing.
    """

    name: str
    short: str
    help: str
    prediction_types: tuple[str, ...] = ALL_PREDICTION_TYPES
    few_steps: int = 10
    uses_eta: bool = False
    stochastic: bool = False
    clips: bool = False
    calls_per_step: int = 1


_LIST = (
    SamplerInfo(
        "DDPMScheduler",
        "DDPM",
        "the ancestral sampler of the DDPM paper: fresh noise at every step, best with as many steps as training has",
        few_steps=200,
        stochastic=True,
        clips=True,
    ),
    SamplerInfo(
        "DDIMScheduler",
        "DDIM",
        "deterministic at eta 0, as noisy as DDPM at eta 1; good from about 20 steps",
        few_steps=20,
        uses_eta=True,
        clips=True,
    ),
    SamplerInfo(
        "DPMSolverMultistepScheduler",
        "DPM-Solver++",
        "a second-order solver that re-uses its last step; good pictures in 10 to 20 steps",
    ),
    SamplerInfo(
        "UniPCMultistepScheduler",
        "UniPC",
        "a predictor and a corrector from the same model call; good pictures in 5 to 15 steps",
        few_steps=5,
    ),
    SamplerInfo(
        "DEISMultistepScheduler",
        "DEIS",
        "exponential integrator with a polynomial through its last steps; good in 10 to 20 steps",
    ),
    SamplerInfo(
        "EulerDiscreteScheduler",
        "Euler",
        "one plain Euler step of the probability-flow ODE at a time; good from about 25 steps",
        few_steps=20,
    ),
    SamplerInfo(
        "EulerAncestralDiscreteScheduler",
        "Euler ancestral",
        "Euler with fresh noise at every step; more varied than Euler, from about 25 steps",
        prediction_types=("epsilon", "v_prediction"),
        few_steps=20,
        stochastic=True,
    ),
    SamplerInfo(
        "HeunDiscreteScheduler",
        "Heun",
        "Euler with a correction: two model calls a step; exact from about 25, noise with very few",
        few_steps=25,
        clips=True,
        calls_per_step=2,
    ),
)

SAMPLERS: dict[str, SamplerInfo] = {info.name: info for info in _LIST}

_BY_PREFERENCE = ("DPMSolverMultistepScheduler", *SAMPLERS)


class _NoiseScheduler(Protocol):
    @property
    def prediction_type(self) -> str: ...
    @property
    def rescale_betas_zero_snr(self) -> bool: ...


class TrainedRecipe(Protocol):
    """The section of a recipe that a sampler has to fit."""

    @property
    def noise_scheduler(self) -> _NoiseScheduler: ...


class _Sampling(Protocol):
    @property
    def scheduler(self) -> str: ...


class SampledRecipe(TrainedRecipe, Protocol):
    @property
    def sampling(self) -> _Sampling: ...


def fits(sampler: str, recipe: TrainedRecipe) -> str | None:
    """Why `sampler` (a diffusers class name) cannot sample what `recipe` trains, and what can; None if it can."""
    noise = recipe.noise_scheduler
    info = SAMPLERS.get(sampler)
    if info is None:
        return f"there is no sampler {sampler!r}; choose one of {', '.join(SAMPLERS)}"
    if noise.prediction_type not in info.prediction_types:
        able = ", ".join(other.short for other in _LIST if noise.prediction_type in other.prediction_types)
        return f"{info.short} cannot sample a model that predicts {noise.prediction_type}; {able} can"
    if noise.rescale_betas_zero_snr and noise.prediction_type == "epsilon":
        return (
            "epsilon prediction says nothing about the picture where the signal is exactly zero "
            "(rescale_betas_zero_snr); set noise_scheduler.prediction_type to v_prediction or sample"
        )
    return None


def fitting_sampler(recipe: SampledRecipe) -> str | None:
    """The first sampler of the list that fits, where the recipe's own does not; None where it does, or none would."""
    if fits(recipe.sampling.scheduler, recipe) is None:
        return None
    return next((name for name in _BY_PREFERENCE if fits(name, recipe) is None), None)
