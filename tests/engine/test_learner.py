from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests.engine.tiny import tiny_recipe
from tui_lab.data import Images, load_images
from tui_lab.engine.learner import Drawn, Learner
from tui_lab.engine.startup import lone_learner
from tui_lab.errors import LabError
from tui_lab.recipe import Recipe, load_recipe, replaced

QUICKSTART = Path(__file__).parents[2] / "recipes" / "pixel-faces-16.toml"
CPU = torch.device("cpu")


def a_learner(images: Images, recipe: Recipe) -> Learner:
    return lone_learner(recipe, images, CPU)


def drawn(learner: Learner, part: int = 0) -> Drawn:
    request = learner._request(part)
    return learner._draw(part, learner._batches.draw(learner.step, part, request))


def losses(learner: Learner, count: int) -> list[float]:
    return [float(learner.update().loss) for _ in range(count)]


@pytest.mark.parametrize(
    ("changes", "golden"),
    [
        ({}, [0.842908, 0.836384, 0.632163, 0.789290]),
        (
            {
                "noise_scheduler.prediction_type": "epsilon",
                "noise_scheduler.beta_schedule": "linear",
                "noise_scheduler.beta_end": 0.2,
                "loss.type": "huber",
                "loss.weighting": "min_snr",
                "training.gradient_accumulation_steps": 2,
                "lr_scheduler.name": "cosine",
                "lr_scheduler.num_warmup_steps": 1,
            },
            [0.447884, 0.462561, 0.410229, 0.369741],
        ),
    ],
)
def test_a_refactor_gives_the_loss_that_was_there_before(
    changes: dict[str, object], golden: list[float], images: Images
) -> None:
    assert losses(a_learner(images, tiny_recipe(changes)), 4) == pytest.approx(golden, abs=1e-5)


def test_the_quickstart_begins_with_the_losses_that_it_always_had() -> None:
    recipe = replaced(load_recipe(QUICKSTART), {"training.mixed_precision": "no"})
    faces = load_images(recipe.dataset)
    assert losses(a_learner(faces, recipe), 3) == pytest.approx([0.356596, 0.397971, 0.225093], abs=1e-4)


@pytest.mark.parametrize("precision", ["no", "bf16"])
def test_the_loss_falls(precision: str, images: Images) -> None:
    changes = {"training.mixed_precision": precision, "optimizer.learning_rate": 5e-3, "model.dropout": 0.0}
    seen = losses(a_learner(images, tiny_recipe({"training.train_batch_size": 32, **changes})), 40)
    assert sum(seen[-10:]) < 0.75 * sum(seen[:10])


class NothingIsRead(TorchDispatchMode):
    """Fails where a number is read off its device, or a shape depends on one: on a GPU each of these is a wait."""

    def __torch_dispatch__(self, func: torch._ops.OpOverload, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        of_values = torch.Tag.data_dependent_output in func.tags or torch.Tag.dynamic_output_shape in func.tags
        if func is torch.ops.aten.index.Tensor:  # of its values only with a mask
            of_values = any(index is not None and index.dtype == torch.bool for index in args[1])
        assert not of_values, f"{func} waits for the device"
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("sampling", ["uniform", "importance"])
def test_an_update_is_made_without_a_look_at_any_of_its_numbers(sampling: str, images: Images) -> None:
    changes = {"loss.timestep_sampling": sampling, "loss.weighting": "min_snr", "dataset.random_rotation": 5.0}
    learner = a_learner(images, tiny_recipe({**changes, "model.num_class_embeds": 5, "loss.class_dropout": 0.1}))
    learner.update()  # what is done once, such as the first epoch's order, may wait
    with NothingIsRead():
        update = learner.update()
        with pytest.raises(AssertionError, match="waits for the device"):
            float(update.loss)


def test_two_halves_accumulated_are_the_update_of_the_mean_of_their_gradients(images: Images) -> None:
    recipe = tiny_recipe({"training.gradient_accumulation_steps": 2, "model.dropout": 0.0})
    learner = a_learner(images, recipe)
    twin = a_learner(images, recipe)
    twin._prepared.train()
    gradients = []
    for part in range(2):
        twin._optimizer.zero_grad()
        twin._backward(drawn(twin, part), 1 / 8)
        gradients.append([p.grad.clone() for p in twin.model.parameters()])
    norm = torch.stack([((a + b) / 2).norm() for a, b in zip(*gradients, strict=True)]).norm()
    assert float(learner.update().grad_norm) == pytest.approx(float(norm), rel=1e-5)
    assert (learner.step, learner.samples_seen) == (1, 16)


def test_the_schedule_counts_updates_and_takes_a_live_base_rate(images: Images) -> None:
    recipe = tiny_recipe({"lr_scheduler.name": "linear", "training.gradient_accumulation_steps": 2})
    learner = a_learner(images, recipe)
    rates = [learner.update().learning_rate for _ in range(3)]
    assert rates == pytest.approx([2e-3, 2e-3 * 5 / 6, 2e-3 * 4 / 6])
    learner.recipe = replaced(recipe, {"optimizer.learning_rate": 6e-3})
    assert learner.update().learning_rate == pytest.approx(6e-3 * 3 / 6)


def test_a_clipped_update_reports_the_norm_before_the_clip(images: Images) -> None:
    free = a_learner(images, tiny_recipe({"optimizer.max_grad_norm": 0.0}))
    clipped = a_learner(images, tiny_recipe({"optimizer.max_grad_norm": 0.01}))
    assert float(free.update().grad_norm) == float(clipped.update().grad_norm) > 0.01
    total = torch.stack([p.grad.norm() for p in clipped.model.parameters()]).norm()
    assert float(total) == pytest.approx(0.01, rel=1e-3)


def test_noise_and_timesteps_do_not_depend_on_what_else_is_drawn(images: Images) -> None:
    learner = a_learner(images, tiny_recipe())
    first = drawn(learner)
    torch.manual_seed(1)
    torch.randn(100)
    again = drawn(learner)
    assert torch.equal(first.batch.x0, again.batch.x0)
    assert torch.equal(first.noise, again.noise)
    assert torch.equal(first.levels.t, again.levels.t)


def test_a_batch_larger_than_the_dataset_is_drawn_from_several_epochs(images: Images) -> None:
    learner = a_learner(images, tiny_recipe({"training.train_batch_size": 400}))
    assert drawn(learner).batch.x0.shape == (400, 3, 8, 8)


def test_predicting_is_without_dropout_and_leaves_the_model_in_training(images: Images) -> None:
    learner = a_learner(images, tiny_recipe({"model.dropout": 0.5}))
    x, t = torch.randn(2, 3, 8, 8), torch.tensor([5, 50])
    assert torch.equal(learner.predict(learner.model, x, t), learner.predict(learner.model, x, t))
    assert learner.model.training


def test_weights_that_are_not_finite_are_noticed(images: Images) -> None:
    learner = a_learner(images, tiny_recipe())
    assert learner.finite()
    next(learner.model.parameters()).data.view(-1)[0] = torch.inf
    assert not learner.finite()


def test_a_checkpoint_of_another_model_is_refused_in_one_line(images: Images) -> None:
    small = a_learner(images, tiny_recipe())
    large = a_learner(images, tiny_recipe({"model.block_out_channels": (16, 16)}))
    with pytest.raises(LabError, match=r"does not fit the recipe: was its \[model\] changed\?"):
        large.load(small.checkpoint({}))
