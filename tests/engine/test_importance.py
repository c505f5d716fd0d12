import torch

from tui_lab.diffusion.process import draw_levels, noise_process
from tui_lab.engine.importance import BINS, LEAST, Importance
from tui_lab.recipe import Recipe, replaced

CPU = torch.device("cpu")
NOISE = Recipe().noise_scheduler
BY_IMPORTANCE = replaced(Recipe(), {"loss.timestep_sampling": "importance"}).loss


def everywhere(samples: int) -> torch.Tensor:
    """So many places in the middle of each bin."""
    return ((torch.arange(BINS) + 0.5) / BINS).repeat(samples)


def taught(losses: torch.Tensor, rounds: int = 12) -> Importance:
    """`losses` (BINS,) seen in every bin."""
    importance = Importance(CPU)
    for _ in range(rounds):
        importance.update(everywhere(1), losses)
    return importance


def test_all_bins_are_alike_until_each_is_known() -> None:
    importance = taught(torch.linspace(0.1, 1.0, BINS), rounds=9)
    assert torch.equal(importance.weights, torch.ones(BINS))
    importance.update(everywhere(1)[:-1], torch.ones(BINS - 1))
    assert torch.equal(importance.weights, torch.ones(BINS))
    importance.update(everywhere(1)[-1:], torch.ones(1))
    assert not torch.equal(importance.weights, torch.ones(BINS))


def test_a_bin_counts_as_the_root_of_its_mean_squared_loss() -> None:
    losses = torch.linspace(0.5, 2.0, BINS)
    torch.testing.assert_close(taught(losses).weights, losses)
    both = Importance(CPU)
    both.update(everywhere(12), torch.cat([torch.full((6 * BINS,), 1.0), torch.full((6 * BINS,), 7.0)]))
    torch.testing.assert_close(both.weights, torch.full((BINS,), 5.0))  # √((1² + 7²) / 2)


def test_what_is_long_past_is_forgotten() -> None:
    importance = taught(torch.ones(BINS))
    for _ in range(200):
        importance.update(everywhere(1), torch.full((BINS,), 3.0))
    torch.testing.assert_close(importance.weights, torch.full((BINS,), 3.0), atol=1e-2, rtol=0)


def test_no_bin_is_given_up() -> None:
    losses = torch.full((BINS,), 1.0)
    losses[7] = 0.0
    weights = taught(losses).weights
    assert weights[7] > 0
    torch.testing.assert_close(weights[7], LEAST * (BINS - 1) / BINS * torch.ones(()))


def test_losses_that_are_not_finite_leave_no_trace() -> None:
    clean, dirty = taught(torch.ones(BINS)), taught(torch.ones(BINS))
    dirty.update(torch.tensor([0.5, 0.1]), torch.tensor([float("nan"), float("inf")]))
    for name, value in clean.state_dict().items():
        assert torch.equal(dirty.state_dict()[name], value)


def test_bins_are_drawn_in_proportion_and_corrected_to_the_plain_mean() -> None:
    """With a loss that is a function of t, its corrected mean is that over all t, at far less variance."""
    process = noise_process(NOISE)

    def loss_at(t: torch.Tensor) -> torch.Tensor:
        return torch.exp(-t / 100.0)

    importance = Importance(CPU)
    t = torch.arange(process.T)
    for _ in range(12):
        importance.update(process.place(process.levels(t)), loss_at(t))
    generator = torch.Generator().manual_seed(0)
    levels, correction = draw_levels(process, BY_IMPORTANCE, 20_000, generator, CPU, importance.weights)
    drawn = torch.histc(levels.t.float(), bins=BINS, min=0, max=process.T) / 20_000
    expected = importance.weights / importance.weights.sum()
    torch.testing.assert_close(drawn, expected, atol=0.01, rtol=0)
    corrected = loss_at(levels.t) * correction
    torch.testing.assert_close(corrected.mean(), loss_at(t).mean(), atol=0.002, rtol=0)
    assert corrected.std() < 0.5 * loss_at(t).std()


def test_its_state_is_all_there_is() -> None:
    first = taught(torch.linspace(0.1, 1.0, BINS))
    second = Importance(CPU)
    second.load_state_dict({name: value.clone() for name, value in first.state_dict().items()})
    for one in (first, second):
        one.update(torch.tensor([0.3]), torch.tensor([2.0]))
    assert torch.equal(first.weights, second.weights)
