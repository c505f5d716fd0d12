from collections.abc import Iterator

import pytest
import torch

from tests.engine.tiny import tiny_recipe
from tui_lab.engine.attention import choose_attention, largest_attention

NO_ATTENTION = {
    "model.down_block_types": ("DownBlock2D", "DownBlock2D"),
    "model.up_block_types": ("UpBlock2D", "UpBlock2D"),
}


@pytest.fixture(autouse=True)
def flash_as_before() -> Iterator[None]:
    before = torch.backends.cuda.flash_sdp_enabled()
    yield
    torch.backends.cuda.enable_flash_sdp(before)


def test_attention_is_over_the_pixels_of_the_first_block_that_attends() -> None:
    assert largest_attention(tiny_recipe()) == 4 * 4
    assert largest_attention(tiny_recipe({"dataset.resolution": 64})) == 32 * 32
    assert largest_attention(tiny_recipe({"dataset.resolution": 64, "dataset.width": 32})) == 32 * 16


def test_without_a_block_that_attends_it_is_over_the_smallest_resolution_or_there_is_none() -> None:
    assert largest_attention(tiny_recipe(NO_ATTENTION)) == 4 * 4
    assert largest_attention(tiny_recipe({**NO_ATTENTION, "model.add_attention": False})) == 0


def test_a_transformer_attends_over_its_patches() -> None:
    transformer = {"model.class": "DiTTransformer2DModel", "dataset.resolution": 32, "model.patch_size": 4}
    assert largest_attention(tiny_recipe(transformer)) == 8 * 8


@pytest.mark.parametrize(("resolution", "device", "flash"), [(16, "cpu", False), (32, "cpu", True), (16, "cuda", True)])
def test_a_few_tokens_on_a_cpu_go_without_the_flash_kernel(resolution: int, device: str, flash: bool) -> None:
    choose_attention(tiny_recipe({"dataset.resolution": resolution}), torch.device(device))
    assert torch.backends.cuda.flash_sdp_enabled() is flash
    if device == "cpu":
        x = torch.randn(1, 1, 16, 8)
        chosen = torch._fused_sdp_choice(x, x, x)
        assert chosen == (1 if flash else 0)  # torch.nn.attention.SDPBackend: MATH is 0, FLASH_ATTENTION 1
