"""A summary tells what the model is, and costs nothing."""

from __future__ import annotations

import pytest
import torch

from tui_lab import models
from tui_lab.catalog.models import MODEL_PRESETS
from tui_lab.recipe import Recipe, replaced

QUICKSTART = replaced(Recipe(), {"model.norm_num_groups": 8, "model.attention_head_dim": 32})


def test_it_counts_what_a_real_build_has() -> None:
    unet = models.build(QUICKSTART)
    assert models.summary(QUICKSTART).parameters == sum(p.numel() for p in unet.parameters())


def test_the_blocks_cover_the_model_and_end_at_the_image() -> None:
    summary = models.summary(QUICKSTART)
    assert sum(block.parameters for block in summary.blocks if block.depth == 0) == summary.parameters
    assert summary.blocks[-1].shape == (3, 16, 16)


def test_shapes_follow_the_real_forward_pass() -> None:
    unet = models.build(QUICKSTART).eval()
    seen = {}
    for name in ("down_blocks.0", "mid_block", "up_blocks.1"):
        unet.get_submodule(name).register_forward_hook(
            lambda _m, _i, out, name=name: seen.__setitem__(name, (out[0] if isinstance(out, tuple) else out).shape[1:])
        )
    with torch.no_grad():
        unet(torch.zeros(1, 3, 16, 16), 0)
    shapes = {block.name: block.shape for block in models.summary(QUICKSTART).blocks}
    assert {name: shapes[name] for name in seen} == seen


def test_a_model_too_large_for_this_machine_is_still_summarised() -> None:
    widths = tuple(2048 * 2**i for i in range(5))
    huge = replaced(
        QUICKSTART,
        {
            "model.block_out_channels": widths,
            "model.down_block_types": ("DownBlock2D",) * 5,
            "model.up_block_types": ("UpBlock2D",) * 5,
            "model.layers_per_block": 2,
        },
    )
    assert models.summary(huge).parameters > 30e9


def test_resolution_halves_from_block_to_block() -> None:
    blocks = models.summary(QUICKSTART).blocks
    shapes = [block.shape for block in blocks if block.depth == 0 and block.name.startswith("down_blocks")]
    assert shapes == [(32, 8, 8), (64, 4, 4), (64, 4, 4)]


@pytest.mark.parametrize("name", ["u1-basic", "dit-nano", "micro"])
def test_a_part_s_parts_follow_it_and_make_it_up(name: str) -> None:
    preset = MODEL_PRESETS[name]
    recipe = replaced(Recipe(), {"dataset.channels": preset.channels, "dataset.resolution": 16, **preset.knobs})
    summary = models.summary(recipe)
    whole = [block for block in summary.blocks if block.depth == 0]
    assert sum(block.parameters for block in whole) == summary.parameters
    for outer in whole:
        within = [block for block in summary.blocks if block.depth == 1 and block.name.startswith(f"{outer.name}.")]
        assert sum(block.parameters for block in within) in (0, outer.parameters)
        places = [summary.blocks.index(block) for block in within]
        assert places == list(range(summary.blocks.index(outer) + 1, summary.blocks.index(outer) + 1 + len(within)))
