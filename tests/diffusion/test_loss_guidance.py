"""Guidance by a loss, against a Gaussian for which what it should sample is known in closed form."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.diffusion.gaussian import COVARIANCE, GaussianModel, recipe_of
from tui_lab.catalog.samplers import DDPM, EDM, FLOW
from tui_lab.diffusion.guidance import Predict
from tui_lab.diffusion.loss_guidance import (
    LossGuidance,
    brightness_loss,
    colour_loss,
    gradient_of,
    likeness_loss,
    loss_of,
    symmetry_loss,
)
from tui_lab.diffusion.noise_schedulers import build_sampler
from tui_lab.diffusion.sampling import DenoisingStep, denoise, image_generators, initial_noise
from tui_lab.errors import RecipeError
from tui_lab.recipe import Recipe
from tui_lab.recipe.denoising import Pull

# diffusers 0.42 hands torch tensors to numpy 2 in its old way.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

TEAL = (26, 230, 128)
WEIGHTS = torch.tensor([0.5, -1.0, 0.5, 1.0], dtype=torch.float64)


def linear_loss(x0: Tensor) -> Tensor:
    return x0.flatten(1).double() @ WEIGHTS


def recipe_for(name: str, process: str, objective: str, **knobs: Any) -> Recipe:
    of_ddpm = {"noise_scheduler.prediction_type": objective} if process == DDPM else {}
    return recipe_of({"noise_scheduler.class": process, "sampling.scheduler": name, **of_ddpm, **knobs})


NARROW = 0.1 * COVARIANCE
"""So narrow that all of it is decided far below the noise at which the pull falls off."""


def pulled(recipe: Recipe, guidance: LossGuidance, steps: int, count: int = 256) -> list[DenoisingStep]:
    x_T = initial_noise((count, 4, 1, 1), seed=0)
    model, generators = GaussianModel(recipe.noise_scheduler, NARROW), image_generators(1, count)
    return list(denoise(model, build_sampler(recipe), steps, x_T, generators, steering=[guidance]))


def through(recipe: Recipe, loss: Any, scale: float) -> LossGuidance:
    model = GaussianModel(recipe.noise_scheduler, NARROW)
    return LossGuidance(gradient_of(loss), scale, lambda places: model)


class TestWhatIsSampled:
    @pytest.mark.parametrize(
        ("name", "process", "objective", "steps"),
        [
            ("DPMSolverMultistepScheduler", DDPM, "epsilon", 40),
            ("DPMSolverMultistepScheduler", DDPM, "v_prediction", 40),
            ("DPMSolverMultistepScheduler", DDPM, "sample", 40),
            ("DDIMScheduler", DDPM, "v_prediction", 100),
            ("DDPMScheduler", DDPM, "epsilon", 100),
            ("EulerDiscreteScheduler", DDPM, "epsilon", 100),
            ("FlowMatchHeunDiscreteScheduler", FLOW, "flow", 40),
            ("EDMDPMSolverMultistepScheduler", EDM, "edm", 40),
        ],
    )
    def test_a_linear_loss_moves_the_gaussian_and_leaves_its_spread(
        self, name: str, process: str, objective: str, steps: int
    ) -> None:
        """p(x) exp(-s wᵀx) of N(μ, Σ) is N(μ - s Σ w, Σ)."""
        recipe = recipe_for(name, process, objective)
        plain, moved = (
            pulled(recipe, through(recipe, linear_loss, scale), steps)[-1].x_t.double().flatten(1) for scale in (0, 30)
        )
        assert moved.mean(0) - plain.mean(0) == pytest.approx(-30 * (NARROW @ WEIGHTS), abs=0.01)
        assert (torch.cov(moved.T) - torch.cov(plain.T)).norm() / NARROW.norm() < 0.05

    def test_no_scale_changes_nothing_but_rounding(self) -> None:
        recipe = recipe_for("DPMSolverMultistepScheduler", DDPM, "v_prediction")
        (last,) = pulled(recipe, through(recipe, linear_loss, 0.0), 20, 8)[-1:]
        x_T = initial_noise((8, 4, 1, 1), seed=0)
        *_, plain = denoise(GaussianModel(recipe.noise_scheduler, NARROW), build_sampler(recipe), 20, x_T)
        assert torch.allclose(last.x_t, plain.x_t, atol=1e-5)

    def test_a_picture_does_not_depend_on_its_neighbours(self) -> None:
        recipe = recipe_for("DPMSolverMultistepScheduler", DDPM, "v_prediction")
        image = torch.full((4, 1, 1), 0.5)
        few, many = (
            pulled(recipe, through(recipe, lambda x0: likeness_loss(x0, image), 20.0), 15, count)[-1].x_t
            for count in (2, 5)
        )
        assert torch.allclose(few, many[:2], atol=1e-5)

    @pytest.mark.parametrize("process", [DDPM, FLOW])
    def test_pure_noise_is_not_pulled_out_of_all_bounds(self, process: str) -> None:
        """Where α is all but 0, a network's x_0 depends on x_t by chance alone: here by half of it."""
        cosine = {"noise_scheduler.beta_schedule": "squaredcos_cap_v2"}
        recipe = recipe_for("DPMSolverMultistepScheduler", process, "v_prediction", **cosine)
        guidance = LossGuidance(gradient_of(linear_loss), 100.0, lambda places: lambda x, t: 0.5 * x)
        x_T = initial_noise((8, 4, 1, 1), seed=0)
        first = next(denoise(lambda x, t: 0.5 * x, build_sampler(recipe), 10, x_T, steering=[guidance]))
        plain = next(denoise(lambda x, t: 0.5 * x, build_sampler(recipe), 10, x_T))
        assert (first.x_t - plain.x_t).abs().max() < 1.0


