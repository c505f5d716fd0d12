"""A knob that belongs to another choice says nothing, and is left out of the list."""

from tui_lab.recipe import KNOBS, Recipe, edited, irrelevant


def test_the_knobs_of_the_other_processes_say_nothing() -> None:
    idle = irrelevant(Recipe())
    assert {"noise_scheduler.shift", "noise_scheduler.rho", "model.patch_size", "loss.p2_k"} <= idle
    assert "noise_scheduler.beta_end" not in idle
    flow = irrelevant(edited(Recipe(), {"noise_scheduler.class": "FlowMatchEulerDiscreteScheduler"}))
    assert "noise_scheduler.shift" not in flow
    assert {"noise_scheduler.beta_end", "noise_scheduler.prediction_type"} <= flow


def test_the_cosine_schedule_has_no_use_for_a_range_of_betas() -> None:
    cosine = edited(Recipe(), {"noise_scheduler.beta_schedule": "squaredcos_cap_v2"})
    assert {"noise_scheduler.beta_start", "noise_scheduler.beta_end"} <= irrelevant(cosine)


def test_the_data_s_deviation_counts_wherever_the_loss_is_weighed_by_it() -> None:
    assert "noise_scheduler.sigma_data" in irrelevant(Recipe())
    assert "noise_scheduler.sigma_data" not in irrelevant(edited(Recipe(), {"loss.weighting": "edm"}))


def test_what_a_model_inherits_is_shown_where_something_is_inherited() -> None:
    assert "model.freq_shift" in irrelevant(Recipe())
    assert "model.freq_shift" not in irrelevant(edited(Recipe(), {"model.base_checkpoint": "google/ddpm-cifar10-32"}))
    ddpm = edited(Recipe(), {"model.freq_shift": 1})
    assert "model.freq_shift" not in irrelevant(ddpm) and "model.norm_eps" in irrelevant(ddpm)


def test_when_guidance_acts_says_nothing_where_there_is_none() -> None:
    when = {"sampling.guidance_schedule", "sampling.guidance_from", "sampling.guidance_until"}
    by_class = edited(Recipe(), {"model.num_class_embeds": 10})
    assert {*when, "sampling.guidance_scale"} <= irrelevant(Recipe())
    assert when <= irrelevant(by_class) and "sampling.guidance_scale" not in irrelevant(by_class)
    assert not when & irrelevant(edited(by_class, {"sampling.guidance_scale": 3.0}))


def test_only_knobs_are_named() -> None:
    variants = [
        {},
        {"dataset.name": "owner/name"},
        {"dataset.path": "somewhere", "dataset.channels": 4},
        {"model.class": "DiTTransformer2DModel", "noise_scheduler.class": "EDMEulerScheduler"},
        {"model.class": "BasicUNet", "noise_scheduler.class": "UniformMixing"},
        {"model.num_class_embeds": 10, "loss.weighting": "p2", "loss.timestep_sampling": "logit_normal"},
    ]
    for changes in variants:
        assert irrelevant(edited(Recipe(), changes)) <= set(KNOBS)
