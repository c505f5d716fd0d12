import torch

from tests.engine.tiny import tiny_recipe
from tui_lab.data import Images
from tui_lab.engine.speed import speed_of
from tui_lab.engine.startup import lone_learner

CPU = torch.device("cpu")


def test_a_small_run_on_a_cpu_says_what_was_chosen_for_it(images: Images) -> None:
    learner = lone_learner(tiny_recipe(), images, CPU)
    assert speed_of(learner, CPU, "no") == ["float32", "attention by matrix products"]
    assert speed_of(learner, CPU, "bf16")[0] == "bf16"


def test_two_half_batches_are_told(images: Images) -> None:
    torch.set_num_threads(2)
    recipe = tiny_recipe({"model.dropout": 0.0, "training.train_batch_size": 64})
    assert "2 half batches at a time" in speed_of(lone_learner(recipe, images, CPU), CPU, "bf16")
