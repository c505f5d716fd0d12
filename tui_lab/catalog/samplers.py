"""The samplers that can be chosen: diffusers' schedulers that a plain sampling loop can drive, and the course's own.

What each one can do was tried on a Gaussian whose best denoiser is known in closed form (tests/catalog/test_samplers.py
does it again): a sampler is listed with a process, an objective, a spacing or a sigma schedule only where it brought
back the Gaussian.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # whose list of samplers is this one
    from tui_lab.recipe.schema import NoiseScheduler, Recipe

DDPM, FLOW, EDM, MIXING = (
    "DDPMScheduler",
    "FlowMatchEulerDiscreteScheduler",
    "EDMEulerScheduler",
    "UniformMixing",
)
"""The noise processes, as `noise_scheduler.class` names them."""

PROCESS_TITLES = {DDPM: "discrete diffusion", FLOW: "flow matching", EDM: "EDM", MIXING: "the course's uniform mixing"}


@dataclass(frozen=True, slots=True)
class Range:
    """What a sampler can do over one noise process.

    `objectives` that the model may have; `spacings` of timesteps, the sampler's own choice first (none: it has but
    one); `sigma_schedules` beside its own.
    """

    objectives: tuple[str, ...]
    spacings: tuple[str, ...] = ()
    sigma_schedules: tuple[str, ...] = ()


_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class SamplerInfo:
    """One sampler, in the words of someone who has to choose.

    `name` stands in recipes: a diffusers class, or `class_name` with `settings` of its own. `over`: what it can do, by
    noise process. `few_steps` is the number below which its pictures visibly suffer; `clips` says that it clips the
    predicted x₀ to the data's range at every step, which keeps large errors of the model from growing.

    `least_steps`: it cannot do fewer. `below_timesteps`: it needs one timestep more than it takes steps. `even_stride`:
    it always goes T // N timesteps back, wherever the next call is. `only_from_noise`: its first steps are others than
    the rest, so that it cannot begin on the way. `timesteps_a_step`: of a schedule that ends as steeply as the cosine
    one, more than so many between two calls are lost to float32, and the next level is no number.
    """

    name: str
    short: str
    help: str
    over: Mapping[str, Range]
    class_name: str = ""
    settings: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    few_steps: int = 10
    least_steps: int = 1
    below_timesteps: bool = False
    even_stride: bool = False
    only_from_noise: bool = False
    timesteps_a_step: int = 0
    uses_eta: bool = False
    stochastic: bool = False
    clips: bool = False
    calls_per_step: int = 1


_ALL = ("epsilon", "sample", "v_prediction")
_NOISE_OR_V = ("epsilon", "v_prediction")
_LINSPACE = ("linspace", "leading", "trailing")
_SIGMAS = ("karras", "exponential", "beta")
_SOLVER = Range(_ALL, _LINSPACE, _SIGMAS)
_NO_BETA = Range(_ALL, _LINSPACE, ("karras", "exponential"))  # beta's few middle levels make these overshoot
_FLOW = Range(("flow",))
_EDM = Range(("edm",), (), ("exponential",))

_LIST = (
    SamplerInfo(
        "DDPMScheduler",
        "DDPM",
        "the ancestral sampler of the DDPM paper: fresh noise at every step, best with as many steps as training has",
        {DDPM: Range(_ALL, ("leading", "trailing", "linspace"))},
        few_steps=200,
        stochastic=True,
        clips=True,
    ),
    SamplerInfo(
        "DDIMScheduler",
        "DDIM",
        "deterministic at eta 0, as noisy as DDPM at eta 1; good from about 20 steps",
        {DDPM: Range(_ALL, ("leading", "trailing"))},
        few_steps=20,
        even_stride=True,
        uses_eta=True,
        clips=True,
    ),
    SamplerInfo(
        "DPMSolverMultistepScheduler",
        "DPM-Solver++",
        "a second-order solver that re-uses its last step; good pictures in 10 to 20 steps",
        {DDPM: _SOLVER, FLOW: _FLOW},
        below_timesteps=True,
    ),
    SamplerInfo(
        "sde-dpmsolver++",
        "SDE-DPM-Solver++",
        "DPM-Solver++ with fresh noise at every step, which mends errors of the model; from about 20 steps",
        {DDPM: _NO_BETA, FLOW: _FLOW},
        class_name="DPMSolverMultistepScheduler",
        settings=MappingProxyType({"algorithm_type": "sde-dpmsolver++"}),
        below_timesteps=True,
        few_steps=20,
        stochastic=True,
    ),
    SamplerInfo(
        "DPMSolverSinglestepScheduler",
        "DPM-Solver++ single",
        "DPM-Solver++ that takes its second order from within each pair of calls; 10 to 20 steps",
        {DDPM: Range(_ALL, (), _SIGMAS), FLOW: _FLOW},
        settings=MappingProxyType({"lower_order_final": True}),
        below_timesteps=True,
    ),
    SamplerInfo(
        "UniPCMultistepScheduler",
        "UniPC",
        "a predictor and a corrector from the same model call; good pictures in 5 to 15 steps",
        {DDPM: _SOLVER, FLOW: _FLOW},
        few_steps=5,
        below_timesteps=True,
    ),
    SamplerInfo(
        "DEISMultistepScheduler",
        "DEIS",
        "exponential integrator with a polynomial through its last steps; good in 10 to 20 steps",
        {DDPM: _SOLVER, FLOW: _FLOW},
        below_timesteps=True,
    ),
    SamplerInfo(
        "SASolverScheduler",
        "SA-Solver",
        "a stochastic Adams solver, predictor and corrector: noise in the middle levels alone; from about 20 steps",
        {DDPM: _NO_BETA, FLOW: _FLOW},
        few_steps=20,
        below_timesteps=True,
        stochastic=True,
    ),
    SamplerInfo(
        "EulerDiscreteScheduler",
        "Euler",
        "one plain Euler step of the probability-flow ODE at a time; good from about 25 steps",
        {DDPM: _SOLVER},
        few_steps=20,
    ),
    SamplerInfo(
        "EulerAncestralDiscreteScheduler",
        "Euler ancestral",
        "Euler with fresh noise at every step; more varied than Euler, from about 25 steps",
        {DDPM: Range(_NOISE_OR_V, _LINSPACE)},
        few_steps=20,
        stochastic=True,
    ),
    SamplerInfo(
        "HeunDiscreteScheduler",
        "Heun",
        "Euler with a correction: two model calls a step; exact from about 25, noise with very few",
        {DDPM: _NO_BETA},
        few_steps=25,
        clips=True,
        calls_per_step=2,
    ),
    SamplerInfo(
        "KDPM2DiscreteScheduler",
        "DPM2",
        "a midpoint solver from Karras et al.: two model calls a step; good from about 15",
        {DDPM: Range(_NOISE_OR_V, _LINSPACE, _NO_BETA.sigma_schedules)},
        calls_per_step=2,
    ),
    SamplerInfo(
        "KDPM2AncestralDiscreteScheduler",
        "DPM2 ancestral",
        "the midpoint solver with fresh noise at every step; two model calls a step, from about 20",
        {DDPM: Range(_NOISE_OR_V, _LINSPACE, _NO_BETA.sigma_schedules)},
        few_steps=20,
        timesteps_a_step=80,
        stochastic=True,
        calls_per_step=2,
    ),
    SamplerInfo(
        "LMSDiscreteScheduler",
        "LMS",
        "a linear multistep method of order four: one model call a step, smooth from about 20",
        {DDPM: _SOLVER},
        few_steps=20,
    ),
    SamplerInfo(
        "PNDMScheduler",
        "PNDM",
        "Runge-Kutta at first, then linear multistep on DDIM's steps; good from about 20",
        {DDPM: Range(_NOISE_OR_V, ("leading", "trailing"))},
        few_steps=20,
        least_steps=4,
        even_stride=True,
        only_from_noise=True,
    ),
    SamplerInfo(
        "FlowMatchEulerDiscreteScheduler",
        "flow Euler",
        "straight Euler steps along the flow, as most flow models are sampled; good from about 20 steps",
        {FLOW: Range(("flow",), (), _SIGMAS)},
        few_steps=15,
    ),
    SamplerInfo(
        "FlowMatchHeunDiscreteScheduler",
        "flow Heun",
        "Euler along the flow with a correction: two model calls a step; good from about 10 steps",
        {FLOW: _FLOW},
        calls_per_step=2,
    ),
    SamplerInfo(
        "EDMEulerScheduler",
        "EDM Euler",
        "Euler steps over EDM's own noise levels; good from about 30 steps",
        {EDM: _EDM},
        few_steps=20,
        least_steps=2,
    ),
    SamplerInfo(
        "EDMDPMSolverMultistepScheduler",
        "EDM DPM-Solver++",
        "DPM-Solver++ over EDM's own noise levels; good pictures in 15 to 25 steps",
        {EDM: _EDM},
        least_steps=2,
    ),
    SamplerInfo(
        "UniformMixingSampler",
        "course's mixing",
        "the course's: at step i of n, 1/(n-i) of the way to the picture that the model predicts",
        {MIXING: Range(("sample",))},
        few_steps=4,
    ),
)

SAMPLERS: dict[str, SamplerInfo] = {info.name: info for info in _LIST}

_DISTILLED = "is for models distilled to consistency; one that was not gives blurred pictures with it"
_NOT_OFFERED = {"LCMScheduler": f"LCM {_DISTILLED}", "TCDScheduler": f"TCD {_DISTILLED}"}

_BY_PREFERENCE = ("DPMSolverMultistepScheduler", "EDMDPMSolverMultistepScheduler", *SAMPLERS)


def fits(sampler: str, recipe: Recipe) -> str | None:
    """Why `sampler` cannot sample what `recipe` trains, spaced as it asks, and what can; None if it can."""
    sampling = recipe.sampling
    info = SAMPLERS.get(sampler)
    if info is None:
        reason = _NOT_OFFERED.get(sampler, f"there is no sampler {sampler!r}")
        return f"{reason}; choose one of {', '.join(SAMPLERS)}"
    amiss = _model_amiss(info, recipe)
    if amiss is not None:
        return amiss
    can = info.over[recipe.noise_scheduler.class_name]
    if sampling.timestep_spacing not in ("auto", *can.spacings):
        return _no_such(info, "timestep_spacing", sampling.timestep_spacing, can.spacings)
    if sampling.sigma_schedule not in ("auto", *can.sigma_schedules):
        return _no_such(info, "sigma_schedule", sampling.sigma_schedule, can.sigma_schedules)
    return _steps_amiss(info, recipe)


def misfits(recipe: Recipe) -> dict[str, str]:
    """{sampler: why} of those that cannot sample what `recipe` trains, in however many steps and however spaced; those
    that are not offered at all among them."""
    found = {name: _model_amiss(info, recipe) for name, info in SAMPLERS.items()} | _NOT_OFFERED
    return {name: reason.partition("; ")[0] for name, reason in found.items() if reason}


def _model_amiss(info: SamplerInfo, recipe: Recipe) -> str | None:
    """Why the sampler cannot follow the process or the objective."""
    noise = recipe.noise_scheduler
    if noise.class_name not in info.over:
        return f"{info.short} does not sample {PROCESS_TITLES[noise.class_name]}; {_able(noise)} can"
    if noise.objective not in info.over[noise.class_name].objectives:
        return f"{info.short} cannot sample a model that predicts {noise.objective}; {_able(noise)} can"
    if noise.class_name == DDPM and noise.rescale_betas_zero_snr and noise.objective == "epsilon":
        return (
            "epsilon prediction says nothing about the picture where the signal is exactly zero "
            "(rescale_betas_zero_snr); set noise_scheduler.prediction_type to v_prediction or sample"
        )
    return None


def _steps_amiss(info: SamplerInfo, recipe: Recipe) -> str | None:
    noise, sampling = recipe.noise_scheduler, recipe.sampling
    steps, timesteps = sampling.num_inference_steps, noise.num_train_timesteps
    if steps < info.least_steps:
        return f"{info.short} takes at least {info.least_steps} steps; raise sampling.num_inference_steps"
    if noise.class_name != DDPM:
        return None
    if info.below_timesteps and steps >= timesteps:
        return f"{info.short} takes at most {timesteps - 1} steps of {timesteps} timesteps; lower num_inference_steps"
    cosine = noise.beta_schedule == "squaredcos_cap_v2" and not noise.trained_betas
    if info.timesteps_a_step and cosine and not noise.rescale_betas_zero_snr and sampling.timestep_spacing != "leading":
        least = max(5, math.ceil(timesteps / info.timesteps_a_step))
        if 1 < steps < least:
            return (
                f"{info.short} breaks at the steep end of a cosine schedule in fewer than {least} steps; raise "
                "sampling.num_inference_steps, or set sampling.timestep_spacing to leading"
            )
    auto = "trailing" if noise.rescale_betas_zero_snr else "leading"
    spacing = auto if sampling.timestep_spacing == "auto" else sampling.timestep_spacing
    if info.even_stride and spacing == "trailing" and timesteps / steps > 1.05 * (timesteps // steps or 1):
        return (
            f"{info.short} goes {timesteps // steps} timesteps at a time, which {steps} steps with trailing spacing "
            f"do not; set num_inference_steps to {timesteps // (timesteps // steps + 1)}, or take another sampler"
        )
    return None


def _able(noise: NoiseScheduler) -> str:
    ranges = ((info.short, info.over.get(noise.class_name)) for info in _LIST)
    return ", ".join(short for short, can in ranges if can and noise.objective in can.objectives)


def _no_such(info: SamplerInfo, knob: str, value: str, known: tuple[str, ...]) -> str:
    choices = ", ".join(["auto", *known[:-1]]) + f" or {known[-1]}" if known else "auto"
    return f"{info.short} knows no {knob} {value}; set sampling.{knob} to {choices}"


def misfit(recipe: Recipe) -> str:
    """The knob that keeps the recipe's sampler from fitting: the one without which it would, or the sampler itself."""
    few = min(20, max(1, recipe.noise_scheduler.num_train_timesteps // 2))
    for name, value in {"timestep_spacing": "auto", "sigma_schedule": "auto", "num_inference_steps": few}.items():
        mended = recipe.model_copy(update={"sampling": recipe.sampling.model_copy(update={name: value})})
        if fits(recipe.sampling.scheduler, mended) is None:
            return f"sampling.{name}"
    return "sampling.scheduler"


def fitting_sampler(recipe: Recipe) -> str | None:
    """The first sampler of the list that fits, where the recipe's own does not; None where it does, or none would."""
    if fits(recipe.sampling.scheduler, recipe) is None:
        return None
    return next((name for name in _BY_PREFERENCE if fits(name, recipe) is None), None)
