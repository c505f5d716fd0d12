"""Every noise process, objective, loss and way to draw timesteps learns, and goes on from a checkpoint bit for bit."""

import shutil
from collections.abc import Callable
from typing import Any

import pytest

from tests.engine.test_learner import a_learner, losses
from tests.engine.tiny import Tiny, same, tiny_recipe
from tui_lab.data import Images
from tui_lab.engine import feeds, importance
from tui_lab.recipe import Recipe

Make = Callable[..., Tiny]

FLOW = {
    "noise_scheduler.class": "FlowMatchEulerDiscreteScheduler",
    "sampling.scheduler": "FlowMatchEulerDiscreteScheduler",
}
EDM = {"noise_scheduler.class": "EDMEulerScheduler", "sampling.scheduler": "EDMEulerScheduler"}
TOY = {
    "noise_scheduler.class": "UniformMixing",
    "sampling.scheduler": "UniformMixingSampler",
    "model.timestep_conditioning": False,
}
EPSILON = {"noise_scheduler.prediction_type": "epsilon", "noise_scheduler.beta_schedule": "linear"}
CLASSES = {"model.num_class_embeds": 5, "loss.class_dropout": 0.25}
"""4 looks, and one class for none."""
IMPORTANCE = {"loss.timestep_sampling": "importance"}

LEARNT: dict[str, dict[str, Any]] = {
    "epsilon": EPSILON,
    "sample": {"noise_scheduler.prediction_type": "sample"},
    "v_prediction": {},
    "flow": FLOW,
    "edm": EDM,
    "toy": TOY,
    "l1": {"loss.type": "l1"},
    "huber": {"loss.type": "huber"},
    "classes": CLASSES,
    "importance": IMPORTANCE,
    "edm by importance": {**EDM, **IMPORTANCE},
    "logit_normal flow": {**FLOW, "loss.timestep_sampling": "logit_normal", "noise_scheduler.shift": 3.0},
    "cosine flow": {**FLOW, "loss.timestep_sampling": "cosine"},
    "soft_min_snr": {"loss.weighting": "soft_min_snr"},
    "p2": {**EPSILON, "loss.weighting": "p2"},
    "snr": {**EPSILON, "loss.weighting": "snr"},
    "edm weighting": {**EDM, "loss.weighting": "edm"},
    "sigmoid": {**FLOW, "loss.weighting": "sigmoid"},
    "turned": {"dataset.random_rotation": 15.0},
}
DIT = {
    "model.class": "DiTTransformer2DModel",
    "model.num_layers": 2,
    "model.num_attention_heads": 2,
    "model.attention_head_dim": 16,
}
BASIC = {"model.class": "BasicUNet", **TOY}


@pytest.fixture(autouse=True)
def few_bins(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that importance knows enough after two steps of eight samples."""
    monkeypatch.setattr(importance, "BINS", 4)
    monkeypatch.setattr(importance, "SAMPLES_FIRST", 2)


@pytest.mark.parametrize("changes", LEARNT.values(), ids=LEARNT.keys())
def test_the_loss_falls(changes: dict[str, Any], images: Images) -> None:
    seen = losses(a_learner(images, learning(changes)), 20)
    assert sum(seen[-5:]) < 0.9 * sum(seen[:5])


@pytest.mark.parametrize("changes", [DIT, {**DIT, **FLOW, **CLASSES}, BASIC], ids=["dit", "dit by class", "basic"])
def test_other_models_learn_too(changes: dict[str, Any], images: Images) -> None:
    seen = losses(a_learner(images, learning(changes)), 20)
    assert sum(seen[-5:]) < 0.8 * sum(seen[:5])


def learning(changes: dict[str, Any]) -> Recipe:
    fast = {"training.train_batch_size": 32, "optimizer.learning_rate": 5e-3, "model.dropout": 0.0}
    return tiny_recipe({**fast, **changes})


RESUMED = {
    "edm by importance": {**EDM, **IMPORTANCE},
    "classes in accumulated parts": {**CLASSES, "training.gradient_accumulation_steps": 2},
    "flow": FLOW,
    "turned": {"dataset.random_rotation": 15.0},
}


@pytest.mark.parametrize("changes", RESUMED.values(), ids=RESUMED.keys())
def test_stopped_and_resumed_is_bit_for_bit_the_run_that_never_stopped(changes: dict[str, Any], tiny: Make) -> None:
    straight = tiny(changes).train()
    halved = tiny(changes).train({4: [("stop", {})]}).train()
    assert same(straight.tensors(), halved.tensors())


def test_a_run_read_from_a_map_is_bit_for_bit_the_one_from_memory(tiny: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped and resumed, with a batch size that changes on the way and makes what was read ahead useless."""
    script = {2: [("set", {"changes": {"training.train_batch_size": 5}})]}
    resident = tiny(CLASSES).train(script)
    monkeypatch.setattr(feeds, "RESIDENT_ON_CPU", 0)
    mapped = tiny(CLASSES).train({**script, 4: [("stop", {})]}).train()
    assert same(resident.tensors(), mapped.tensors())


def test_importance_has_moved_the_draws_by_the_end(tiny: Make) -> None:
    plain, drawn = tiny().train(), tiny(IMPORTANCE).train()
    seen = drawn.tensors()["importance/samples"]
    assert seen.sum() == 6 * 8
    assert (seen >= importance.SAMPLES_FIRST).all()
    assert plain.losses() != drawn.losses()


def test_a_fork_may_begin_to_draw_by_importance(tiny: Make) -> None:
    plain, fork = tiny().train({3: [("stop", {})]}), tiny(IMPORTANCE)
    shutil.copytree(plain.folder.checkpoint(3), fork.folder.checkpoint(3))
    assert fork.train().tensors()["importance/samples"].sum() == 3 * 8


def test_samples_are_drawn_with_what_was_learnt(tiny: Make) -> None:
    for changes in (FLOW, EDM, TOY, {**CLASSES, "sampling.guidance_scale": 3.0}):
        run = tiny(changes).train()
        assert run.records("preview")[-1].data["reason"] == "final", changes
        assert not run.records("warning"), changes
