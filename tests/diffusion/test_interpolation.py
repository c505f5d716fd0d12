"""Slerp's ends and norms, and answers mixed between two classes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tui_lab.diffusion.guidance import guided
from tui_lab.diffusion.interpolation import mixed, row, shares, slerp
from tui_lab.diffusion.sampling import initial_noise
from tui_lab.diffusion.variations import variations

A, B = (initial_noise((1, 3, 8, 8), seed)[0] for seed in (1, 2))


def lengths(x: Tensor) -> Tensor:
    return x.flatten(1).norm(dim=1)


class TestSlerp:
    @settings(max_examples=30, deadline=None)
    @given(st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1), st.integers(2, 9))
    def test_a_row_begins_and_ends_with_the_very_noises(self, seed: int, other: int, count: int) -> None:
        first, second = (initial_noise((1, 1, 4, 4), each)[0] for each in (seed, other))
        noises = row(first, second, count)
        assert torch.equal(noises[0], first)
        assert torch.equal(noises[-1], second)

    def test_the_norm_goes_straight_from_the_one_s_to_the_other_s(self) -> None:
        a, b = float(A.norm()), float(3 * B.norm())
        assert lengths(row(A, 3 * B, 5)).tolist() == pytest.approx([a + (b - a) * k / 4 for k in range(5)])

    def test_it_turns_by_equal_angles(self) -> None:
        units = torch.nn.functional.normalize(row(A, B, 7).flatten(1), dim=1)
        angles = (units[1:] * units[:-1]).sum(dim=1).acos()
        assert angles.tolist() == pytest.approx([float(angles[0])] * 6, rel=1e-4)
        assert float(angles.sum()) == pytest.approx(float((units[0] @ units[-1]).acos()), rel=1e-4)

    def test_a_quarter_circle_in_the_plane(self) -> None:
        x, y = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
        assert slerp(x, y, torch.tensor([1 / 3]))[0].tolist() == pytest.approx([3**0.5 / 2, 0.5])

    def test_nearly_parallel_ones_are_joined_by_a_line(self) -> None:
        near = A + 1e-6 * B
        noises = row(A, near, 3)
        assert torch.equal(noises[0], A)
        assert torch.equal(noises[2], near)
        assert torch.allclose(noises[1], A + 0.5e-6 * B)
        assert torch.allclose(row(A, A, 4), A.expand(4, *A.shape))

    def test_opposite_ones_and_none_at_all_give_numbers(self) -> None:
        assert row(A, -A, 5).isfinite().all()
        assert row(torch.zeros_like(A), B, 5).isfinite().all()

    def test_a_row_of_one_is_its_beginning(self) -> None:
        assert torch.equal(row(A, B, 1)[0], A)

    def test_what_lies_between_is_noise_still(self) -> None:
        first, second = initial_noise((256, 1, 8, 8), 0), initial_noise((256, 1, 8, 8), 1)
        middle = slerp(first, second, torch.full((256,), 0.5))
        assert middle.std().item() == pytest.approx(1.0, abs=0.02)
        assert (0.5 * first + 0.5 * second).std().item() == pytest.approx(0.5**0.5, abs=0.02)  # as a line would not be


class TestMixedAnswers:
    T = torch.tensor([5, 5, 5])
    X = initial_noise((3, 1, 4, 4), 0)

    def of_class(self, label: int) -> Tensor:
        return self.X + label

    def test_the_ends_are_the_plain_classes_and_between_them_the_answer_goes_straight(self) -> None:
        answer = mixed(lambda x, t: x + 2.0, lambda x, t: x + 6.0, shares(3))(self.X, self.T)
        assert torch.equal(answer[0], (self.X + 2.0)[0])
        assert torch.equal(answer[2], (self.X + 6.0)[2])
        assert torch.allclose(answer[1], (self.X + 4.0)[1])

    @pytest.mark.parametrize(("share", "asked"), [(0.0, "first"), (1.0, "second")])
    def test_at_an_end_the_other_is_not_asked(self, share: float, asked: str) -> None:
        calls = []

        def told(name: str) -> Tensor:
            calls.append(name)
            return self.X

        mixed(lambda x, t: told("first"), lambda x, t: told("second"), torch.full((3,), share))(self.X, self.T)
        assert calls == [asked]

    def test_what_is_mixed_is_guided_as_one(self) -> None:
        """Guidance of mixed answers is the mix of guided ones."""
        answers = {7: 1.0, 8: 5.0, 10: -2.0}

        def predict(x: Tensor, t: Tensor, labels: Tensor) -> Tensor:
            return torch.tensor([answers[int(label)] for label in labels]).reshape(-1, 1, 1, 1) * x

        first, second = (guided(predict, torch.full((3,), label), 10, 3.0) for label in (7, 8))
        answer = mixed(first, second, torch.full((3,), 0.25))(self.X, self.T)
        assert torch.allclose(answer, (-2.0 + 3.0 * (0.75 * 1.0 + 0.25 * 5.0 + 2.0)) * self.X, atol=1e-5)


class TestVariations:
    FRESH = initial_noise((64, 3, 8, 8), 3)

    def test_no_amount_is_the_original_and_all_of_it_fresh_noise(self) -> None:
        assert torch.equal(variations(A, self.FRESH, 0.0), A.expand_as(self.FRESH))
        assert torch.equal(variations(A, self.FRESH, 1.0), self.FRESH)

    @pytest.mark.parametrize("amount", [0.1, 0.5, 0.9])
    def test_they_keep_unit_variance(self, amount: float) -> None:
        moved = variations(A, self.FRESH, amount)
        assert moved.square().mean(dim=(1, 2, 3)).tolist() == pytest.approx([1.0] * 64, abs=0.35)
        norm = (1 - amount) * A.norm() + amount * lengths(self.FRESH)
        assert torch.allclose(lengths(moved), norm, rtol=1e-4)

    def test_the_further_the_amount_the_further_they_are_from_the_original(self) -> None:
        off = [float(lengths(variations(A, self.FRESH, amount) - A).mean()) for amount in (0.1, 0.2, 0.5, 1.0)]
        assert off == sorted(off)
        assert off[0] > 0
