from __future__ import annotations

from pathlib import Path

import pytest

from tui_lab.catalog.recipes import find_recipe, list_recipes, own_folder
from tui_lab.errors import RecipeError
from tui_lab.recipe import load_recipe


def save(name: str, text: str) -> Path:
    own_folder().mkdir(exist_ok=True)
    path = own_folder() / f"{name}.toml"
    path.write_text(text)
    return path


def test_the_shipped_recipes_are_listed_and_can_be_read() -> None:
    recipes = {recipe.name: recipe for recipe in list_recipes()}
    assert {"pixel-faces-16", "pixel-faces-16-long", "digits-8", "fashion-28", "u1-butterflies-32"} <= set(recipes)
    for recipe in recipes.values():
        assert load_recipe(recipe.path).recipe.description == recipe.description
        assert not recipe.own


def test_ones_own_recipes_follow_and_replace_shipped_ones_of_their_name() -> None:
    mine = save("mine", '[recipe]\ndescription = "my own"\n')
    quick = save("pixel-faces-16", '[recipe]\ndescription = "edited"\n')
    recipes = list_recipes()
    assert [(recipe.name, recipe.description) for recipe in recipes if recipe.own] == [
        ("mine", "my own"),
        ("pixel-faces-16", "edited"),
    ]
    assert sum(recipe.name == "pixel-faces-16" for recipe in recipes) == 1
    assert (find_recipe("mine"), find_recipe("pixel-faces-16")) == (mine, quick)


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"[recipe\n", "is no valid TOML"), (b"\xff\xfe", "is no valid TOML")],
    ids=["broken", "no text"],
)
def test_a_broken_file_is_listed_with_its_problem(content: bytes, problem: str) -> None:
    save("broken", "").write_bytes(content)
    (broken,) = (recipe for recipe in list_recipes() if recipe.name == "broken")
    assert broken.problem.startswith(problem)
    assert "\n" not in broken.problem
    assert len(list_recipes()) > 1


@pytest.mark.parametrize("text", ["", "recipe = 3", "[recipe]\ndescription = 3"])
def test_a_recipe_without_a_description_is_listed_without_one(text: str) -> None:
    save("plain", text)
    (plain,) = (recipe for recipe in list_recipes() if recipe.name == "plain")
    assert (plain.description, plain.problem) == ("", "")


def test_a_path_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "here.toml"
    path.touch()
    assert find_recipe(str(path)) == path
    with pytest.raises(RecipeError, match="does not exist"):
        find_recipe(str(tmp_path / "gone.toml"))
    with pytest.raises(RecipeError, match="is a folder"):
        find_recipe(str(tmp_path))


def test_a_mistyped_name_is_told_the_nearest() -> None:
    with pytest.raises(RecipeError, match="did you mean pixel-faces-16"):
        find_recipe("pixelfaces-16")
    with pytest.raises(RecipeError, match="there are annotated-fashion-28, digits-8"):
        find_recipe("zzz")
