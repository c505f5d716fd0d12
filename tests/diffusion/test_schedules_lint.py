"""The linter on known-good and known-bad recipes: what it says, and that what it says is so."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from tui_lab.catalog.recipes import find_recipe, list_recipes
from tui_lab.diffusion import schedules
from tui_lab.diffusion.schedules import Remark
from tui_lab.recipe import KNOBS, NoiseScheduler, Recipe, edited, load_recipe, replaced

SOUND = {"sampling.scheduler": "DPMSolverMultistepScheduler", "sampling.num_inference_steps": 20}
COSINE_V = {"noise_scheduler.beta_schedule": "squaredcos_cap_v2", "noise_scheduler.prediction_type": "v_prediction"}
ZERO_SNR = {"noise_scheduler.rescale_betas_zero_snr": True, "noise_scheduler.prediction_type": "v_prediction"}
FLOW = {
    "noise_scheduler.class": "FlowMatchEulerDiscreteScheduler",
    "sampling.scheduler": "FlowMatchEulerDiscreteScheduler",
}
EDM = {
    "noise_scheduler.class": "EDMEulerScheduler",
    "sampling.scheduler": "EDMDPMSolverMultistepScheduler",
    "model.time_embedding_type": "fourier",
}


def recipe(changes: dict[str, Any] | None = None, **more: Any) -> Recipe:
    named = {f"noise_scheduler.{key}": value for key, value in more.items()}
    return replaced(Recipe(), {**SOUND, **(changes or {}), **named})


def lint(changes: dict[str, Any] | None = None, train_images: int | None = None, **more: Any) -> list[Remark]:
    return schedules.lint(recipe(changes, **more), train_images)


def bad(remarks: list[Remark]) -> list[Remark]:
    """Those that are not merely for information; each has a knob, one line, and a mend after its cause."""
    found = [remark for remark in remarks if remark.level != "ok"]
    for remark in found:
        assert remark.key in KNOBS and "\n" not in remark.text
        assert any(mark in remark.text for mark in (";", ": lower", ": raise", "can")), remark.text
    return found


def only(remarks: list[Remark]) -> Remark:
    (remark,) = bad(remarks)
    return remark


# Known-good

JUSTIFIED = {
    "annotated-fashion-28": {"noise_scheduler.beta_end"},  # √ᾱ = 0.22 at its end, as course.md says
    "u1-butterflies-32": {"noise_scheduler.prediction_type"},  # epsilon over cosine
}


@pytest.mark.parametrize("name", [found.name for found in list_recipes() if not found.own])
def test_shipped_recipes_hear_only_what_is_so(name: str) -> None:
    remarks = schedules.lint(load_recipe(find_recipe(name)), train_images=50_000)
    assert {remark.key for remark in bad(remarks)} - {"training.max_train_steps"} == JUSTIFIED.get(name, set())


@pytest.mark.parametrize("changes", [COSINE_V, ZERO_SNR, FLOW, EDM], ids=["cosine v", "zero SNR", "flow", "EDM"])
def test_sound_recipes_are_told_where_they_end(changes: dict[str, Any]) -> None:
    (remark,) = lint(changes)
    assert remark.level == "ok" and remark.text.startswith("ends in pure noise: ")


@pytest.mark.bench
def test_linting_is_quick() -> None:
    """The panel moves within 100 ms of a key: 20 ms for this, and 20 ms for all curves."""
    slowest = recipe({"sampling.scheduler": "KDPM2DiscreteScheduler"}, beta_start=1e-3, beta_end=4e-3)
    schedules.lint(slowest)
    assert min(_seconds(lambda: schedules.lint(slowest, 1000)) for _ in range(5)) < 0.02
    assert min(_seconds(lambda: _curves(slowest)) for _ in range(5)) < 0.02


def _curves(drawn: Recipe) -> None:
    levels = schedules.levels(drawn.noise_scheduler)
    schedules.betas(drawn.noise_scheduler)
    assert len(levels.snr) == len(levels.log_snr) == 1000
    assert len(schedules.loss_share(drawn.noise_scheduler, drawn.loss)) == 1000
    schedules.visits(drawn)


def _seconds(work: Any) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


# The noise process


def test_the_cosine_trap_is_named_with_its_mend() -> None:
    remark = only(lint(beta_schedule="squaredcos_cap_v2"))
    assert remark.level == "warn" and remark.key == "noise_scheduler.prediction_type"
    assert "√ᾱ = 4.9e-05" in remark.text and "20,291 times" in remark.text and "saturated noise" in remark.text
    assert bad(lint(beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction")) == []


def test_a_sampler_that_clips_is_not_said_to_saturate() -> None:
    clipping = {"sampling.scheduler": "DDPMScheduler", "sampling.num_inference_steps": 1000}
    remark = only(lint(clipping, beta_schedule="squaredcos_cap_v2"))
    assert "saturated" not in remark.text and "clipping" in remark.text


def test_too_little_noise_is_named_with_a_beta_end_that_mends_it() -> None:
    remark = only(lint(beta_start=1e-3, beta_end=4e-3))
    assert "√ᾱ = 0.286" in remark.text and remark.key == "noise_scheduler.beta_end"
    beta_end = float(remark.text.partition("raise beta_end to ")[2].partition(",")[0])
    mended = NoiseScheduler(beta_start=1e-3, beta_end=beta_end)
    assert schedules.sqrt_alphas_cumprod(mended)[-1] == pytest.approx(0.01, rel=0.1)
    assert bad(lint(beta_start=1e-3, beta_end=beta_end)) == []


def test_where_no_beta_end_helps_another_knob_is_named() -> None:
    tiny = {"sampling.scheduler": "DDPMScheduler", "sampling.num_inference_steps": 2}
    assert "noise_scheduler.num_train_timesteps" in {r.key for r in bad(lint(tiny, num_train_timesteps=2))}
    custom = lint(trained_betas=(0.01,) * 100, num_train_timesteps=100)
    assert "noise_scheduler.trained_betas" in {remark.key for remark in bad(custom)}
    assert "noise_scheduler.sigma_max" in {remark.key for remark in bad(lint({**EDM}, sigma_max=5.0))}


def test_laplace_begins_noisy_and_ends_with_picture_left() -> None:
    start, end = sorted(bad(lint(beta_schedule="laplace")), key=lambda remark: "begins" not in remark.text)
    sigma = schedules.levels(NoiseScheduler(beta_schedule="laplace")).sigma_ratio[0]
    assert f"σ/α = {sigma:.3f}" in start.text and "19 grey levels" in start.text
    assert "18% of the picture is left" in end.text


@pytest.mark.parametrize("schedule", [{"beta_end": 0.2}, {"num_train_timesteps": 4000}])
def test_too_steep_is_counted_and_mended(schedule: dict[str, Any]) -> None:
    remarks = bad(lint(prediction_type="v_prediction", **schedule))
    (remark,) = (found for found in remarks if "too steep" in found.text)
    said = int(remark.text.partition("too steep: ")[2].partition("%")[0])
    drowned = (schedules.sqrt_alphas_cumprod(recipe(**schedule).noise_scheduler) < 0.05).mean()
    assert said == round(100 * drowned)
    beta_end = float(remark.text.partition("lower beta_end to ")[2].partition(",")[0])
    assert bad(lint(prediction_type="v_prediction", **{**schedule, "beta_end": beta_end})) == []


def test_too_flat_is_counted() -> None:
    betas = (1e-6,) * 60 + tuple(np.linspace(0.01, 0.4, 40).tolist())
    remark = only(lint(trained_betas=betas, num_train_timesteps=100, prediction_type="v_prediction"))
    assert "too flat: 60% of the levels" in remark.text
    assert "noise_scheduler.P_mean" in {found.key for found in bad(lint({**EDM}, P_mean=-4.0))}
    assert "noise_scheduler.shift" in {found.key for found in bad(lint({**FLOW}, shift=0.05))}


def test_custom_betas_that_end_at_one_ask_for_the_rescaling_that_samplers_need() -> None:
    betas = (*np.linspace(1e-3, 0.3, 49).tolist(), 1.0)
    knobs: dict[str, Any] = {"trained_betas": betas, "num_train_timesteps": 50, "prediction_type": "v_prediction"}
    draft = edited(recipe(), {f"noise_scheduler.{key}": value for key, value in knobs.items()})
    remark = only(schedules.lint(draft))
    assert remark.level == "error" and remark.key == "noise_scheduler.rescale_betas_zero_snr"
    assert bad(lint(**knobs, rescale_betas_zero_snr=True)) == []
    rescaled = recipe(**knobs, rescale_betas_zero_snr=True).noise_scheduler
    np.testing.assert_allclose(schedules.betas(rescaled), betas, atol=1e-12)  # "changes no β"


def test_knobs_still_being_edited_are_one_error() -> None:
    """Such recipes are refused when they are read; the linter also sees drafts."""
    draft = edited(Recipe(), {"noise_scheduler.trained_betas": (0.1, 0.2)})
    (remark,) = schedules.lint(draft)
    assert (remark.level, remark.key) == ("error", "noise_scheduler.trained_betas")
    assert "2 β for 1000 timesteps" in remark.text

    draft = edited(Recipe(), ZERO_SNR | {"noise_scheduler.prediction_type": "epsilon"})
    (error,) = (found for found in schedules.lint(draft) if found.level == "error")
    assert "where √ᾱ = 0; set prediction_type to v_prediction or sample" in error.text


# The loss


def test_min_snr_with_v_says_what_the_noisy_levels_get() -> None:
    changes = {**COSINE_V, "loss.weighting": "min_snr"}
    (remark,) = (found for found in lint(changes) if found.key == "loss.weighting")
    snr = schedules.levels(recipe(changes).noise_scheduler).snr
    weight = np.minimum(snr, 5) / (snr + 1)  # Hang et al. 2023, over v's own SNR + 1
    part = weight[snr < 0.1].sum() / weight.sum()
    assert remark.level == "ok"
    assert f"t = {(snr < 0.1).argmax()}" in remark.text and f"get {part:.1%} of the loss" in remark.text


@pytest.mark.parametrize(
    ("knobs", "weighting"),
    [({"prediction_type": "sample"}, "snr"), ({"beta_schedule": "squaredcos_cap_v2"}, "edm")],
)
def test_a_loss_of_a_few_levels_is_named(knobs: dict[str, Any], weighting: str) -> None:
    changes = {"loss.weighting": weighting}
    (remark,) = (found for found in bad(lint(changes, **knobs)) if found.key == "loss.weighting")
    trained = recipe(changes, **knobs)
    share = np.sort(schedules.loss_share(trained.noise_scheduler, trained.loss))[::-1]
    count = int(remark.text.partition("comes from ")[2].partition(" of")[0])
    assert share[:count].sum() >= 0.5 > share[: count - 1].sum() and count < 50
    assert "loss.weighting" not in {found.key for found in bad(lint({"loss.weighting": "min_snr"}, **knobs))}


def test_edm_asks_for_an_embedding_that_sees_its_levels() -> None:
    remark = only(lint({**EDM, "model.time_embedding_type": "positional"}))
    assert remark.key == "model.time_embedding_type"
    # Its channels are sin and cos of t · 10000^(-i/n): a quarter of them turn by more than 0.1 rad a unit.
    frequencies = 10000 ** -(np.arange(64) / 64)
    assert (frequencies < 0.1).mean() == pytest.approx(0.75, abs=0.02)


# The sampler


def test_few_steps_are_told_what_else_to_take() -> None:
    remark = only(lint({"sampling.scheduler": "DDPMScheduler", "sampling.num_inference_steps": 20}))
    assert "200 or more" in remark.text and "DPM-Solver++" in remark.text
    assert remark.key == "sampling.num_inference_steps"


ANCESTRAL = {"sampling.scheduler": "EulerAncestralDiscreteScheduler", "noise_scheduler.prediction_type": "sample"}


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        (ANCESTRAL, "scheduler"),
        ({"sampling.scheduler": "FlowMatchEulerDiscreteScheduler"}, "scheduler"),
        ({"sampling.scheduler": "DDPMScheduler", "sampling.sigma_schedule": "karras"}, "sigma_schedule"),
        ({**FLOW, "sampling.timestep_spacing": "leading"}, "timestep_spacing"),
        ({"sampling.scheduler": "PNDMScheduler", "sampling.num_inference_steps": 2}, "num_inference_steps"),
        ({"noise_scheduler.num_train_timesteps": 10}, "num_inference_steps"),
    ],
)
def test_what_cannot_sample_is_an_error_and_comes_first(changes: dict[str, Any], key: str) -> None:
    remarks = schedules.lint(edited(recipe(), changes))
    assert (remarks[0].level, remarks[0].key) == ("error", f"sampling.{key}")
    assert [remark.level for remark in remarks].count("error") == 1


def test_leading_spacing_with_zero_terminal_snr_never_visits_the_end() -> None:
    leading = {**ZERO_SNR, "sampling.scheduler": "DDIMScheduler", "sampling.timestep_spacing": "leading"}
    remark = only(lint(leading))
    first = schedules.visits(recipe(leading)).timesteps[0]
    left = schedules.sqrt_alphas_cumprod(recipe(leading).noise_scheduler)[int(first)]
    assert f"t = {first:.0f}" in remark.text and f"{left:.1%}" in remark.text
    assert remark.key == "sampling.timestep_spacing"
    assert bad(lint({**leading, "sampling.timestep_spacing": "trailing"})) == []


def test_a_start_amid_the_schedule_is_named_without_zero_snr_too() -> None:
    """Three leading steps of DDIM begin at t = 666, where a tenth of the picture should be left."""
    changes = {"sampling.scheduler": "DDIMScheduler", "sampling.num_inference_steps": 3}
    (remark,) = (found for found in bad(lint(changes)) if found.key == "sampling.timestep_spacing")
    assert "t = 666" in remark.text
    assert f"{schedules.sqrt_alphas_cumprod(NoiseScheduler())[666]:.1%}" in remark.text
    trailing = lint({**changes, "sampling.timestep_spacing": "trailing"})
    assert "sampling.timestep_spacing" not in {remark.key for remark in bad(trailing)}


def test_levels_that_training_never_draws_are_named() -> None:
    narrow = {**FLOW, "loss.timestep_sampling": "logit_normal", "loss.logit_mean": -2.0, "loss.logit_std": 0.5}
    (remark,) = (found for found in bad(lint(narrow)) if found.key == "loss.timestep_sampling")
    drawn = schedules.density(recipe(narrow).noise_scheduler, recipe(narrow).loss)
    first, last = (int(word) for word in remark.text.partition("from t = ")[2].partition(";")[0].split(" to "))
    assert drawn[first:last].sum() < 1e-4 < drawn.sum() - drawn[first:].sum()
    assert bad(lint({**FLOW, "loss.timestep_sampling": "logit_normal"})) == []


def test_edms_sampling_beyond_its_training_is_named() -> None:
    remark = only(lint({**EDM}, P_std=0.5))
    assert remark.key == "noise_scheduler.P_std"
    assert f"{(np.log(80) + 1.2) / 0.5:.1f} P_std" in remark.text


def test_sigmas_that_jump_over_where_pictures_form() -> None:
    """The Gaussian oracle loses 99 % of its covariance by the one, and 1 % by the other."""
    remark = only(lint({**COSINE_V, "sampling.num_inference_steps": 50, "sampling.sigma_schedule": "beta"}))
    assert remark.key == "sampling.sigma_schedule" and remark.text.startswith("0 of 50 model calls")
    assert bad(lint({**COSINE_V, "sampling.num_inference_steps": 50, "sampling.sigma_schedule": "exponential"})) == []


def test_dpm2_ancestral_breaks_where_diffusers_rounds_a_step_away() -> None:
    changes = {**COSINE_V, "sampling.scheduler": "KDPM2AncestralDiscreteScheduler"}
    remark = only(schedules.lint(edited(recipe(), {**changes, "sampling.num_inference_steps": 5})))
    assert (remark.level, remark.key) == ("error", "sampling.num_inference_steps")
    assert bad(lint({**changes, "sampling.num_inference_steps": 50})) == []
    betas = tuple(schedules.betas(recipe(COSINE_V).noise_scheduler).tolist())  # of which nothing is known beforehand
    remarks = bad(lint({**changes, "sampling.num_inference_steps": 5}, trained_betas=betas))
    assert ("error", "sampling.scheduler") in {(found.level, found.key) for found in remarks}


CLASSES = {"model.num_class_embeds": 11}


@pytest.mark.parametrize(
    ("dropout", "scale", "key"),
    [(0.1, 1.0, "sampling.guidance_scale"), (0.0, 3.0, "loss.class_dropout"), (0.1, 3.0, ""), (0.0, 1.0, "")],
)
def test_guidance_and_class_dropout_need_each_other(dropout: float, scale: float, key: str) -> None:
    knobs = {**CLASSES, "loss.class_dropout": dropout, "sampling.guidance_scale": scale}
    remarks = bad(schedules.lint(edited(recipe(), knobs)))
    assert [remark.key for remark in remarks] == ([key] if key else [])


# The run


def test_warmup_longer_than_half_the_run_counts_updates() -> None:
    changes = {"lr_scheduler.num_warmup_steps": 500, "training.max_train_steps": 480}
    remark = only(lint({**changes, "training.gradient_accumulation_steps": 4, "ema.enabled": False}))
    assert "never reaches its full value" in remark.text and "mean 125 here" in remark.text
    assert remark.key == "lr_scheduler.num_warmup_steps"
    assert (
        "full for 400 steps alone" in only(lint({**changes, "training.max_train_steps": 900, "ema.decay": 0.99})).text
    )


def test_fewer_steps_than_an_epoch() -> None:
    run = {"training.max_train_steps": 10, "training.train_batch_size": 64, "ema.enabled": False}
    remark = only(lint(run, train_images=1000))
    assert "640 of 1,000" in remark.text and "to 16 or more" in remark.text
    assert bad(lint(run)) == []  # nothing is said of data that is not known yet
    assert bad(lint({**run, "training.max_train_steps": 16}, train_images=1000)) == []


def test_an_update_of_more_images_than_there_are() -> None:
    run = {"training.train_batch_size": 64, "training.gradient_accumulation_steps": 4}
    remark = only(lint(run, train_images=200))
    assert "64 × 4 images" in remark.text and remark.key == "training.gradient_accumulation_steps"
    assert only(lint({"training.train_batch_size": 256}, train_images=200)).key == "training.train_batch_size"


def test_ema_longer_than_the_run_says_how_much_of_the_start_is_left() -> None:
    run = {"training.max_train_steps": 750, "ema.decay": 0.999}
    remark = only(lint({**run, "ema.warmup": False}))
    assert f"{0.999**750:.0%} of the mean" in remark.text and remark.key == "ema.decay"
    (kept,) = (found for found in lint(run) if found.key == "ema.decay")
    assert kept.level == "ok" and "last 84" in kept.text


def test_ema_warmup_forgets_the_start_by_itself() -> None:
    """∏ min(decay, (1+n)/(10+n)) over a run of 750, which the remark takes for nothing."""
    left = np.prod((1 + np.arange(750)) / (10 + np.arange(750)))
    assert left < 1e-12
    few = {"training.max_train_steps": 2, "ema.decay": 0.9}
    assert f"{1 / 10 * 2 / 11:.0%} of the mean" in only(lint(few)).text
