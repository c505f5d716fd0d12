"""A batch in parts, on a device whose memory holds only so many pictures."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tui_lab.diffusion.in_parts import AT_ONCE, InParts
from tui_lab.errors import DeviceError


class Small:
    """A model whose device holds `most` pictures; its answer is a function of all that it is told."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.asked: list[int] = []

    def __call__(self, x: Tensor, t: Tensor, labels: Tensor | None) -> Tensor:
        self.asked.append(len(x))
        if len(x) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return x * t.reshape(-1, 1) + (0 if labels is None else labels.reshape(-1, 1))


@pytest.mark.parametrize("labels", [None, torch.arange(10)])
def test_where_the_memory_is_full_half_as_many_go_together_and_the_answer_is_the_same(labels: Tensor | None) -> None:
    x, t = torch.randn(10, 4), torch.rand(10)
    model = Small(most=3)
    parts = InParts(model)
    assert torch.equal(parts(x, t, labels), Small(most=10)(x, t, labels))
    assert parts.at_once == 2
    model.asked.clear()
    parts(x, t, labels)
    assert model.asked == [2] * 5, "what was learnt of the memory is remembered"


def test_not_even_one_picture_fits() -> None:
    with pytest.raises(DeviceError, match="too little memory left for one picture: take the device cpu"):
        InParts(Small(most=0))(torch.zeros(5, 4), torch.zeros(5), None)


def test_a_large_batch_is_asked_about_in_parts_from_the_beginning() -> None:
    model = Small(most=AT_ONCE)
    InParts(model)(torch.zeros(2 * AT_ONCE + 1, 1), torch.zeros(2 * AT_ONCE + 1), None)
    assert model.asked == [AT_ONCE, AT_ONCE, 1]
