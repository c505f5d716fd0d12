import pytest
import torch
from torch import Tensor

from tests.engine.tiny import tiny_recipe
from tui_lab.diffusion.objective import target
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


@pytest.mark.parametrize(
    "section", ["DDPMScheduler", "FlowMatchEulerDiscreteScheduler", "EDMEulerScheduler", "UniformMixing"]
)
def test_knowing_the_only_image_there_is_leaves_no_loss(section: str) -> None:
    """Where all images are one, the noise follows from x_t, and what is wanted from both, in every process."""
    sampler = {"UniformMixing": "UniformMixingSampler", "DDPMScheduler": "DDIMScheduler"}.get(section, section)
    recipe = tiny_recipe({"noise_scheduler.class": section, "sampling.scheduler": sampler})
    process = noise_process(recipe.noise_scheduler)
    table = process.levels(torch.arange(process.T))
    image = torch.linspace(-1, 1, 3 * 64).reshape(1, 3, 8, 8)

    def oracle(x: Tensor, t: Tensor, labels: Tensor | None) -> Tensor:
        levels = process.levels((table.t[None] == t[:, None]).int().argmax(dim=1))
        scale = process.model_input(torch.ones_like(x), levels)
        alpha, sigma = (values.reshape(-1, 1, 1, 1) for values in (levels.alpha, levels.sigma))
        eps = (x / scale - alpha * image) / sigma
        return target(process, image.expand_as(x), eps, levels)

    held_out = Batch(image.expand(40, -1, -1, -1), None)
    loss = Evaluation(recipe, held_out, process, torch.Generator().manual_seed(0)).loss(oracle)
    assert loss.mean == pytest.approx(0.0, abs=1e-6)


def test_a_conditional_model_is_told_the_label_of_each_picture() -> None:
    images = torch.arange(5.0).reshape(5, 1, 1, 1).expand(5, 3, 8, 8) / 5
    told: list[tuple[float, int]] = []

    def note(x: Tensor, t: Tensor, labels: Tensor | None) -> Tensor:
        assert labels is not None
        told.extend(zip(x.mean(dim=(1, 2, 3)).tolist(), labels.tolist(), strict=True))
        return x

    quiet = tiny_recipe({"evaluation.num_timesteps": 4})
    batch = Batch(images, torch.tensor([4, 3, 2, 1, 0]))
    Evaluation(quiet, batch, PROCESS, torch.Generator().manual_seed(0)).loss(note)
    assert [label for _, label in told] == [4, 3, 2, 1, 0] * 4
    clean = [mean for mean, _ in told[:5]]  # the least noise first
    assert clean == sorted(clean)


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
