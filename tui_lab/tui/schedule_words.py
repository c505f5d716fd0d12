"""A noise process and what is predicted of it, in the few words that titles and the header have room for."""

from __future__ import annotations

from tui_lab.recipe import Recipe, format_number
from tui_lab.recipe.schema import NoiseScheduler, Objective

OBJECTIVES: dict[Objective, str] = {"epsilon": "ε", "sample": "x₀", "v_prediction": "v", "flow": "ε-x₀", "edm": "F"}
_PROCESSES = {"FlowMatchEulerDiscreteScheduler": "flow", "EDMEulerScheduler": "EDM", "UniformMixing": "mixing"}


def process_words(noise: NoiseScheduler) -> str:
    """ "cosine", "linear", "custom β", "flow", "EDM", "mixing"."""
    if noise.class_name in _PROCESSES:
        return _PROCESSES[noise.class_name]
    if noise.trained_betas:
        return "custom β"
    return {"squaredcos_cap_v2": "cosine"}.get(noise.beta_schedule, noise.beta_schedule)


def has_timesteps(noise: NoiseScheduler) -> bool:
    """Whether a level is a timestep that the model is told; flow and EDM go by σ."""
    return noise.class_name in ("DDPMScheduler", "UniformMixing")


def schedule_title(recipe: Recipe) -> str:
    """A few words that tell this schedule from another: "cosine", "linear 1e-4…0.02", "flow shift 3"."""
    noise, loss = recipe.noise_scheduler, recipe.loss
    words = [process_words(noise)]
    match noise.class_name:
        case "FlowMatchEulerDiscreteScheduler" if noise.shift != 1:
            words.append(f"shift {noise.shift:g}")
        case "EDMEulerScheduler":
            words.append(f"{noise.sigma_min:g}…{noise.sigma_max:g}")
        case "DDPMScheduler":
            if not noise.trained_betas and noise.beta_schedule in ("linear", "scaled_linear", "sigmoid"):
                words.append(f"{format_number(noise.beta_start)}…{format_number(noise.beta_end)}")
            if noise.rescale_betas_zero_snr:
                words.append("zero SNR")
    if noise.num_train_timesteps != 1000:
        words.append(f"T={noise.num_train_timesteps}")
    if loss.weighting != "none":
        words.append(loss.weighting)
    if loss.timestep_sampling != "uniform":
        words.append(loss.timestep_sampling)
    return " ".join(words)
