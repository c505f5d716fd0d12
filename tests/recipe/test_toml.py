"""Recipes go to TOML and back; a mistake is named with file, line and the nearest known key; comments are kept."""

from pathlib import Path

import pytest

from tui_lab.errors import RecipeError
from tui_lab.recipe import Recipe, dump_recipe, edit_toml, load_recipe, parse_recipe

SHIPPED = sorted((Path(__file__).parents[2] / "recipes").glob("*.toml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_recipes_are_valid_and_survive_a_round_trip(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.recipe.name == path.stem
    assert recipe.recipe.description
    assert parse_recipe(dump_recipe(recipe)) == recipe


def test_the_default_recipe_is_valid() -> None:
    assert parse_recipe("") == Recipe()


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("[optimizer]\n\nlearning_rte = 1", 3, "did you mean learning_rate?"),
        ("# hello\n[optimizr]\n", 2, "did you mean optimizer?"),
        ('[optimizer]\nlearning_rate = "x"', 2, "takes a number (0 to 1), not 'x'"),
        ("[training]\ntrain_batch_size = true", 2, "takes a whole number"),
        ("[training]\ntrain_batch_size = 0", 2, "(1 to 65536), not 0"),
        ("[optimizer]\nlearning_rate = nan", 2, "takes a number"),
        ("[dataset]\nresolution = 18", 2, "take 16 or 20"),
        ('[sampling]\nscheduler = "DDPM"', 2, "DDPMScheduler"),
        ("[sampling]\nnum_inference_steps = 900\n[noise_scheduler]\nnum_train_timesteps = 500", 2, "more than the 500"),
        ('[model]\ndown_block_types = ["DownBlock2D"]', 2, "must agree"),
        ("[model]\nnorm_num_groups = 7", 2, "does not divide"),
        ("[model]\nattention_head_dim = 48", 2, "does not divide the 64 channels"),
        ('[lr_scheduler]\nname = "cosine"\n[training]\nmax_train_steps = 0', 2, "needs an end"),
        ("[noise_scheduler]\nrescale_betas_zero_snr = true", 1, "v_prediction"),
        ('[training]\ndevice = "tpu"', 2, "none of auto, cpu"),
        ("optimizer = 3", 1, "must be a table"),
        ("[model\n", 1, "not valid TOML"),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, line: int, says: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text, "mine.toml")
    assert caught.value.message.startswith(f"mine.toml:{line}: ")
    assert says in caught.value.message
    assert "\n" not in caught.value.message


def test_a_sampler_that_cannot_do_the_prediction_type_is_refused() -> None:
    text = '[noise_scheduler]\nprediction_type = "sample"\n[sampling]\nscheduler = "EulerAncestralDiscreteScheduler"'
    with pytest.raises(RecipeError, match=r":4: .*Euler ancestral cannot sample .*sample; .* can"):
        parse_recipe(text, "mine.toml")


def test_a_file_that_is_no_text_or_not_there_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecipeError, match="not UTF-8"):
        load_recipe(tmp_path / "a.toml")
    with pytest.raises(RecipeError, match="cannot be read"):
        load_recipe(tmp_path / "missing.toml")


def test_an_edit_keeps_comments() -> None:
    text = "# mine\n[optimizer]\nlearning_rate = 1e-3 # fast\n"
    edited = edit_toml(text, {"optimizer.learning_rate": 5e-4, "ema.decay": 0.99})
    assert "# mine" in edited
    assert "# fast" in edited
    recipe = parse_recipe(edited)
    assert (recipe.optimizer.learning_rate, recipe.ema.decay) == (5e-4, 0.99)
