"""What each row of the control form shows, turns, and why it may be barred; without a screen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.tui.test_data_screen import some_images
from tui_lab.data.masks import mask_of
from tui_lab.errors import RecipeError
from tui_lab.recipe import Recipe, replaced
from tui_lab.recipe.denoising import Between, Denoising, ImageRef, Pull, Start, Variation
from tui_lab.tui.control.form import ControlDraft, control_rows
from tui_lab.tui.control.rows import Row, Subject

PLAIN = Denoising(source="heron", checkpoint=10)
DOG = ImageRef(kind="data", index=3)
SAMPLE = Variation(seed=4, place=2)


def subject(**changes: Any) -> Subject:
    """A model of three classes and one for none, whose dataset names two of them."""
    classes = {"model.num_class_embeds": 4, "loss.class_dropout": 0.1}
    recipe = replaced(Recipe(), {**classes, **{key.replace("__", "."): value for key, value in changes.items()}})
    return Subject(recipe, some_images(20))


UNCONDITIONAL = Subject(Recipe())


def row(key: str) -> Row:
    return next(row for row in control_rows(SAMPLE) if row.key == key)


class TestClasses:
    def test_they_are_taken_by_name_or_number_and_several_take_turns(self) -> None:
        about = subject()
        assert about.classes == ("cat", "dog", "2")
        for text, labels in (("dog", (1,)), ("dog, 2", (1, 2)), ("0", (0,)), ("every class in turn", ())):
            assert row("classes").typed(PLAIN, about, text).class_labels == labels
        assert row("classes").value(PLAIN.changed(class_labels=(1, 2)), about) == "dog, 2"

    def test_one_that_is_not_there_is_one_line(self) -> None:
        with pytest.raises(RecipeError, match="no class 'bird'"):
            row("classes").typed(PLAIN, subject(), "bird")
        with pytest.raises(RecipeError, match="no class '3'"):
            row("classes").typed(PLAIN, subject(), "3")

    def test_arrows_go_through_all_and_round(self) -> None:
        about, asked, seen = subject(), PLAIN, []
        for _ in range(4):
            asked = row("classes").nudged(asked, about, 1)
            seen.append(asked.class_labels)
        assert seen == [(0,), (1,), (2,), ()]

    def test_an_unconditional_model_bars_them_and_guidance(self) -> None:
        for key in ("classes", "negative", "sampling.guidance_scale"):
            assert "unconditional" in row(key).barred(PLAIN, UNCONDITIONAL)

    def test_guidance_needs_a_class_for_none(self) -> None:
        about = Subject(replaced(Recipe(), {"model.num_class_embeds": 3}))
        assert not row("classes").barred(PLAIN, about)
        assert "class_dropout 0" in row("sampling.guidance_scale").barred(PLAIN, about)

    def test_what_only_guidance_uses_waits_for_it(self) -> None:
        about, guided = subject(), PLAIN.turned(guidance_scale=3.0)
        for key in ("negative", "sampling.guidance_schedule", "sampling.guidance_until"):
            assert "guidance is 1" in row(key).barred(PLAIN, about)
            assert not row(key).barred(guided, about)
        assert row("negative").typed(guided, about, "cat").negative_class == 0
        assert row("negative").typed(guided.changed(negative_class=0), about, "none").negative_class is None


class TestTheSampler:
    def test_by_its_short_name_or_its_class(self) -> None:
        for text in ("DDIM", "DDIMScheduler"):
            assert row("sampling.scheduler").typed(PLAIN, subject(), text).knobs == {"scheduler": "DDIMScheduler"}
        assert row("sampling.scheduler").value(PLAIN, subject()) == "DPM-Solver++"

    def test_arrows_take_only_those_that_can_sample_the_model(self) -> None:
        flow = subject(noise_scheduler__class="FlowMatchEulerDiscreteScheduler")
        asked, seen = PLAIN, []
        for _ in range(8):
            asked = row("sampling.scheduler").nudged(asked, flow, 1)
            flow.check(asked)
            seen.append(row("sampling.scheduler").value(asked, flow))
        assert {"flow Euler", "flow Heun", "UniPC", "SDE-DPM-Solver++"} < set(seen) and "DDIM" not in seen

    def test_a_spacing_that_the_sampler_does_not_know_is_barred(self) -> None:
        asked = PLAIN.turned(scheduler="PNDMScheduler")
        options = {one.name: one.barred for one in row("sampling.timestep_spacing").options(asked, subject())}
        assert options["linspace"] == "PNDM knows no timestep_spacing linspace" and not options["trailing"]

    def test_eta_is_ddim_s(self) -> None:
        assert row("sampling.eta").barred(PLAIN, subject()) == "DPM-Solver++ has none: it is DDIM's"
        assert not row("sampling.eta").barred(PLAIN.turned(scheduler="DDIMScheduler"), subject())


class TestTheStart:
    def test_an_image_that_is_picked_is_started_from(self) -> None:
        asked = row("image").with_image(PLAIN, DOG)  # type: ignore[attr-defined]
        assert (asked.start.kind, asked.start.image) == ("image", DOG)
        assert row("image").value(asked, subject()) == "#3 of the dataset"
        assert not row("start.strength").barred(asked, subject()) and not row("mask").barred(asked, subject())

    def test_without_one_there_is_only_noise(self) -> None:
        barred = [option.name for option in row("start").options(PLAIN, subject()) if option.barred]
        assert barred == ["image", "inversion"]
        assert row("start").nudged(PLAIN, subject(), 1) == PLAIN
        assert "noise" in row("start.strength").barred(PLAIN, subject())
        assert "choose an image first" in row("mask").barred(PLAIN, subject())

    def test_a_sampler_that_cannot_be_gone_back_bars_the_inversion(self) -> None:
        asked = PLAIN.changed(start=Start(kind="image", image=DOG))
        for sampler, can in (("DDIMScheduler", True), ("EulerAncestralDiscreteScheduler", False)):
            options = {one.name: one.barred for one in row("start").options(asked.turned(scheduler=sampler), subject())}
            assert (options["inversion"] == "") is can and not options["image"]
        with pytest.raises(RecipeError, match="has no inversion"):
            subject().check(row("start").typed(asked.turned(scheduler=sampler), subject(), "inversion"))

    def test_without_the_image_its_mask_goes_too(self) -> None:
        kept = np.eye(16, dtype=bool)
        asked = PLAIN.changed(start=Start(kind="image", image=DOG), keep=mask_of(kept))
        assert row("mask").value(asked, subject()) == "16 of 256 pixels stay"
        assert row("image").cleared(asked) == PLAIN
        assert row("mask").cleared(asked).keep is None

    def test_strength_keeps_to_its_bounds(self) -> None:
        asked = PLAIN.changed(start=Start(kind="image", image=DOG, strength=0.98))
        assert row("start.strength").nudged(asked, subject(), 1).start.strength == 1.0
        with pytest.raises(RecipeError, match="strength"):
            row("start.strength").typed(asked, subject(), "1.5")
        with pytest.raises(RecipeError, match="takes a number"):
            row("start.strength").typed(asked, subject(), "half")


class TestThePull:
    def test_a_colour_by_name_hex_or_arrows(self) -> None:
        asked = row("pull").typed(PLAIN, subject(), "colour")
        for text, rgb in (("teal", (0, 128, 128)), ("#ff8000", (255, 128, 0)), (" Red ", (255, 0, 0))):
            changed = row("colour").typed(asked, subject(), text)
            assert changed.pull is not None and changed.pull.colour == rgb
        turned = row("colour").nudged(changed, subject(), 1)
        assert turned.pull is not None and turned.pull.colour == (255, 64, 0)
        with pytest.raises(RecipeError, match="'mauvish' is no colour"):
            row("colour").typed(asked, subject(), "mauvish")

    def test_arrows_take_the_losses_that_need_no_more(self) -> None:
        asked, seen = PLAIN, []
        for _ in range(4):
            asked = row("pull").nudged(asked, subject(), 1)
            seen.append(asked.pull.kind if asked.pull is not None else "none")
        assert seen == ["colour", "brightness", "symmetry", "none"]

    def test_each_kind_has_its_own_rows(self) -> None:
        bright = PLAIN.changed(pull=Pull(kind="brightness"))
        assert row("colour").barred(bright, subject()) == "the loss is brightness"
        assert not row("pull.level").barred(bright, subject()) and not row("pull.scale").barred(bright, subject())
        assert row("pull.scale").barred(PLAIN, subject()) == "no loss pulls"

    def test_what_was_set_of_one_loss_is_there_when_it_comes_back(self) -> None:
        asked = PLAIN.changed(pull=Pull(kind="colour", colour=(1, 2, 3), scale=7.0))
        there = row("pull").typed(row("pull").typed(asked, subject(), "symmetry"), subject(), "colour")
        assert there == asked

    def test_scale_is_a_finite_number(self) -> None:
        asked = PLAIN.changed(pull=Pull(kind="symmetry"))
        with pytest.raises(RecipeError, match="scale"):
            row("pull.scale").typed(asked, subject(), "nan")


class TestSeveralPictures:
    def test_from_seed_to_seed_and_class_to_class(self) -> None:
        seeds = row("between").typed(PLAIN.turned(seed=5), subject(), "seeds")
        assert seeds.between == Between(kind="seeds", to=6)
        assert row("to").typed(seeds, subject(), "seed 9").between == Between(kind="seeds", to=9)
        classes = row("between").typed(PLAIN, subject(), "classes")
        assert classes.between == Between(kind="classes", to=2)
        assert row("to").typed(classes, subject(), "dog").between == Between(kind="classes", to=1)
        assert row("to").nudged(classes, subject(), 1).between == Between(kind="classes", to=0)
        assert row("to").barred(PLAIN, subject())

    def test_an_unconditional_model_has_no_classes_to_go_between(self) -> None:
        barred = {option.name: option.barred for option in row("between").options(PLAIN, UNCONDITIONAL)}
        assert "unconditional" in barred["classes"] and not barred["seeds"]
        assert row("between").nudged(PLAIN.turned(seed=0), UNCONDITIONAL, -1).between == Between(kind="seeds", to=1)

    def test_variations_are_of_the_sample_that_was_chosen(self) -> None:
        asked = row("variation").typed(PLAIN, subject(), "sample 3 of seed 4")
        assert asked.variation == SAMPLE
        assert row("variation").value(asked, subject()) == "sample 3 of seed 4"
        assert row("variation.amount").nudged(asked, subject(), 1).variation == SAMPLE.model_copy(
            update={"amount": 0.25}
        )
        assert row("variation.amount").barred(PLAIN, subject()) == "no sample is varied"


class TestTheDraft:
    def draft(self, asked: Denoising = PLAIN, about: Subject | None = None) -> ControlDraft:
        return ControlDraft(asked, about or subject(), control_rows())

    def test_what_the_recipe_s_checks_refuse_never_becomes_it(self) -> None:
        draft = self.draft(about=UNCONDITIONAL)
        with pytest.raises(RecipeError, match="not 1001"):
            draft.take(PLAIN.turned(num_inference_steps=1001))
        narrow = PLAIN.turned(guidance_from=0.9, guidance_until=0.1)
        with pytest.raises(RecipeError, match="guidance would never act"):
            draft.take(narrow)
        assert draft.asked == PLAIN and not draft.can_undo

    def test_undo_and_plain(self) -> None:
        draft = self.draft(PLAIN.turned(seed=9))
        begun = draft.asked
        draft.take(draft.asked.turned(guidance_scale=3.0))
        draft.take(draft.asked.changed(class_labels=(1,), pull=Pull(kind="symmetry")))
        assert not draft.take(draft.asked)
        assert [row.key for row in draft.rows if draft.steers(row)] == ["classes", "sampling.guidance_scale", "pull"]
        draft.take(draft.plain)
        assert draft.asked == begun, "a plain drawing keeps its seed"
        for _ in range(3):
            draft.undo()
        assert draft.asked == begun and not draft.can_undo
