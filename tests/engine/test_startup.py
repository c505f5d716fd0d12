"""What a run begins with: what it says of itself, what it refuses, and where its weights come from."""

import dataclasses
import itertools
import shutil
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.engine.tiny import Tiny, same, tiny_recipe
from tui_lab.data import Images
from tui_lab.engine import feeds, startup
from tui_lab.engine.feeds import Mapped, Pictures, Request
from tui_lab.engine.startup import lone_learner
from tui_lab.errors import DataError, DeviceError, LabError, RecipeError
from tui_lab.recipe import Recipe
from tui_lab.runs.creation import fork_run
from tui_lab.runs.environment import Place

Make = Callable[..., Tiny]
CPU = torch.device("cpu")


def test_started_names_the_data_the_process_and_what_is_predicted(tiny: Make, images: Images) -> None:
    started = tiny({"noise_scheduler.class": "EDMEulerScheduler", "sampling.scheduler": "EDMEulerScheduler"})
    said = started.train().records("started")[0].data
    expected = {
        "dataset": "pixel-faces",
        "content_hash": images.content_hash,
        "images": len(images.pixels),
        "train_images": 184,
        "held_out_images": 16,
        "rejected_images": 0,
        "classes": 4,
        "process": "EDMEulerScheduler",
        "objective": "edm",
    }
    assert expected.items() <= said.items()


