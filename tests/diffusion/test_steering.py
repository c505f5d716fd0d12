"""What bends a denoising is told where it stands in the process's terms, and is taken at its word."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.diffusion.gaussian import GaussianModel, recipe_of
from tui_lab.catalog.samplers import DDPM, MIXING, SAMPLERS
from tui_lab.diffusion.noise_schedulers import build_sampler
from tui_lab.diffusion.objective import answer_for, predicted_x0
from tui_lab.diffusion.sampling import DenoisingStep, denoise, image_generators, initial_noise
from tui_lab.diffusion.steering import Moment, Steering
from tui_lab.recipe import Recipe

# diffusers 0.42 hands torch tensors to numpy 2 in its old way.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

WAYS = [(name, process) for name, info in SAMPLERS.items() for process in info.over if process != MIXING]
X_T = initial_noise((3, 4, 1, 1), 0)


def recipe_for(name: str, process: str) -> Recipe:
    changes = {"noise_scheduler.class": process, "sampling.scheduler": name}
    return recipe_of({**changes, "noise_scheduler.prediction_type": "v_prediction"})


def drawn(recipe: Recipe, *steering: Steering, steps: int = 8) -> list[DenoisingStep]:
    model, generators = GaussianModel(recipe.noise_scheduler), image_generators(0, 3)
    return list(denoise(model, build_sampler(recipe), steps, X_T, generators, steering=steering))


class Watching(Steering):
    def __init__(self) -> None:
        self.answers: list[tuple[Moment, Tensor]] = []
        self.arrivals: list[Moment] = []

    def on_answer(self, at: Moment, output: Tensor) -> Tensor:
        self.answers.append((at, output))
        return output

    def on_arrival(self, at: Moment) -> Tensor:
        self.arrivals.append(at)
        return at.x_t


class Fixed(Steering):
    """Holds that the picture is everywhere of this value."""

    def __init__(self, value: float) -> None:
        self._value = value

    def on_answer(self, at: Moment, output: Tensor) -> Tensor:
        return answer_for(at.process, torch.full_like(output, self._value), at.x_t, at.levels)


class Doubling(Steering):
    def on_arrival(self, at: Moment) -> Tensor:
        return 2.0 * at.x_t if at.index == at.count else at.x_t


@pytest.mark.parametrize(("name", "process"), WAYS)
class TestEverySampler:
    def test_one_that_only_watches_changes_no_bit(self, name: str, process: str) -> None:
        recipe, watching = recipe_for(name, process), Watching()
        for step, plain in zip(drawn(recipe, watching, Steering()), drawn(recipe), strict=True):
            assert torch.equal(step.x_t, plain.x_t) and torch.equal(step.x0, plain.x0)
        assert [at.index for at, _ in watching.answers] == list(range(len(watching.answers)))
        assert [at.index for at in watching.arrivals] == list(range(len(watching.answers) + 1))

    def test_it_is_told_the_level_and_x_t_of_the_process(self, name: str, process: str) -> None:
        watching = Watching()
        steps = drawn(recipe_for(name, process), watching)
        for (at, output), step in zip(watching.answers, steps, strict=True):
            assert (float(at.levels.alpha), float(at.levels.sigma)) == (step.alpha, step.sigma)
            foreseen = predicted_x0(at.process, output, at.x_t, at.levels)
            assert torch.equal(foreseen.clamp(-1, 1), step.x0)
        end = watching.arrivals[-1]
        assert (float(end.levels.alpha), float(end.levels.sigma)) == (1.0, 0.0)
        assert torch.equal(end.x_t, steps[-1].x_t) and torch.equal(end.noise, X_T)

    def test_what_it_says_the_picture_is_comes_out(self, name: str, process: str) -> None:
        """The scheduler hears of the picture by the answers alone. PNDM leaves the noise of timestep 0, σ = 0.01."""
        last = drawn(recipe_for(name, process), Fixed(0.25))[-1]
        assert torch.allclose(last.x0, torch.full_like(last.x0, 0.25), atol=2e-3)
        assert torch.allclose(last.x_t, last.x0, atol=0.03)

    def test_where_it_wants_to_go_on_from_is_gone_on_from(self, name: str, process: str) -> None:
        recipe = recipe_for(name, process)
        assert torch.equal(drawn(recipe, Doubling())[-1].x_t, 2.0 * drawn(recipe)[-1].x_t)


def test_each_is_told_what_the_one_before_it_gave() -> None:
    watching = Watching()
    *_, last = drawn(recipe_for("DDIMScheduler", DDPM), Fixed(0.5), watching, Doubling(), Doubling())
    at, output = watching.answers[-1]
    assert torch.allclose(predicted_x0(at.process, output, at.x_t, at.levels), torch.tensor(0.5), atol=1e-4)
    assert torch.allclose(last.x_t, torch.tensor(2.0), atol=1e-3)


def test_the_pull_of_a_step_is_the_first_that_there_is_and_grey_where_none_is() -> None:
    class Pulling(Steering):
        def on_answer(self, at: Moment, output: Tensor) -> Tensor:
            self.pull = torch.full_like(output, float(at.index))
            return output

    recipe = recipe_for("DDIMScheduler", DDPM)
    for step in drawn(recipe, Steering(), Pulling()):
        assert step.pull is not None and float(step.pull.mean()) == step.index
    step = drawn(recipe)[0]
    assert step.pull is None and set(step.panes(("pull",)).ravel().tolist()) == {128}