class TestTheGradient:
    RECIPE = recipe_for("DPMSolverMultistepScheduler", DDPM, "v_prediction")

    def test_its_way_is_shown_up_to_one(self) -> None:
        steps = pulled(self.RECIPE, through(self.RECIPE, linear_loss, 5.0), 10, 4)
        for step in steps:
            assert step.pull is not None
            assert step.pull.shape == step.x_t.shape
            assert step.pull.abs().amax(dim=(1, 2, 3)).tolist() == pytest.approx([1.0] * 4)
        assert (steps[-1].pull.flatten(1) @ WEIGHTS.float() < 0).all()  # downhill

    def test_where_nothing_pulls_it_is_grey(self) -> None:
        *_, step = pulled(self.RECIPE, through(self.RECIPE, symmetry_loss, 40.0), 10, 4)  # one pixel is symmetric
        assert (step.panes(["pull"]) == 128).all()

    def test_one_that_is_no_number_is_told_with_its_scale(self) -> None:
        guidance = through(self.RECIPE, lambda x0: x0.flatten(1).sum(1) * torch.nan, 40.0)
        with pytest.raises(RecipeError, match=r"^pull: the gradient of the loss is no number at t = \d+; lower pull"):
            pulled(self.RECIPE, guidance, 10, 2)

    def test_where_the_memory_is_full_it_is_taken_in_parts(self) -> None:
        model = GaussianModel(self.RECIPE.noise_scheduler, NARROW)
        sizes = []

        def predict_for(places: Tensor) -> Predict:
            def predict(x: Tensor, t: Tensor) -> Tensor:
                sizes.append(places.tolist())
                if len(x) > 2:
                    raise torch.OutOfMemoryError("full")
                return model(x, t)

            return predict

        image = torch.full((4, 1, 1), 0.5)
        gradient = gradient_of(lambda x0: likeness_loss(x0, image))
        whole = LossGuidance(gradient, 20.0, lambda places: model)
        parts = LossGuidance(gradient, 20.0, predict_for)
        last, wanted = (pulled(self.RECIPE, guidance, 3, 5)[-1].x_t for guidance in (parts, whole))
        assert torch.allclose(last, wanted, atol=1e-6)
        assert sizes == [[0, 1, 2, 3, 4], *[[0, 1], [2, 3], [4]] * 3]


class TestTheLosses:
    def test_colour_is_the_course_s(self) -> None:
        """color_loss of the course's unit 2, of one image: torch.abs(images - target).mean()."""
        x0 = initial_noise((3, 3, 8, 8), 0).clamp(-1, 1)
        target = (torch.tensor([26, 230, 128]) / 255 * 2 - 1)[None, :, None, None]
        assert colour_loss(x0, TEAL).tolist() == pytest.approx([float((x - target).abs().mean()) for x in x0])

    def test_grey_pictures_take_a_colour_s_grey(self) -> None:
        grey = (0.299 * 26 + 0.587 * 230 + 0.114 * 128) / 127.5 - 1
        assert float(colour_loss(torch.full((1, 1, 4, 4), grey), TEAL)) == pytest.approx(0, abs=1e-6)

    def test_other_pictures_have_no_colour(self) -> None:
        with pytest.raises(RecipeError, match="these have 4"):
            colour_loss(torch.zeros(1, 4, 2, 2), TEAL)

    @pytest.mark.parametrize(("channels", "white"), [(1, (1.0,)), (3, (1.0, 1.0, 1.0))])
    def test_brightness_is_of_the_whole_picture(self, channels: int, white: tuple[float, ...]) -> None:
        x0 = torch.tensor(white).reshape(1, channels, 1, 1).expand(1, channels, 4, 4).clone()
        assert float(brightness_loss(x0, 1.0)) == pytest.approx(0, abs=1e-6)
        assert float(brightness_loss(x0, 0.25)) == pytest.approx(1.5)
        x0[..., :2] *= -1  # half of it is black
        assert float(brightness_loss(x0, 0.5)) == pytest.approx(0, abs=1e-6)

    def test_green_is_brighter_than_blue(self) -> None:
        blue, green = (-torch.ones(1, 3, 2, 2) for _ in range(2))
        blue[:, 2], green[:, 1] = 1.0, 1.0
        assert brightness_loss(green, 1.0) < brightness_loss(blue, 1.0)

    def test_symmetry_is_left_for_right(self) -> None:
        x0 = initial_noise((2, 3, 4, 6), 0)
        assert symmetry_loss(x0 + x0.flip(-1)).tolist() == pytest.approx([0, 0], abs=1e-6)
        assert symmetry_loss(torch.tensor([[[[1.0, 0.0, 0.0, -1.0]]]])).tolist() == [0.5]

    def test_likeness_is_the_mean_square(self) -> None:
        image = initial_noise((1, 3, 4, 4), 1)[0]
        assert likeness_loss(torch.stack([image, image + 0.5]), image).tolist() == pytest.approx([0, 0.25], abs=1e-6)

    @pytest.mark.parametrize("kind", ["colour", "brightness", "symmetry", "likeness"])
    def test_a_step_down_the_gradient_lessens_each(self, kind: str) -> None:
        image = initial_noise((1, 3, 6, 6), 7)[0]
        pull = Pull.model_validate({"kind": kind, "image": {"kind": "data"} if kind == "likeness" else None})
        loss, x0 = loss_of(pull, image), initial_noise((4, 3, 6, 6), 1).clamp(-1, 1)
        assert (loss(x0 - 0.5 * gradient_of(loss)(x0)) < loss(x0)).all()
