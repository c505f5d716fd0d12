import torch
from torch import nn

from tui_lab.engine.optimizer import adamw, load_tensors, skip_if, tensors_of, tune
from tui_lab.recipe.schema import Optimizer


def a_layer() -> nn.Linear:
    torch.manual_seed(0)
    layer = nn.Linear(3, 3)
    for parameter in layer.parameters():
        parameter.grad = torch.ones_like(parameter)
    return layer


def test_an_update_is_the_one_of_the_paper() -> None:
    layer = a_layer()
    before = layer.weight.detach().clone()
    adamw(layer.parameters(), Optimizer(learning_rate=0.1, weight_decay=0.5)).step()
    # Loshchilov & Hutter 2019, algorithm 2, first step: m̂ = g, v̂ = g², so the step is lr · (sign g + λ w).
    torch.testing.assert_close(layer.weight.detach(), before - 0.1 * (1.0 + 0.5 * before))


def test_what_is_tuned_holds_for_the_next_update() -> None:
    layer = a_layer()
    optimizer = adamw(layer.parameters(), Optimizer(learning_rate=0.1))
    tune(optimizer, 0.0, 0.0)
    before = layer.weight.detach().clone()
    optimizer.step()
    assert torch.equal(layer.weight, before)


def test_a_skipped_update_changes_neither_weights_nor_state() -> None:
    layer, twin = a_layer(), a_layer()
    optimizer, other = (adamw(x.parameters(), Optimizer(learning_rate=0.1)) for x in (layer, twin))
    layer.weight.grad.fill_(torch.nan)
    skip_if(optimizer, torch.tensor(True))
    optimizer.step()
    assert torch.equal(layer.weight, twin.weight)
    layer.weight.grad.fill_(1.0)
    skip_if(optimizer, torch.tensor(False))
    for each in (optimizer, other):
        each.step()
    assert torch.equal(layer.weight, twin.weight)


def test_an_update_goes_on_from_what_was_loaded_however_the_weights_lie_in_memory() -> None:
    def a_convolution(channels_last: bool) -> tuple[nn.Conv2d, torch.optim.AdamW]:
        torch.manual_seed(0)
        layer = nn.Conv2d(3, 4, 3)
        if channels_last:
            layer = layer.to(memory_format=torch.channels_last)
        layer.weight.grad = torch.empty_like(layer.weight).copy_(torch.randn(4, 3, 3, 3))
        return layer, adamw([layer.weight], Optimizer(learning_rate=0.1))

    (plain, its), (turned, other) = a_convolution(False), a_convolution(True)
    its.step()
    with torch.no_grad():
        turned.weight.copy_(plain.weight)
    load_tensors(other, {name: tensor.clone() for name, tensor in tensors_of(its).items()})
    for optimizer in (its, other):
        optimizer.step()
    assert turned.weight.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(turned.weight, plain.weight)
