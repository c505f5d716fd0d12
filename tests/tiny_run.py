"""A run whose model draws in milliseconds: 8×8 grey pictures, six steps, weights at random."""

from __future__ import annotations

import torch
from safetensors.torch import save_file

from tui_lab import models
from tui_lab.recipe import Recipe, dump_recipe, replaced
from tui_lab.runs.folder import RunFolder

TINY = replaced(
    Recipe(),
    {
        "dataset.resolution": 8,
        "dataset.channels": 1,
        "model.block_out_channels": (8, 16),
        "model.down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
        "model.up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
        "model.norm_num_groups": 4,
        "noise_scheduler.prediction_type": "v_prediction",
        "training.mixed_precision": "no",
        "sampling.num_inference_steps": 6,
        "sampling.num_images": 3,
        "sampling.seed": 11,
    },
)


def tiny_run(name: str = "tiny", steps: tuple[int, ...] = (10, 20)) -> RunFolder:
    """With other weights at each of its checkpoints."""
    run = RunFolder.create(dump_recipe(TINY), name=name)
    for step in steps:
        torch.manual_seed(step)
        run.checkpoint(step).mkdir(parents=True)
        save_file(models.build(TINY).state_dict(), run.checkpoint(step) / "model.safetensors")
    return run
