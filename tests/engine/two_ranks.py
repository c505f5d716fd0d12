"""One of several processes that learn together: `torchrun --nproc-per-node 2 -m tests.engine.two_ranks FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from tests.engine.tiny import tiny_images, tiny_recipe
from tui_lab.engine import importance
from tui_lab.engine.learner import Learner
from tui_lab.engine.startup import lone_learner

CHANGES = {
    "loss.timestep_sampling": "importance",
    "model.num_class_embeds": 5,
    "loss.class_dropout": 0.25,
    "model.dropout": 0.0,
    "training.train_batch_size": 9,
    "training.gradient_accumulation_steps": 2,
}


def learnt() -> Learner:
    """Five updates; importance knows enough after the first."""
    torch.set_num_threads(1)
    importance.BINS, importance.SAMPLES_FIRST = 4, 1
    learner = lone_learner(tiny_recipe(CHANGES), tiny_images(), torch.device("cpu"))
    for _ in range(5):
        learner.update()
    return learner


if __name__ == "__main__":
    mine = learnt()
    tensors = mine.checkpoint({}).tensors
    rank = mine._accelerator.process_index
    save_file({**tensors["importance"], **tensors["model"]}, Path(sys.argv[1]) / f"{rank}.safetensors")
