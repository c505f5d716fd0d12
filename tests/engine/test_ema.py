import pytest
import torch
from diffusers.training_utils import EMAModel
from torch import nn

from tui_lab.engine.ema import EMA, copy_weights, decay_at, frozen_copy


def with_steps(model: nn.Linear, count: int) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.full_like(parameter, count + 1.0))


def test_it_is_the_weighted_mean_of_all_weights_so_far() -> None:
    model = nn.Linear(2, 1, bias=False)
    history = [model.weight.detach().clone()]
    ema = EMA(model)
    for count in range(5):
        with_steps(model, count)
        history.append(model.weight.detach().clone())
        ema.update(0.9, warmup=False)
    weights = [0.9**5, *(0.1 * 0.9 ** (4 - i) for i in range(5))]
    expected = sum(weight * past for weight, past in zip(weights, history, strict=True))
    torch.testing.assert_close(next(ema.model.parameters()), expected)


def test_with_warm_up_it_is_diffusers_ema_from_the_second_update_on() -> None:
    """At its first update diffusers takes the weights as they are; ours keeps a tenth of the initial ones."""
    model = nn.Linear(3, 2)
    ours, theirs = EMA(model), EMAModel(model.parameters(), decay=0.8)
    for count in range(40):
        with_steps(model, count)
        ours.update(0.8, warmup=True)
        theirs.step(model.parameters())
        if count == 0:
            copy_weights(model, ours.model)
        for a, b in zip(ours.model.parameters(), theirs.shadow_params, strict=True):
            torch.testing.assert_close(a, b)


@pytest.mark.parametrize(("updates", "decay"), [(0, 0.1), (8, 0.5), (90, 0.91), (10**6, 0.999)])
def test_warm_up_begins_with_a_short_memory(updates: int, decay: float) -> None:
    assert decay_at(0.999, True, updates) == pytest.approx(decay)
    assert decay_at(0.999, False, updates) == 0.999


def test_buffers_are_taken_as_they_are_and_nothing_is_shared() -> None:
    model = nn.BatchNorm1d(2)
    ema = EMA(model)
    model.running_mean.fill_(7.0)
    model.weight.data.fill_(3.0)
    assert ema.model.running_mean.tolist() == [0.0, 0.0]
    ema.update(0.5, warmup=False)
    assert ema.model.running_mean.tolist() == [7.0, 7.0]
    assert ema.model.weight.tolist() == [2.0, 2.0]
    assert not ema.model.training
    assert not ema.model.weight.requires_grad


def test_copied_weights_do_not_follow_their_source() -> None:
    source = nn.Linear(2, 2)
    copy = frozen_copy(source)
    with_steps(source, 0)
    before = source.weight.detach().clone()
    copy_weights(source, copy)
    with_steps(source, 1)
    assert torch.equal(copy.weight, before)
