"""What the model sees at a step: the same however it is fed, and a function of (seed, step)."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch

from tests.engine.tiny import tiny_recipe
from tui_lab.data import Images
from tui_lab.engine.batches import Batch, Batches, held_out_batch, training_batch
from tui_lab.engine.feeds import Request, open_feed
from tui_lab.engine.startup import lone_learner

CPU = torch.device("cpu")
PLAIN = {"dataset.random_flip": False}
CLASSES = {"model.num_class_embeds": 5, "loss.class_dropout": 0.5}


@pytest.fixture
def roomy(images: Images) -> Images:
    """The tiny faces with a margin of two rows and three columns, of 6×5."""
    return dataclasses.replace(images, margin=(2, 3))


def batches(images: Images, changes: Mapping[str, Any] | None = None) -> Batches:
    recipe = tiny_recipe(changes)
    return Batches(recipe, images, open_feed(recipe, images, CPU), CPU)


def draw(images: Images, changes: Mapping[str, Any] | None = None, step: int = 0, size: int = 64) -> Batch:
    return batches(images, changes).draw(step, 0, Request(0, size, 0, size))


def rows_of(images: Images, size: int) -> np.ndarray:
    """Which rows the run's first samples are."""
    from tui_lab.engine.order import Order

    return images.train_rows[Order(0, len(images.train_rows)).indices(0, size).numpy()]


def test_a_batch_is_the_chosen_images_scaled_to_minus_one_to_one(images: Images) -> None:
    batch = draw(images, PLAIN)
    expected = images.take(rows_of(images, 64)).astype(np.float32).transpose(0, 3, 1, 2) / 127.5 - 1
    np.testing.assert_array_equal(batch.x0.numpy(), expected)
    assert batch.x0.dtype == torch.float32
    assert batch.labels is None


def test_about_half_are_mirrored_and_others_the_next_time(images: Images) -> None:
    plain = draw(images, PLAIN).x0
    first, second = draw(images).x0, draw(images, step=1).x0
    mirrored = [not torch.equal(a, b) for a, b in zip(plain, first, strict=True)]
    assert 20 < sum(mirrored) < 44
    for original, seen, was in zip(plain, first, mirrored, strict=True):
        assert torch.equal(seen, original.flip(-1) if was else original)
    assert not torch.equal(first, second)


def test_a_random_crop_is_a_window_of_the_margin_drawn_anew_at_each_step(roomy: Images) -> None:
    whole = draw(dataclasses.replace(roomy, margin=(0, 0)), PLAIN).x0
    first, second = draw(roomy, PLAIN).x0, draw(roomy, PLAIN, step=1).x0
    assert first.shape == (64, 3, 6, 5)
    assert not torch.equal(first, second)
    places = set()
    for picture, window in zip(whole, first, strict=True):
        windows = {(y, x): picture[:, y : y + 6, x : x + 5] for y in range(3) for x in range(4)}
        found = [place for place, candidate in windows.items() if torch.equal(candidate, window)]
        assert found
        places.update(found)
    assert len(places) == 12


def test_a_turned_batch_stays_in_range_and_is_another_at_each_step(roomy: Images) -> None:
    changes = {**PLAIN, "dataset.random_rotation": 30.0}
    first, second = draw(roomy, changes).x0, draw(roomy, changes, step=1).x0
    assert first.shape == (64, 3, 6, 5)
    assert first.abs().max() <= 1.0
    assert not torch.equal(first, second)
    assert not torch.equal(first, draw(roomy, PLAIN).x0)


def test_each_process_draws_its_share_of_what_one_would(roomy: Images) -> None:
    changes = {"dataset.random_rotation": 20.0, **CLASSES}
    whole = draw(roomy, changes, step=3, size=8)
    shares = [batches(roomy, changes).draw(3, 0, Request(0, 8, *part)) for part in ((0, 3), (3, 8))]
    assert torch.equal(torch.cat([share.x0 for share in shares]), whole.x0)
    assert torch.equal(torch.cat([share.labels for share in shares]), whole.labels)


def test_labels_are_those_of_the_pictures_and_about_half_are_hidden(images: Images) -> None:
    told = draw(images, {**PLAIN, **CLASSES}).labels
    own = torch.from_numpy(images.labels[rows_of(images, 64)])
    hidden = told == 4
    assert 20 < int(hidden.sum()) < 44
    assert torch.equal(told[~hidden], own[~hidden])


def test_without_dropout_every_label_is_told(images: Images) -> None:
    told = draw(images, {"model.num_class_embeds": 4}).labels
    assert torch.equal(told, torch.from_numpy(images.labels[rows_of(images, 64)]))


def test_a_picture_without_a_label_is_of_the_class_for_none(images: Images) -> None:
    labels = np.where(np.arange(len(images.labels)) % 2, images.labels, -1)
    some = dataclasses.replace(images, labels=labels)
    batch = held_out_batch(tiny_recipe(CLASSES), some, some.held_out_rows, CPU)
    own = labels[some.held_out_rows]
    assert batch.labels.tolist() == np.where(own < 0, 4, own).tolist()


def test_held_out_pictures_are_the_middle_of_their_margin(roomy: Images) -> None:
    batch = held_out_batch(tiny_recipe(), roomy, roomy.held_out_rows, CPU)
    middle = roomy.pixels[roomy.held_out_rows][:, 1:7, 1:6].transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(batch.x0.numpy(), middle.astype(np.float32) / 127.5 - 1)


def test_the_batch_that_the_workbench_shows_is_the_one_that_the_learner_draws(images: Images) -> None:
    recipe = tiny_recipe({"training.gradient_accumulation_steps": 2, "dataset.random_rotation": 10.0, **CLASSES})
    learner = lone_learner(recipe, images, CPU)
    for _ in range(2):
        learner.update()
    drawn = learner._batches.draw(learner.step, 0, learner._request(0))
    shown = training_batch(recipe, images, CPU, step=2)
    assert torch.equal(drawn.x0, shown.x0)
    assert torch.equal(drawn.labels, shown.labels)
