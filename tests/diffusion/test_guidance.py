"""Classifier-free guidance over a model that answers its class: what comes out is arithmetic."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tui_lab.diffusion.guidance import guided

NULL = 10
LABELS = torch.tensor([3, 7])
X, T = torch.zeros(2, 1, 4, 4), torch.tensor([5, 5])


class Recorder:
    """Answers its label plus x plus t, everywhere, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []

    def __call__(self, x: Tensor, t: Tensor, labels: Tensor) -> Tensor:
        self.asked.append(labels.tolist())
        assert len(x) == len(t) == len(labels)
        return x + (labels + t).reshape(-1, 1, 1, 1)


def test_one_is_the_conditional_model_itself() -> None:
    model = Recorder()
    assert torch.equal(guided(model, LABELS, NULL, 1.0)(X, T), Recorder()(X, T, LABELS))
    assert model.asked == [[3, 7]]


def test_zero_is_the_unconditional_model_itself() -> None:
    model = Recorder()
    assert torch.equal(guided(model, LABELS, NULL, 0.0)(X, T), Recorder()(X, T, torch.tensor([NULL, NULL])))
    assert model.asked == [[NULL, NULL]]


@pytest.mark.parametrize("scale", [0.5, 2.0, 7.5])
def test_any_other_goes_that_far_from_the_unconditional_answer_in_one_call(scale: float) -> None:
    model = Recorder()
    answer = guided(model, LABELS, NULL, scale)(X, T)
    assert model.asked == [[3, 7, NULL, NULL]]
    assert answer[:, 0, 0, 0].tolist() == pytest.approx([NULL + 5 + scale * (3 - NULL), NULL + 5 + scale * (7 - NULL)])


def test_half_precision_answers_are_mixed_in_float32() -> None:
    def half(x: Tensor, t: Tensor, labels: Tensor) -> Tensor:
        return (1.0 + labels.reshape(-1, 1, 1, 1) * 2.0**-9 + x).to(torch.bfloat16)

    assert guided(half, LABELS, NULL, 3.0)(X, T).dtype == torch.float32
