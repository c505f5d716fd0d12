import pytest
import torch
from torch import Tensor

from tests.engine.tiny import tiny_recipe
from tui_lab.diffusion.process import noise_process
from tui_lab.engine.batches import Batch
from tui_lab.engine.evaluation import Evaluation, timesteps

RECIPE = tiny_recipe({"evaluation.num_timesteps": 4})
PROCESS = noise_process(RECIPE.noise_scheduler)
LEVELS = PROCESS.levels(torch.arange(PROCESS.T))


def evaluation(images: Tensor, seed: int = 0) -> Evaluation:
    return Evaluation(RECIPE, Batch(images, None), PROCESS, torch.Generator().manual_seed(seed))


def test_timesteps_are_the_middles_of_equal_bins() -> None:
    assert timesteps(1000, 8) == [62, 187, 312, 437, 562, 687, 812, 937]
    assert timesteps(3, 8) == [0, 1, 2]


def test_knowing_the_only_image_there_is_leaves_no_loss() -> None:
    """Where all images are one, v follows from x_t in closed form: v = (√ᾱ x_t - x_0) / √(1 - ᾱ)."""
    image = torch.linspace(-1, 1, 3 * 64).reshape(1, 3, 8, 8)

    def oracle(x_t: Tensor, t: Tensor, labels: Tensor | None) -> Tensor:
        alpha, sigma = (values[t].reshape(-1, 1, 1, 1) for values in (LEVELS.alpha, LEVELS.sigma))
        return (alpha * x_t - image) / sigma

    loss = evaluation(image.expand(40, -1, -1, -1)).loss(oracle)
    assert loss.mean == pytest.approx(0.0, abs=1e-8)


def test_saying_nothing_costs_the_mean_square_of_v_at_each_timestep() -> None:
    loss = evaluation(torch.ones(100, 3, 8, 8)).loss(lambda x_t, t, labels: torch.zeros_like(x_t))
    for t, value in loss.by_timestep:
        # E[v²] = ᾱ E[ε²] + (1 - ᾱ) x_0², and x_0 is 1.
        assert value == pytest.approx(1.0, rel=0.05), t


def test_it_is_the_same_each_time_and_leaves_the_global_generator_alone() -> None:
    images = torch.rand(5, 3, 8, 8)
    state = torch.get_rng_state()
    first = evaluation(images).loss(lambda x_t, t, labels: x_t)
    again = evaluation(images).loss(lambda x_t, t, labels: x_t)
    assert first == again
    assert torch.equal(torch.get_rng_state(), state)
    assert evaluation(images, seed=1).loss(lambda x_t, t, labels: x_t) != first


def test_the_mean_is_weighted_as_training_weighs_it() -> None:
    recipe = tiny_recipe({"evaluation.num_timesteps": 4, "loss.weighting": "min_snr"})
    images = torch.ones(20, 3, 8, 8)
    held_out = Evaluation(recipe, Batch(images, None), PROCESS, torch.Generator().manual_seed(0))
    loss = held_out.loss(lambda x_t, t, labels: torch.zeros_like(x_t))
    expected = 0.0
    for t, value in loss.by_timestep:
        snr = float(LEVELS.snr[t])
        expected += min(snr, recipe.loss.snr_gamma) / (snr + 1) * value / 4
    assert loss.mean == pytest.approx(expected, rel=1e-5)
