import numpy as np
import pytest

from tui_lab.diffusion import schedules
from tui_lab.recipe import Recipe, edited
from tui_lab.tui.brush_tiles import brush_tiles

PICTURE = np.random.default_rng(0).integers(0, 256, (6, 6, 3), dtype=np.uint8)


def tiles(level: int, **knobs: object) -> tuple[dict[str, np.ndarray], Recipe]:
    recipe = edited(Recipe(), {f"noise_scheduler.{name.rstrip('_')}": value for name, value in knobs.items()})
    return {tile.label: tile.x for tile in brush_tiles(PICTURE, level, recipe.noise_scheduler)}, recipe


@pytest.mark.parametrize(
    ("knobs", "labels"),
    [
        ({}, ["x_t", "▸ε to predict", "x₀", "v"]),
        ({"prediction_type": "v_prediction"}, ["x_t", "ε", "x₀", "▸v to predict"]),
        ({"class_": "FlowMatchEulerDiscreteScheduler"}, ["x_t", "ε", "x₀", "▸ε-x₀ to predict"]),
        ({"class_": "EDMEulerScheduler"}, ["x_t", "ε", "x₀", "▸F to predict"]),
        ({"class_": "UniformMixing"}, ["x_t", "ε", "▸x₀ to predict"]),
    ],
)
def test_what_the_model_is_trained_to_say_is_marked(knobs: dict[str, object], labels: list[str]) -> None:
    assert list(tiles(500, **knobs)[0]) == labels


@pytest.mark.parametrize("level", [0, 400, 999])
def test_every_answer_gives_the_picture_back(level: int) -> None:
    clean = PICTURE / 127.5 - 1
    shown, recipe = tiles(level, prediction_type="v_prediction")
    levels = schedules.levels(recipe.noise_scheduler)
    alpha, sigma = levels.alpha[level], levels.sigma[level]
    assert np.allclose(shown["x₀"], clean)
    assert np.allclose(shown["x_t"], alpha * clean + sigma * shown["ε"])
    assert np.allclose(alpha * shown["x_t"] - sigma * shown["▸v to predict"], clean)

    shown, recipe = tiles(level, class_="FlowMatchEulerDiscreteScheduler", shift=3.0)
    sigma = schedules.levels(recipe.noise_scheduler).sigma[level]
    assert np.allclose(shown["x_t"] - sigma * shown["▸ε-x₀ to predict"], clean)

    shown, recipe = tiles(level, class_="EDMEulerScheduler")
    sigma, data = schedules.levels(recipe.noise_scheduler).sigma[level], recipe.noise_scheduler.sigma_data
    c_skip, c_out = data**2 / (sigma**2 + data**2), sigma * data / np.sqrt(sigma**2 + data**2)
    assert np.allclose(c_skip * shown["x_t"] + c_out * shown["▸F to predict"], clean)
