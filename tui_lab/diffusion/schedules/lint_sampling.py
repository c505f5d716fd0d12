"""Remarks on the sampler: whether it fits, where it goes, and whether training was there."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from tui_lab.catalog.samplers import SAMPLERS, SamplerInfo, fits, misfit
from tui_lab.diffusion.schedules.levels import levels
from tui_lab.diffusion.schedules.lint_process import HIGH_TERMINAL, LOW_TERMINAL, picture_share
from tui_lab.diffusion.schedules.remark import Remark
from tui_lab.diffusion.schedules.timestep_density import density
from tui_lab.diffusion.schedules.visits import Visits, visits
from tui_lab.recipe.schema import Recipe

_NEARBY = 0.05
"""The share of the T levels, either way, from which a network still knows what to do at a level."""

_UNTRAINED = 1e-4
"""Less of training than this near a level is none: uniform draws put a tenth there."""

_FAR = 5.0
"""EDM's levels further than this many P_std from P_mean come up once in three million draws."""

_FORMING = (0.05, 5.0)
"""σ/α between which pictures form: above, they are all noise, and below, grain alone is left to take away."""

_CALLS_TO_FORM = 3
"""Fewer model calls than this between them lose most of the variety that the data has."""

_ROUNDED_AWAY = 2.0**-12
"""A step to a smaller share of σ than this: beside σ², the square of the next σ is below float32's resolution."""


def lint_sampling(recipe: Recipe) -> Iterator[Remark]:
    sampling, noise = recipe.sampling, recipe.noise_scheduler
    yield from _guidance(recipe)
    # lint_process says this one of the end of the process.
    unsaid = noise.class_name == "DDPMScheduler" and noise.rescale_betas_zero_snr and noise.objective == "epsilon"
    steps, total = sampling.num_inference_steps, noise.num_train_timesteps
    too_many = noise.class_name in ("DDPMScheduler", "FlowMatchEulerDiscreteScheduler") and steps > total
    if too_many:
        text = f"{steps} sampling steps of {total} timesteps: lower num_inference_steps to at most {total}"
        yield Remark("error", text, "sampling.num_inference_steps")
    reason = fits(sampling.scheduler, recipe)
    if reason and not unsaid and (key := misfit(recipe)) and not (too_many and key == "sampling.num_inference_steps"):
        yield Remark("error", reason, key)
    if reason or too_many:
        return
    info = SAMPLERS[sampling.scheduler]
    if noise.class_name == "DDPMScheduler" and noise.objective == "epsilon":
        yield from _epsilon_near_the_end(recipe, info)
    if steps < min(info.few_steps, total):
        yield _few_steps(recipe, info)
    where = visits(recipe)
    yield from _start(recipe, where)
    yield from _untrained(recipe, where)
    yield from _elsewhere(recipe, where)
    yield from _breaking(recipe, where)


def _epsilon_near_the_end(recipe: Recipe, info: SamplerInfo) -> Iterator[Remark]:
    """Where √ᾱ ≈ 0, x₀ = (x_t - √(1-ᾱ) ε) / √ᾱ multiplies every error of ε."""
    noise = recipe.noise_scheduler
    terminal = float(levels(noise).alpha[-1])
    if not 0 < terminal < LOW_TERMINAL:
        return
    then = "only clipping at every step keeps the picture"
    if not info.clips:
        then = f"{info.short} does not clip x₀, and gives saturated noise"
    other = "an earlier end of trained_betas" if noise.trained_betas else "beta_schedule to linear"
    if noise.beta_schedule == "linear" and not noise.trained_betas:
        other = "beta_end lower"
    yield Remark(
        "warn",
        f"epsilon says almost nothing about x₀ at the last timestep: √ᾱ = {terminal:.2g} there, so an error in "
        f"epsilon is {1 / terminal:,.0f} times larger in x₀, and {then}; "
        f"set prediction_type to v_prediction, or {other}",
        "noise_scheduler.prediction_type",
    )


def _few_steps(recipe: Recipe, info: SamplerInfo) -> Remark:
    quick = [SAMPLERS[name] for name in ("DPMSolverMultistepScheduler", "UniPCMultistepScheduler")]
    usable = [other.short for other in quick if fits(other.name, recipe) is None and other.few_steps < info.few_steps]
    mend = f"take {info.few_steps} or more"
    if usable:
        mend += f", or a sampler made for few steps: {' or '.join(usable)}"
    steps = recipe.sampling.num_inference_steps
    text = f"{steps} {'step is' if steps == 1 else 'steps are'} few for {info.short}, and its pictures suffer; {mend}"
    return Remark("warn", text, "sampling.num_inference_steps")


