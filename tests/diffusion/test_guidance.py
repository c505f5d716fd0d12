"""Classifier-free guidance over a model that answers its class: what comes out is arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.diffusion.gaussian import GaussianModel, levels_of, recipe_of
from tui_lab.catalog.samplers import DDPM, EDM, FLOW, MIXING
from tui_lab.diffusion.guidance import ScaleAt, guided, scale_over_time
from tui_lab.diffusion.noise_schedulers import build_sampler
from tui_lab.diffusion.process import noise_process
from tui_lab.diffusion.sampling import denoise, initial_noise
from tui_lab.errors import RecipeError
from tui_lab.recipe import Recipe

NULL = 10
LABELS = torch.tensor([3, 7])
X, T = torch.zeros(2, 1, 4, 4), torch.tensor([5, 5])


class Recorder:
    """Answers its label plus x plus t, everywhere, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []

    def __call__(self, x: Tensor, t: Tensor, labels: Tensor) -> Tensor:
        self.asked.append(labels.tolist())
        assert len(x) == len(t) == len(labels)
        return x + (labels + t).reshape(-1, 1, 1, 1)


def test_one_is_the_conditional_model_itself() -> None:
    model = Recorder()
    assert torch.equal(guided(model, LABELS, NULL, 1.0)(X, T), Recorder()(X, T, LABELS))
    assert model.asked == [[3, 7]]


def test_zero_is_the_unconditional_model_itself() -> None:
    model = Recorder()
    assert torch.equal(guided(model, LABELS, NULL, 0.0)(X, T), Recorder()(X, T, torch.tensor([NULL, NULL])))
    assert model.asked == [[NULL, NULL]]


@pytest.mark.parametrize("scale", [0.5, 2.0, 7.5])
def test_any_other_goes_that_far_from_the_unconditional_answer_in_one_call(scale: float) -> None:
    model = Recorder()
    answer = guided(model, LABELS, NULL, scale)(X, T)
    assert model.asked == [[3, 7, NULL, NULL]]
    assert answer[:, 0, 0, 0].tolist() == pytest.approx([NULL + 5 + scale * (3 - NULL), NULL + 5 + scale * (7 - NULL)])


def test_a_scale_that_depends_on_t_asks_once_with_only_what_it_needs() -> None:
    model = Recorder()
    predict = guided(model, LABELS, NULL, lambda t: {5.0: 2.0, 4.0: 1.0, 3.0: 0.0}[t])
    for t in (5, 4, 3):
        predict(X, torch.tensor([t, t]))
    assert model.asked == [[3, 7, NULL, NULL], [3, 7], [NULL, NULL]]


def test_half_precision_answers_are_mixed_in_float32() -> None:
    def half(x: Tensor, t: Tensor, labels: Tensor) -> Tensor:
        return (1.0 + labels.reshape(-1, 1, 1, 1) * 2.0**-9 + x).to(torch.bfloat16)

    assert guided(half, LABELS, NULL, 3.0)(X, T).dtype == torch.float32


def scale_of(process: str = DDPM, **sampling: Any) -> ScaleAt:
    more = {f"sampling.{name}": value for name, value in sampling.items()}
    recipe = guided_recipe({"noise_scheduler.class": process, **more})
    return scale_over_time(recipe.sampling, noise_process(recipe.noise_scheduler))


def guided_recipe(changes: dict[str, Any]) -> Recipe:
    sampler = {DDPM: "DDIMScheduler", MIXING: "UniformMixingSampler"}
    process = changes.get("noise_scheduler.class", DDPM)
    classes = {"model.num_class_embeds": 5, "loss.class_dropout": 0.1, "sampling.guidance_scale": 3.0}
    return recipe_of({**classes, "sampling.scheduler": sampler.get(process, process), **changes})


