"""What cannot be trained or sampled is refused in one line that names the knob and the way out."""

from typing import Any

import pytest

from tui_lab.recipe import Recipe, edited, problems

REFUSED: list[tuple[dict[str, Any], str, str]] = [
    # what is set, the knob to look at first, what the line says
    ({"dataset.background": "white"}, "dataset.background", "write #rrggbb"),
    ({"dataset.streaming": True}, "dataset.streaming", "owner/name"),
    ({"dataset.streaming": True, "dataset.name": "a/b", "dataset.balance": True}, "dataset.balance", "whole set"),
    ({"dataset.width": 2}, "dataset.width", "at least 4"),
    ({"dataset.name": ""}, "dataset.name", "name a set"),
    ({"dataset.resolution": 18}, "dataset.resolution", "take 16 or 20"),
    ({"dataset.width": 30}, "dataset.width", "take 28 or 32"),
    ({"model.block_out_channels": ()}, "model.block_out_channels", "at least one width"),
    ({"model.norm_num_groups": 12}, "model.norm_num_groups", "does not divide the 32"),
    ({"model.attention_head_dim": 24}, "model.attention_head_dim", "does not divide the 64"),
    ({"model.class": "DiTTransformer2DModel", "dataset.width": 24}, "model.class", "square only"),
    ({"model.class": "DiTTransformer2DModel", "model.patch_size": 3}, "dataset.resolution", "patches of 3"),
    (
        {"model.class": "DiTTransformer2DModel", "model.attention_head_dim": 0},
        "model.attention_head_dim",
        "give a transformer's heads a width",
    ),
    (
        {"model.class": "DiTTransformer2DModel", "model.attention_head_dim": 5, "model.num_attention_heads": 3},
        "model.attention_head_dim",
        "makes 15 channels",
    ),
    ({"model.time_embedding_type": "fourier"}, "model.time_embedding_type", "take positional"),
    ({"model.class": "BasicUNet"}, "model.timestep_conditioning", "turn it off"),
    ({"loss.class_dropout": 0.1}, "loss.class_dropout", "number of classes and one more"),
    ({"noise_scheduler.beta_start": 0.5}, "noise_scheduler.beta_start", "above beta_end"),
    ({"noise_scheduler.trained_betas": (0.1, 0.2)}, "noise_scheduler.trained_betas", "lists 2 β"),
    (
        {"noise_scheduler.trained_betas": (0.1, 1.0, 0.2), "noise_scheduler.num_train_timesteps": 3},
        "noise_scheduler.trained_betas",
        "1 only at the last t",
    ),
    (
        {"noise_scheduler.trained_betas": (0.1, 0.0, 0.2), "noise_scheduler.num_train_timesteps": 3},
        "noise_scheduler.trained_betas",
        "β 0 at t = 1",
    ),
    ({"noise_scheduler.rescale_betas_zero_snr": True}, "noise_scheduler.prediction_type", "take v_prediction"),
    (
        {"noise_scheduler.class": "EDMEulerScheduler", "loss.timestep_sampling": "cosine"},
        "loss.timestep_sampling",
        "P_mean and P_std",
    ),
    ({"training.device": "gpu"}, "training.device", "cuda:N"),
    ({"training.max_train_steps": 0, "lr_scheduler.name": "cosine"}, "lr_scheduler.name", "take constant"),
    ({"optimizer.betas": (0.9,)}, "optimizer.betas", "two numbers"),
    (
        {"sampling.scheduler": "DDPMScheduler", "sampling.sigma_schedule": "karras"},
        "sampling.sigma_schedule",
        "set sampling.sigma_schedule to auto",
    ),
    ({"sampling.num_inference_steps": 1000, "noise_scheduler.num_train_timesteps": 500}, "sampling.", "more than"),
]


@pytest.mark.parametrize(("changes", "key", "says"), REFUSED, ids=lambda value: str(value)[:48])
def test_an_impossible_recipe_says_which_knob_and_what_to_do(changes: dict[str, Any], key: str, says: str) -> None:
    first = problems(edited(Recipe(), changes))[0]
    assert first.key.startswith(key)
    assert says in first.message
    assert "\n" not in first.message


def test_the_default_recipe_and_each_process_with_a_sampler_of_its_own_are_sound() -> None:
    assert not problems(Recipe())
    flow = {"noise_scheduler.class": "FlowMatchEulerDiscreteScheduler"}
    assert not problems(edited(Recipe(), {**flow, "sampling.scheduler": "FlowMatchEulerDiscreteScheduler"}))
    edm = {"noise_scheduler.class": "EDMEulerScheduler"}
    assert not problems(edited(Recipe(), {**edm, "sampling.scheduler": "EDMDPMSolverMultistepScheduler"}))


def test_custom_betas_may_end_in_pure_noise() -> None:
    betas = {"noise_scheduler.trained_betas": (0.1, 0.5, 1.0), "noise_scheduler.num_train_timesteps": 3}
    few = {"sampling.num_inference_steps": 2, "noise_scheduler.prediction_type": "v_prediction"}
    (unsaid,) = problems(edited(Recipe(), {**betas, **few}))
    assert unsaid.key == "noise_scheduler.rescale_betas_zero_snr" and "β = 1" in unsaid.message
    assert not problems(edited(Recipe(), {**betas, **few, "noise_scheduler.rescale_betas_zero_snr": True}))
