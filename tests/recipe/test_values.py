"""Single knobs are read and changed by key; recipes are told apart by what will be learnt."""

import pytest

from tui_lab.errors import RecipeError
from tui_lab.recipe import Recipe, diff, edited, get, parse_assignment, problems, recipe_hash, replaced


def test_an_assignment_names_a_knob_in_full_or_by_a_name_that_is_its_own() -> None:
    assert parse_assignment("optimizer.learning_rate=3e-4") == ("optimizer.learning_rate", 3e-4)
    assert parse_assignment("learning_rate = 3e-4") == ("optimizer.learning_rate", 3e-4)
    assert parse_assignment("model.block_out_channels=[8, 16]") == ("model.block_out_channels", (8, 16))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("learning_rate", "write KEY=VALUE"),
        ("learning_rte=1", "did you mean optimizer.learning_rate?"),
        ("optimizer.lr=1", "not a knob"),
        ("seed=1", "several sections: say training.seed or sampling.seed"),
    ],
)
def test_an_assignment_that_cannot_be_understood_says_why(text: str, says: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_assignment(text)
    assert says in caught.value.message


def test_a_change_makes_a_new_recipe_and_checks_the_whole() -> None:
    recipe = Recipe()
    changed = replaced(recipe, {"ema.decay": 0.9, "model.class": "UNet2DModel"})
    assert (get(recipe, "ema.decay"), get(changed, "ema.decay")) == (0.999, 0.9)
    assert diff(recipe, changed) == [("ema.decay", 0.999, 0.9)]
    with pytest.raises(RecipeError, match="no multiple of 4"):
        replaced(recipe, {"dataset.resolution": 18})


def test_a_draft_may_be_in_between() -> None:
    draft = edited(Recipe(), {"model.block_out_channels": (32, 64)})
    assert [problem.key for problem in problems(draft)] == ["model.down_block_types", "model.up_block_types"]
    with pytest.raises(RecipeError):
        edited(draft, {"training.train_batch_size": 0})


def test_the_hash_is_about_what_will_be_learnt() -> None:
    recipe = Recipe()
    assert recipe_hash(recipe) == recipe_hash(replaced(recipe, {"recipe.name": "mine", "training.device": "cpu"}))
    assert recipe_hash(recipe) != recipe_hash(replaced(recipe, {"training.seed": 1}))


def test_a_list_with_something_in_it_that_is_no_number_says_what_it_takes() -> None:
    with pytest.raises(RecipeError, match="trained_betas takes a list of finite numbers, not nan"):
        edited(Recipe(), {"noise_scheduler.trained_betas": (0.1, float("nan"))})