def _start(recipe: Recipe, where: Visits) -> Iterator[Remark]:
    """Pure noise is put in where the model expects what is left of a picture."""
    noise = recipe.noise_scheduler
    share = picture_share(levels(noise))
    first = min(float(where.index[0]), len(share) - 1.0)
    left = float(np.interp(first, np.arange(len(share)), share))
    zero_snr = noise.class_name == "DDPMScheduler" and share[-1] == 0
    skips_the_end = zero_snr and first < len(share) - 1 and recipe.sampling.sigma_schedule == "auto"
    if not skips_the_end and (left <= HIGH_TERMINAL or share[-1] > HIGH_TERMINAL):
        return
    spacing = recipe.sampling.timestep_spacing
    cause = f"{spacing} spacing" if spacing != "auto" else f"{recipe.sampling.num_inference_steps} steps"
    key = "sampling.timestep_spacing"
    mend = "set timestep_spacing to trailing"
    if "trailing" not in SAMPLERS[recipe.sampling.scheduler].over[noise.class_name].spacings or spacing == "trailing":
        key, mend = "sampling.num_inference_steps", "take more steps"
    why = "the schedule has zero terminal SNR so that sampling can start at its end" if zero_snr else "training has not"
    yield Remark(
        "warn",
        f"sampling puts pure noise in at t = {first:.0f}, where {left:.1%} of the picture should be left: "
        f"{cause} starts there, and {why}; {mend}",
        key,
    )


def _untrained(recipe: Recipe, where: Visits) -> Iterator[Remark]:
    noise, loss = recipe.noise_scheduler, recipe.loss
    if noise.class_name == "EDMEulerScheduler":
        away = np.abs(np.log(where.sigma) - noise.P_mean) / noise.P_std
        if (most := float(away.max())) > _FAR:
            sigma = float(where.sigma[away.argmax()])
            bound = "sigma_max" if math.log(sigma) > noise.P_mean else "sigma_min"
            yield Remark(
                "warn",
                f"sampling visits σ = {sigma:.3g}, {most:.1f} P_std from P_mean, where training hardly ever is; "
                f"raise P_std, or bring {bound} nearer to e^P_mean = {math.exp(noise.P_mean):.2g}",
                "noise_scheduler.P_std",
            )
        return
    total = noise.num_train_timesteps
    cumulative = np.concatenate([[0.0], np.cumsum(density(noise, loss))])
    reach = max(1.0, _NEARBY * total)
    middles = where.index + 0.5
    near = np.interp(middles + reach, np.arange(total + 1), cumulative)
    near -= np.interp(middles - reach, np.arange(total + 1), cumulative)
    missed = where.index[near < _UNTRAINED]
    if len(missed):
        calls = f"{len(missed)} of {len(where.index)} model calls, from t = {missed.min():.0f} to {missed.max():.0f}"
        yield Remark(
            "warn",
            f"sampling goes where training never is: {calls}; {loss.timestep_sampling} draws of timesteps leave them "
            "out; raise loss.logit_std, or set loss.timestep_sampling to uniform",
            "loss.timestep_sampling",
        )


def _elsewhere(recipe: Recipe, where: Visits) -> Iterator[Remark]:
    """Sigmas spaced evenly, or nearly, over a range of thousands jump over the few in which pictures form."""
    name, sampling = recipe.noise_scheduler.class_name, recipe.sampling
    if name != "DDPMScheduler" or sampling.sigma_schedule == "auto":
        return
    low, high = _FORMING
    forming = int(((where.sigma > low) & (where.sigma < high)).sum())
    if forming < _CALLS_TO_FORM <= len(where.sigma):
        yield Remark(
            "warn",
            f"{forming} of {len(where.sigma)} model calls are where pictures form, at σ/α from {low:g} to {high:g}: "
            f"{sampling.sigma_schedule} sigmas from {where.sigma[0]:,.0f} down jump over it, and pictures lose their "
            "variety; set sigma_schedule to auto",
            "sampling.sigma_schedule",
        )


def _breaking(recipe: Recipe, where: Visits) -> Iterator[Remark]:
    """σ_up² - σ_next² of an ancestral step is lost in float32 where σ falls steeply, and its root is no number."""
    if recipe.sampling.scheduler != "KDPM2AncestralDiscreteScheduler" or len(where.sigma) < 3:
        return
    sigma = where.sigma[::2]
    if (sigma[1:] / sigma[:-1]).min() < _ROUNDED_AWAY:
        yield Remark(
            "error",
            f"DPM2 ancestral breaks where σ falls from {sigma[0]:,.0f} to {sigma[1]:.2g} in one step: what is left of "
            "it is rounded away; take another sampler, or beta_schedule linear",
            "sampling.scheduler",
        )


def _guidance(recipe: Recipe) -> Iterator[Remark]:
    if not recipe.model.num_class_embeds:
        return
    dropout, scale = recipe.loss.class_dropout, recipe.sampling.guidance_scale
    if dropout and scale == 1:
        yield Remark(
            "warn",
            f"class_dropout spends {dropout:.0%} of training on pictures without a class, and guidance_scale 1 never "
            "asks for one; raise guidance_scale, 2 to 4 is usual, or set class_dropout to 0",
            "sampling.guidance_scale",
        )
    elif not dropout and scale != 1:
        yield Remark(
            "error",
            f"guidance_scale {scale:g} asks the model for a picture of no class, which it never learns with "
            "class_dropout 0; set loss.class_dropout to 0.1, or guidance_scale to 1",
            "loss.class_dropout",
        )
