"""Denoisings in words: each alone, and what tells several apart."""

from __future__ import annotations

from tui_lab.recipe import Recipe, edited
from tui_lab.recipe.denoising import Between, Denoising, ImageRef, Pull, Start, Variation
from tui_lab.tui.denoising_words import differing, in_words, noise_of

BASE = Denoising(source="runs/heron", checkpoint=200)
CLASSES = edited(Recipe(), {"model.num_class_embeds": 11, "loss.class_dropout": 0.1})


def test_what_goes_without_saying_is_not_said() -> None:
    assert in_words(BASE, Recipe()) == "heron @ 200 · DPM-Solver++ · 20 steps · seed 0 · 16 images"
    told = in_words(BASE.turned(scheduler="DDIMScheduler", eta=0.5, timestep_spacing="trailing"), Recipe())
    assert told == "heron @ 200 · DDIM · 20 steps · eta 0.5 · trailing spacing · seed 0 · 16 images"
    assert in_words(BASE, Recipe(), without=("scheduler", "seed")) == "heron @ 200 · 20 steps · 16 images"


def test_a_knob_that_changes_nothing_tells_nothing_apart() -> None:
    common, own = differing([BASE.turned(eta=0.3), BASE.turned(eta=0.7)], [Recipe()] * 2)
    assert own == ["", ""] and "eta" not in common
    _, own = differing([BASE.turned(scheduler="DDIMScheduler"), BASE], [Recipe()] * 2)
    assert own == ["DDIM", "DPM-Solver++"]
    _, own = differing([BASE.turned(scheduler="DDIMScheduler", eta=1.0), BASE], [Recipe()] * 2)
    assert own == ["DDIM · eta 1", "DPM-Solver++"]


def test_a_knob_that_is_asked_for_as_the_source_has_it_is_no_difference() -> None:
    _, own = differing([BASE, BASE.turned(seed=0, num_inference_steps=20)], [Recipe()] * 2)
    assert own == ["", ""]


def test_weights_differ_by_run_or_by_checkpoint() -> None:
    common, own = differing([BASE, BASE.changed(checkpoint=300)], [Recipe()] * 2)
    assert common.startswith("heron · ") and own == ["@ 200", "@ 300"]
    common, own = differing([BASE, Denoising(source="wren", checkpoint=200)], [Recipe()] * 2)
    assert "heron" not in common and own == ["heron", "wren"]


def test_control_is_told_in_words() -> None:
    image = ImageRef(kind="data", index=3)
    steered = BASE.changed(
        class_labels=("hat",),
        negative_class=2,
        start=Start(kind="image", image=image, strength=0.4),
        pull=Pull(kind="colour", scale=30),
        between=Between(kind="classes", to="plain"),
        variation=Variation(seed=1, place=0, amount=0.1),
    )
    told = in_words(steered.turned(guidance_scale=3.0), CLASSES)
    for words in ("guidance 3", "class hat", "not 2", "from an image at strength 0.4", "pulled by colour 30"):
        assert words in told
    assert "to class plain" in told and "variations of 0.1" in told


def test_the_same_noise_is_that_of_one_seed_place_and_shape() -> None:
    other_shape = edited(Recipe(), {"dataset.resolution": 32})
    assert noise_of(BASE, Recipe()) == noise_of(BASE.changed(checkpoint=1).turned(eta=1.0, seed=0), Recipe())
    assert noise_of(BASE, Recipe()) != noise_of(BASE.turned(seed=1), Recipe())
    assert noise_of(BASE, Recipe()) != noise_of(BASE, other_shape)
    varied = BASE.changed(variation=Variation(seed=1, place=0, amount=0.1))
    assert noise_of(BASE, Recipe()) != noise_of(varied, Recipe())