class TestTheScaleOverTime:
    @pytest.mark.parametrize("process", [DDPM, FLOW, EDM, MIXING])
    def test_time_goes_from_nearly_0_to_nearly_1_over_the_levels_of_every_process(self, process: str) -> None:
        noise = guided_recipe({"noise_scheduler.class": process}).noise_scheduler
        times = [noise_process(noise).time(float(t)) for t in levels_of(noise).t]
        assert times == sorted(times)
        assert 0 <= times[0] < 0.01 and 0.99 < times[-1] <= 1

    def test_edm_s_time_is_the_share_of_what_training_draws_that_is_less_noisy(self) -> None:
        process = noise_process(guided_recipe({"noise_scheduler.class": EDM}).noise_scheduler)
        drawn = process.draw(100_000, torch.Generator().manual_seed(0), "cpu").t
        for t in (-0.6, -0.3, 0.1):
            assert process.time(t) == pytest.approx((drawn < t).float().mean().item(), abs=0.005)

    def test_a_shifted_flow_s_time_is_that_before_the_shift(self) -> None:
        noise = guided_recipe({"noise_scheduler.class": FLOW, "noise_scheduler.shift": 3.0}).noise_scheduler
        process = noise_process(noise)
        u = torch.arange(1, process.T + 1) / process.T
        assert [process.time(float(t)) for t in levels_of(noise).t] == pytest.approx(u.tolist(), abs=1e-6)

    def test_constant_is_the_scale_everywhere(self) -> None:
        assert {scale_of()(t) for t in (0.0, 500.0, 999.0)} == {3.0}

    @pytest.mark.parametrize(("schedule", "middle"), [("linear", 2.0), ("cosine", 2.0)])
    def test_the_others_rise_from_1_at_the_noise_to_the_scale_at_the_picture(
        self, schedule: str, middle: float
    ) -> None:
        scale = scale_of(guidance_schedule=schedule)
        assert [scale(t) for t in (-0.5, 499.5, 999.5)] == pytest.approx([3.0, middle, 1.0])
        rising = [scale(t) for t in range(999, -1, -1)]
        assert (np.diff(rising) > 0).all()

    def test_cosine_stays_longer_at_both_ends(self) -> None:
        linear, cosine = (scale_of(guidance_schedule=name) for name in ("linear", "cosine"))
        assert cosine(800.0) < linear(800.0) and cosine(200.0) > linear(200.0)

    @pytest.mark.parametrize("process", [DDPM, FLOW, EDM, MIXING])
    def test_outside_of_the_interval_it_is_1(self, process: str) -> None:
        scale = scale_of(process, guidance_from=0.25, guidance_until=0.75)
        noise = guided_recipe({"noise_scheduler.class": process}).noise_scheduler
        times = {t: noise_process(noise).time(t) for t in levels_of(noise).t.tolist()}
        assert {t: scale(t) for t in times} == {t: 3.0 if 0.25 <= u <= 0.75 else 1.0 for t, u in times.items()}

    def test_an_interval_turned_round_and_no_number_are_refused(self) -> None:
        with pytest.raises(RecipeError, match=r"guidance_from 0\.8 is above guidance_until 0\.2"):
            scale_of(guidance_from=0.8, guidance_until=0.2)
        for name in ("guidance_scale", "guidance_from", "guidance_until"):
            with pytest.raises(RecipeError, match=f"{name} takes a number"):
                guided_recipe({f"sampling.{name}": float("nan")})


class TestInTheLoop:
    """A Gaussian for each class, about its own mean."""

    RECIPE = guided_recipe({"noise_scheduler.prediction_type": "sample"})

    def sampled(self, recipe: Recipe, scale: float | ScaleAt) -> tuple[Tensor, list[int]]:
        """The samples, and with how many pictures the model was asked at each call."""
        oracle, sizes = GaussianModel(recipe.noise_scheduler), []

        def predict(x: Tensor, t: Tensor, labels: Tensor) -> Tensor:
            sizes.append(len(x))
            return oracle(x, t) + 0.1 * labels.reshape(-1, 1, 1, 1)

        asked = guided(predict, LABELS, NULL, scale)
        *_, last = denoise(asked, build_sampler(recipe), 10, initial_noise((2, 4, 1, 1), 0))
        return last.x_t, sizes

    def test_at_1_it_is_the_conditional_model_bit_for_bit_whatever_the_schedule(self) -> None:
        oracle = GaussianModel(self.RECIPE.noise_scheduler)

        def of_class(x: Tensor, t: Tensor) -> Tensor:
            return oracle(x, t) + 0.1 * LABELS.reshape(-1, 1, 1, 1)

        *_, last = denoise(of_class, build_sampler(self.RECIPE), 10, initial_noise((2, 4, 1, 1), 0))
        for schedule in ("constant", "linear", "cosine"):
            of_one = scale_of(guidance_scale=1.0, guidance_schedule=schedule)
            samples, sizes = self.sampled(self.RECIPE, of_one)
            assert torch.equal(samples, last.x_t)
            assert sizes == [2] * 10

    def test_outside_of_the_interval_the_model_is_asked_about_the_class_alone(self) -> None:
        _, sizes = self.sampled(self.RECIPE, scale_of(guidance_from=0.3, guidance_until=0.6))
        assert sizes == [2, 2, 2, 2, 4, 4, 4, 2, 2, 2]  # at t = 900, 800, … 0 of 1000: 500, 400 and 300 are within
