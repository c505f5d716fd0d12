"""How fast each deterministic sampler comes to the exact solution as its steps grow: its order, measured.

Of x₀ ~ N(μ, Σ) the probability-flow ODE is solved in closed form: x = α μ + S z with S² = α² Σ + σ² I and z the same
at every level. The error is that of a sampler's state at one noise level, about σ = 0.2 α, in the midst of what it
decides: further on, levels spaced in t or in σ go down to 0 in steps that remain of one length in ln σ however many
there are, and no order shows.

| expected | of | because |
|---|---|---|
| 1 | DDIM, Euler, flow Euler, EDM Euler | one call, one step |
| 2 | DPM-Solver++ of all kinds, DEIS | solver_order 2, diffusers' default |
| 2 | Heun, flow Heun, DPM2 | two calls a step |
| 3 | UniPC | the corrector adds one to solver_order 2 (Zhao et al. 2023, theorem 3.1) |
| 4 | LMS | four steps are remembered |
| 2 | PNDM on ε | Liu et al. 2022, property 3.2; of v it extrapolates v itself, and comes down to 1 |

Left out are the stochastic samplers, which follow no ODE, and beta sigmas over a discrete process, which put all but a
few levels at the two ends: of an order there is nothing to be seen with 200.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from tests.catalog.test_samplers import X_T, Choice, choices, errors
from tests.diffusion.gaussian import COVARIANCE, MEAN, GaussianModel
from tui_lab.catalog.samplers import DDPM, SAMPLERS
from tui_lab.diffusion.noise_schedulers import build_sampler
from tui_lab.diffusion.sampling import DenoisingStep, denoise
from tui_lab.recipe import Recipe

# diffusers 0.42 hands torch tensors to numpy 2 in its old way.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

ORDERS: dict[str, tuple[float, float]] = {
    "DDIMScheduler": (0.9, 1.1),
    "EulerDiscreteScheduler": (0.85, 1.1),
    "FlowMatchEulerDiscreteScheduler": (0.85, 1.1),
    "EDMEulerScheduler": (0.85, 1.1),
    "DPMSolverMultistepScheduler": (1.9, 2.5),
    "DPMSolverSinglestepScheduler": (1.4, 2.1),
    "EDMDPMSolverMultistepScheduler": (1.9, 2.5),
    "DEISMultistepScheduler": (1.75, 2.4),
    "HeunDiscreteScheduler": (1.9, 2.15),
    "FlowMatchHeunDiscreteScheduler": (1.9, 2.15),
    "KDPM2DiscreteScheduler": (1.9, 2.15),
    "UniPCMultistepScheduler": (2.0, 3.1),
    "LMSDiscreteScheduler": (3.0, 4.1),
    "PNDMScheduler": (1.9, 3.1),
}
"""What is seen from 50 to 200 steps, at least and at most, over all spacings and sigmas."""
PNDM_OF_V = (0.9, 1.1)

IN_PAIRS = (
    "DPMSolverSinglestepScheduler",
    "FlowMatchHeunDiscreteScheduler",
    "HeunDiscreteScheduler",
    "KDPM2DiscreteScheduler",
)
"""These have their order after every other call."""

SPREADS, AXES = torch.linalg.eigh(COVARIANCE)


def exact(x: Tensor, before: DenoisingStep, after: DenoisingStep) -> Tensor:
    """Where the ODE leads x (B, 4), float64, from the one step's level to the other's."""
    spread_before, spread_after = ((step.alpha**2 * SPREADS + step.sigma**2).sqrt() for step in (before, after))
    flow = AXES @ torch.diag(spread_after / spread_before) @ AXES.T
    return after.alpha * MEAN + (x - before.alpha * MEAN) @ flow.T


def error(recipe: Recipe, steps: int, level: float = 0.2) -> float:
    """Of the state at the last level of which σ/α is still `level`, relative to its spread."""
    model, seen = GaussianModel(recipe.noise_scheduler), []

    def predict(x: Tensor, t: Tensor) -> Tensor:
        seen.append(x.double().flatten(1))
        return model(x, t)

    told = list(denoise(predict, build_sampler(recipe), steps, X_T[:16]))
    every = 2 if recipe.sampling.scheduler in IN_PAIRS else 1
    last = max(step.index for step in told[::every] if step.sigma >= level * step.alpha)
    at_first, at_last = told[0], told[last]
    x_first, x_last = (seen[step.index] * _scale(recipe, step) for step in (at_first, at_last))
    right = exact(x_first, at_first, at_last)
    return float((x_last - right).norm() / (right - at_last.alpha * MEAN).norm())


def _scale(recipe: Recipe, step: DenoisingStep) -> float:
    """From what the model is shown back to x_t."""
    noise = recipe.noise_scheduler
    return (step.sigma**2 + noise.sigma_data**2) ** 0.5 if noise.objective == "edm" else 1.0


def first_objective(choice: Choice) -> str:
    return SAMPLERS[choice.sampler].over[choice.process].objectives[0]


def order(choice: Choice) -> float:
    """By which power of the steps' number the error falls, from 50 to 200."""
    return math.log(error(choice.recipe(), 50) / error(choice.recipe(), 200), 4)


SHOWING, OTHERS = [], []
for each in choices():
    shows = not SAMPLERS[each.sampler].stochastic and (each.process, each.sigmas) != (DDPM, "beta")
    (SHOWING if shows else OTHERS).append(each)
PLAIN = [choice for choice in SHOWING if choice == Choice(choice.sampler, choice.process, first_objective(choice))]


@pytest.mark.parametrize(
    "choice",
    [choice if choice in PLAIN else pytest.param(choice, marks=pytest.mark.slow) for choice in SHOWING],
    ids=[choice.id for choice in SHOWING],
)
def test_the_error_falls_by_the_sampler_s_order(choice: Choice) -> None:
    of_v = choice.sampler == "PNDMScheduler" and choice.objective == "v_prediction"
    least, most = PNDM_OF_V if of_v else ORDERS[choice.sampler]
    assert least < order(choice) < most


@pytest.mark.slow
@pytest.mark.parametrize("choice", OTHERS, ids=lambda choice: choice.id)
def test_and_the_others_come_nearer_with_more_steps(choice: Choice) -> None:
    few, many = (errors(choice.recipe(), steps)[1] for steps in (20, 400))
    assert many < 0.5 * few
    assert many < 0.2