def refused(run: Tiny, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        run.train()
    assert not run.records("starting"), "said before anything is built"


def test_what_cannot_be_trained_is_said_before_anything_is_built(
    tiny: Make, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused(tiny({"model.num_class_embeds": 3}), RecipeError, "has 4 classes: model.num_class_embeds 3 is too few")
    empty = dataclasses.replace(images, train_rows=images.train_rows[:0])
    refused(Tiny.new(empty, {}), DataError, "no image to train on")
    monkeypatch.setattr(startup, "free_memory", lambda device: 100_000)
    refused(tiny(), DeviceError, "training it takes at least")


def test_a_fresh_run_begins_with_the_weights_of_its_base(tiny: Make) -> None:
    base = tiny().train()
    fine = tiny({"model.base_checkpoint": str(base.folder.path), "optimizer.learning_rate": 0.0})
    fine.train({1: [("stop", {})]})
    wanted = {name.removeprefix("ema/"): value for name, value in base.tensors().items() if name.startswith("ema/")}
    got = {name.removeprefix("model/"): value for name, value in fine.tensors().items() if name.startswith("model/")}
    assert same(wanted, got)
    assert same(wanted, {n.removeprefix("ema/"): v for n, v in fine.tensors().items() if n.startswith("ema/")})
    assert any("loading the weights of" in record.data["message"] for record in fine.records("starting"))


def test_a_resumed_run_needs_its_base_no_more(tiny: Make) -> None:
    base = tiny().train()
    changes = {"model.base_checkpoint": str(base.folder.path)}
    straight = tiny(changes).train()
    halved = tiny(changes).train({3: [("stop", {})]})
    shutil.rmtree(base.folder.checkpoints)
    assert same(straight.tensors(), halved.train().tensors())


def test_a_base_of_another_shape_is_refused_with_what_differs(tiny: Make) -> None:
    base = tiny({"training.max_train_steps": 1}).train()
    other = tiny({"model.base_checkpoint": str(base.folder.path), "model.block_out_channels": (16, 16)})
    with pytest.raises(RecipeError):
        other.train()


@pytest.mark.parametrize(("channels", "size"), [(1, (8, 8)), (4, (8, 8)), (3, (8, 12)), (1, (12, 8))])
def test_any_shape_goes_all_the_way(channels: int, size: tuple[int, int], images: Images) -> None:
    """To the preview, the live frame and the exported pipeline."""
    height, width = size
    pixels = np.random.default_rng(0).integers(0, 256, (len(images.pixels), height, width, channels), np.uint8)
    shaped = dataclasses.replace(images, pixels=pixels)
    changes: dict[str, Any] = {"dataset.resolution": height, "dataset.width": width, "dataset.channels": channels}
    run = Tiny.new(shaped, {**changes, "dataset.random_rotation": 10.0, "training.max_train_steps": 2}).train()
    assert np.load(run.records("preview")[-1].data["path"]).shape == (3, 2, 32, height, width, channels)
    assert (run.folder.pipeline / "model_index.json").is_file()


def counted(recipe_dataset: object, seed: int) -> Iterator[tuple[NDArray[np.uint8], int]]:
    """A stream whose pictures follow from the seed."""
    random = np.random.default_rng(seed)
    return ((random.integers(0, 256, (8, 8, 3), np.uint8), number % 5 - 1) for number in itertools.count())


@pytest.fixture
def streamed(images: Images, monkeypatch: pytest.MonkeyPatch) -> Images:
    monkeypatch.setattr(feeds, "open_stream", counted)
    return dataclasses.replace(images, streaming=True)


def test_a_streamed_set_says_once_that_its_resume_is_not_exact(streamed: Images) -> None:
    run = Tiny.new(streamed, {}).train({3: [("stop", {})]})
    (said,) = run.records("warning")
    assert said.data["message"].startswith("pixel-faces is streamed: a resume of this run will not be exact")
    run.train()
    second = run.records("warning")[-1]
    assert "this resume is not exact" in second.data["message"]
    assert (second.step, len(run.records("warning"))) == (3, 2)
    assert run.records("finished")
    assert not same(Tiny.new(streamed, {}).train().tensors(), run.tensors())


def test_where_the_model_needs_labels_a_stream_gives_only_pictures_that_have_one(streamed: Images) -> None:
    def labels(recipe: Recipe) -> torch.Tensor:
        return feeds.open_feed(recipe, streamed, CPU).take(Request(0, 20, 0, 20)).labels

    assert (labels(tiny_recipe({"model.num_class_embeds": 4})) >= 0).all()
    hidden = tiny_recipe({"model.num_class_embeds": 5, "loss.class_dropout": 0.1})
    assert (labels(hidden) < 0).any()


def test_a_look_at_a_streamed_set_opens_no_stream(streamed: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "open_stream", None)
    assert torch.isfinite(lone_learner(tiny_recipe(), streamed, CPU).update().loss)


def test_a_learner_without_a_run_makes_the_updates_of_a_run(tiny: Make, images: Images) -> None:
    learner = lone_learner(tiny_recipe(), images, CPU)
    losses = [float(learner.update().loss) for _ in range(6)]
    records = tiny().train().records("metrics")
    assert records[-1].data["loss"]["last"] == losses[-1]


def test_the_time_that_a_step_waits_for_its_pictures_is_journalled(tiny: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def data_shares() -> list[float]:
        run = tiny({"training.max_train_steps": 3}).train()
        return [record.data["data_share"]["mean"] for record in run.records("metrics")]

    usual = min(data_shares())
    real = Mapped.__call__

    def slow(self: Mapped, request: Request) -> Pictures:
        time.sleep(0.5)  # many times what a step takes, where the machine is not busy
        return real(self, request)

    monkeypatch.setattr(feeds, "RESIDENT_ON_CPU", 0)
    monkeypatch.setattr(Mapped, "__call__", slow)
    assert max(data_shares()) > max(0.2, 2 * usual)


def test_a_checkpoint_that_stood_aside_when_its_process_was_killed_is_found(tiny: Make) -> None:
    """Killed between the two renames by which one of the same step is replaced, and there is no other."""
    run = tiny({"training.checkpointing_steps": 3}).train(kill_at=4)
    path = run.folder.checkpoint(3)
    path.rename(path.with_name(f".{path.name}.old"))
    run.train()
    assert [record.step for record in run.records("started")] == [0, 3]
    assert same(tiny().train().tensors(), run.tensors())


def test_a_fork_whose_checkpoint_is_damaged_does_not_begin_anew(tiny: Make) -> None:
    fork = Tiny(fork_run(tiny().train({3: [("stop", {})]}).folder, name="child"), tiny().images)
    (fork.folder.checkpoint(3) / "state.json").unlink()
    with pytest.raises(LabError, match="no checkpoint of child is whole, and a fork cannot begin anew"):
        fork.train()


def test_a_batch_that_live_changes_left_indivisible_is_refused(tiny: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tiny().train({2: [("set", {"changes": {"training.train_batch_size": 9}})], 4: [("stop", {})]})
    monkeypatch.setattr("tui_lab.engine.startup.place", lambda: Place(0, 2))
    with pytest.raises(RecipeError, match="nearest that can is 8"):
        run.train()
