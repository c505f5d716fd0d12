"""Images to the range that models work in, and back."""

from __future__ import annotations

import torch

from tui_lab.diffusion.forward import normalise, over, to_uint8


def test_every_byte_survives_the_way_to_the_model_and_back() -> None:
    images = torch.arange(256, dtype=torch.uint8)
    assert [float(end) for end in normalise(images).aminmax()] == [-1.0, 1.0]
    assert torch.equal(to_uint8(normalise(images)), images)


def test_what_lies_outside_the_range_is_clipped() -> None:
    assert to_uint8(torch.tensor([-7.0, 7.0])).tolist() == [0, 255]


def test_one_value_a_sample_goes_over_the_whole_sample() -> None:
    images = torch.ones(2, 3, 4, 5, dtype=torch.bfloat16)
    scaled = over(torch.tensor([2.0, 3.0]), images) * images.float()
    assert scaled[0].unique().tolist() == [2.0]
    assert scaled[1].unique().tolist() == [3.0]
