"""Each preset is a whole network that can be built at its own resolution, and as large as it says."""

from __future__ import annotations

import pytest
import torch

from tui_lab import models
from tui_lab.catalog.models import MODEL_PRESETS, ModelPreset
from tui_lab.recipe import Recipe, edited, problems, replaced

PRESETS = pytest.mark.parametrize("preset", MODEL_PRESETS.values(), ids=MODEL_PRESETS)


@PRESETS
def test_it_has_as_many_parameters_as_it_says(preset: ModelPreset) -> None:
    images = {"dataset.resolution": preset.resolution, "dataset.channels": preset.channels}
    recipe = replaced(Recipe(), {**images, **preset.knobs})
    with torch.device("meta"):
        model = models.build(recipe)
        x = torch.empty(2, preset.channels, preset.resolution, preset.resolution)
        said = models.answer(
            recipe.model, model, x, torch.zeros(2, dtype=torch.int64), torch.zeros(2, dtype=torch.int64)
        )
    assert sum(parameter.numel() for parameter in model.parameters()) == preset.parameters
    assert said.shape == x.shape


@PRESETS
def test_it_takes_everything_back_that_another_one_set(preset: ModelPreset) -> None:
    images = {"dataset.resolution": 64, "dataset.channels": preset.channels}
    for other in MODEL_PRESETS.values():
        changed = edited(edited(Recipe(), {**images, **other.knobs}), preset.knobs)
        assert not problems(changed)


def test_published_counts_are_met() -> None:
    """DDPM's 35.7 M for CIFAR-10, the course's 309,057 and 1,707,009, and a nano under half a million."""
    assert MODEL_PRESETS["cifar10-ddpm"].parameters == 35_746_307
    assert MODEL_PRESETS["u1-basic"].parameters == 309_057
    assert MODEL_PRESETS["u1-toy"].parameters == 1_707_009
    assert MODEL_PRESETS["nano"].parameters < 500_000
