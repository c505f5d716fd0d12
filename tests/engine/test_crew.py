from collections.abc import Iterator

import pytest
import torch

from tests.engine.tiny import tiny_recipe
from tui_lab.data import Images
from tui_lab.engine.crew import Crew, open_crew, shares
from tui_lab.engine.learner import Learner
from tui_lab.engine.startup import lone_learner

CPU = torch.device("cpu")
LARGE = {"model.dropout": 0.0, "training.train_batch_size": 64}


@pytest.fixture
def two_threads() -> Iterator[None]:
    """Torch lets go of what a thread of the crew has set when the test's own setting comes back."""
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


def updated(images: Images, changes: dict[str, object], updates: int = 3) -> tuple[Learner, list[float]]:
    learner = lone_learner(tiny_recipe(changes), images, CPU)
    return learner, [float(learner.update().loss) for _ in range(updates)]


def weights(learner: Learner) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in learner.model.parameters()])


@pytest.mark.usefixtures("two_threads")
def test_each_core_learns_from_half_of_the_batch_and_both_make_one_update(images: Images) -> None:
    shared, losses = updated(images, LARGE)
    assert shared.crew is not None
    torch.set_num_threads(1)
    whole, expected = updated(images, LARGE)
    assert whole.crew is None
    assert losses == pytest.approx(expected, rel=1e-5)
    torch.testing.assert_close(weights(shared), weights(whole), rtol=1e-3, atol=2e-5)


@pytest.mark.usefixtures("two_threads")
def test_it_gives_the_same_bits_each_time(images: Images) -> None:
    first, losses = updated(images, LARGE, 5)
    again, same = updated(images, LARGE, 5)
    assert losses == same
    assert torch.equal(weights(first), weights(again))


@pytest.mark.parametrize(
    "changes",
    [{"model.dropout": 0.1}, {"model.class": "DiTTransformer2DModel", "model.attention_head_dim": 8}],
    ids=["dropout", "DiT"],
)
@pytest.mark.usefixtures("two_threads")
def test_a_network_that_draws_numbers_of_its_own_is_not_shared(changes: dict[str, object]) -> None:
    assert open_crew(tiny_recipe({**LARGE, **changes}), CPU, 1) is None


@pytest.mark.usefixtures("two_threads")
def test_nor_is_one_of_several_processes() -> None:
    assert open_crew(tiny_recipe(LARGE), CPU, 2) is None


def test_a_batch_is_shared_where_it_is_large_and_the_only_one_of_its_update() -> None:
    assert shares(65, 1) == [slice(0, 32), slice(32, 65)]
    assert shares(31, 1) == [slice(0, 31)]
    assert shares(64, 2) == [slice(0, 64)]


@pytest.mark.usefixtures("two_threads")
def test_what_one_of_them_raises_comes_out_when_all_have_ended() -> None:
    ended = []

    def fails() -> None:
        raise MemoryError("no room")

    with pytest.raises(MemoryError, match="no room"):
        Crew(2)([fails, lambda: ended.append(True)])
    assert ended == [True]
