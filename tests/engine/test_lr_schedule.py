import pytest
import torch
from diffusers.optimization import get_scheduler
from hypothesis import given
from hypothesis import strategies as st

from tui_lab.engine.lr_schedule import multiplier


@pytest.mark.parametrize("warmup", [0, 1, 7])
@pytest.mark.parametrize("name", ["constant", "linear", "cosine", "polynomial"])
def test_it_is_diffusers_schedule(name: str, warmup: int) -> None:
    base, total = 0.5, 40
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=base)
    theirs = get_scheduler(
        "constant_with_warmup" if name == "constant" and warmup else name,
        optimizer,
        num_warmup_steps=warmup,
        num_training_steps=total,
    )
    for update in range(total + 1):
        # polynomial of diffusers ends at 1e-7, not at 0.
        expected = optimizer.param_groups[0]["lr"]
        assert base * multiplier(name, update, warmup, total) == pytest.approx(expected, abs=2e-7)
        optimizer.step()
        theirs.step()


names = st.sampled_from(["constant", "linear", "cosine"])


@given(names, st.integers(0, 10**7), st.integers(0, 500), st.integers(1, 10**6))
def test_it_stays_between_nothing_and_the_base_rate(name: str, update: int, warmup: int, total: int) -> None:
    assert 0.0 <= multiplier(name, update, warmup, total) <= 1.0


def test_a_run_without_an_end_stays_at_the_base_rate() -> None:
    assert multiplier("constant", 10**8, 0, 0) == 1.0
