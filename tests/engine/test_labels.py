"""What must hold between classes and a conditional model before it is built."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.engine.tiny import tiny_recipe
from tui_lab.data import Images
from tui_lab.engine.labels import check_labels, labels_in_turn, predict_of
from tui_lab.errors import DataError, RecipeError
from tui_lab.recipe import Recipe
from tui_lab.recipe.classes import null_label

CPU = torch.device("cpu")


def conditional(classes: int, dropout: float = 0.0, **sampling: Any) -> Recipe:
    """A recipe of so many rows in its embedding."""
    more = {f"sampling.{name}": value for name, value in sampling.items()}
    return tiny_recipe({"model.num_class_embeds": classes, "loss.class_dropout": dropout, **more})


def labelled(images: Images, change: dict[int, int]) -> Images:
    """`images` with other labels on some of its training rows."""
    labels = images.labels.copy()
    for place, label in change.items():
        labels[images.train_rows[place]] = label
    return dataclasses.replace(images, labels=labels)


@pytest.mark.parametrize(("recipe", "set_to"), [(conditional(3), 4), (conditional(4, 0.1), 5), (conditional(2), 4)])
def test_more_classes_than_the_embedding_has_are_said_with_the_number_to_set(
    recipe: Recipe, set_to: int, images: Images
) -> None:
    with pytest.raises(RecipeError, match=rf"has 4 classes.*num_class_embeds \d is too few, set it to {set_to}$"):
        check_labels(recipe, images)


@pytest.mark.parametrize("recipe", [conditional(4), conditional(5, 0.1), conditional(100), conditional(0)])
def test_an_embedding_that_is_large_enough_will_do(recipe: Recipe, images: Images) -> None:
    check_labels(recipe, images)


def test_a_label_beyond_the_named_classes_counts(images: Images) -> None:
    with pytest.raises(RecipeError, match="set it to 8"):
        check_labels(conditional(5), labelled(images, {0: 7}))


def test_pictures_without_any_label_cannot_train_a_conditional_model(images: Images) -> None:
    bare = dataclasses.replace(images, labels=np.full_like(images.labels, -1), classes=())
    with pytest.raises(DataError, match=r"pixel-faces has no labels, and model\.num_class_embeds 4"):
        check_labels(conditional(4), bare)


def test_some_without_a_label_need_a_class_for_none(images: Images) -> None:
    gaps = labelled(images, {3: -1, 5: -1})
    with pytest.raises(DataError, match=r"2 of the 200 pictures .* set loss.class_dropout above 0"):
        check_labels(conditional(4), gaps)
    check_labels(conditional(5, 0.1), gaps)


def test_the_last_class_is_the_one_for_none_if_any_are_hidden() -> None:
    assert null_label(conditional(5, 0.1)) == 4
    assert null_label(conditional(5)) is None


def said(x_t: Tensor, t: Tensor, labels: Tensor) -> Tensor:
    """A model that answers its label."""
    return labels.float()


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        (conditional(3), [0, 1, 2, 0, 1]),
        (conditional(4, 0.1), [0, 1, 2, 0, 1]),
        (conditional(4, 0.1, guidance_scale=0.0), [3, 3, 3, 3, 3]),
        (conditional(4, 0.1, guidance_scale=3.0), [-6, -3, 0, -6, -3]),  # 3 + 3 (c - 3)
    ],
)
def test_pictures_are_of_each_class_in_turn_as_guidance_says(recipe: Recipe, expected: list[float]) -> None:
    predict = predict_of(recipe, said, labels_in_turn(recipe, 5, CPU))
    answer = predict(torch.zeros(5, 1, 4, 4), torch.zeros(5))
    assert answer.tolist() == expected


def test_a_negative_class_stands_in_the_place_of_the_one_for_none() -> None:
    recipe = conditional(4, 0.1, guidance_scale=3.0)
    predict = predict_of(recipe, said, labels_in_turn(recipe, 3, CPU), negative=1)
    assert predict(torch.zeros(3, 1, 4, 4), torch.zeros(3)).tolist() == [-2, 1, 4]  # 1 + 3 (c - 1)


def test_guidance_outside_of_its_interval_is_the_plain_class() -> None:
    recipe = conditional(4, 0.1, guidance_scale=3.0, guidance_from=0.5)
    predict = predict_of(recipe, said, labels_in_turn(recipe, 3, CPU))
    T = recipe.noise_scheduler.num_train_timesteps
    for t, expected in ((0.4 * T, [0, 1, 2]), (0.6 * T, [-6, -3, 0])):
        assert predict(torch.zeros(3, 1, 4, 4), torch.full((3,), t)).tolist() == expected


def test_guidance_without_a_class_for_none_is_refused_with_the_recipe() -> None:
    with pytest.raises(RecipeError, match="guidance_scale 3 needs a class for none"):
        conditional(4, guidance_scale=3.0)
