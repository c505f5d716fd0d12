"""The recipe behind a run, an export and a pipeline from elsewhere, without torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tui_lab.errors import LabError
from tui_lab.recipe import Recipe, dump_recipe, edited
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.source_recipe import source_recipe

FLOW = edited(Recipe(), {"noise_scheduler.class": "FlowMatchEulerDiscreteScheduler"})


def pipeline(folder: Path, unet: dict[str, Any], **scheduler: Any) -> Path:
    for name, content in (
        ("model_index.json", {"unet": ["diffusers", "UNet2DModel"]}),
        ("unet/config.json", unet),
        ("scheduler/scheduler_config.json", scheduler),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    return folder


def test_of_a_run_by_its_id(lab_home: Path) -> None:
    RunFolder.create(dump_recipe(FLOW), "amber-heron")
    assert source_recipe("amber-heron").noise_scheduler.objective == "flow"
    with pytest.raises(LabError, match="no run named teal-heron"):
        source_recipe("teal-heron")


def test_of_an_export_of_components(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}", encoding="utf-8")
    (tmp_path / "recipe.toml").write_text(dump_recipe(FLOW), encoding="utf-8")
    assert source_recipe(str(tmp_path)).noise_scheduler == FLOW.noise_scheduler


def test_of_a_pipeline_what_its_configs_tell(tmp_path: Path) -> None:
    folder = pipeline(
        tmp_path, {"sample_size": [16, 24], "in_channels": 1}, num_train_timesteps=10, prediction_type="v_prediction"
    )
    recipe = source_recipe(str(folder))
    assert recipe.dataset.size == (16, 24) and recipe.dataset.channels == 1
    assert recipe.noise_scheduler.objective == "v_prediction"
    assert recipe.sampling.num_inference_steps == recipe.noise_scheduler.num_train_timesteps == 10


def test_of_a_pipeline_its_noise_schedule(tmp_path: Path) -> None:
    unet, betas = {"sample_size": 8, "in_channels": 3}, {"beta_start": 0.001, "beta_end": 0.01}
    cosine = pipeline(tmp_path / "cosine", unet, beta_schedule="squaredcos_cap_v2", **betas)
    assert source_recipe(str(cosine)).noise_scheduler.beta_schedule == "squaredcos_cap_v2"
    linear = source_recipe(str(pipeline(tmp_path / "linear", unet, beta_schedule="linear", **betas))).noise_scheduler
    assert (linear.beta_start, linear.beta_end) == (0.001, 0.01)
    own = pipeline(tmp_path / "own", unet, beta_schedule="linear", num_train_timesteps=2, trained_betas=[0.1, 0.2])
    assert source_recipe(str(own)).noise_scheduler.trained_betas == (0.1, 0.2)
    odd = pipeline(tmp_path / "odd", unet, beta_schedule="their own")
    assert source_recipe(str(odd)).noise_scheduler == Recipe().noise_scheduler


def test_a_pipeline_that_does_not_tell_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"unet/config\.json does not tell"):
        source_recipe(str(pipeline(tmp_path / "odd", {"in_channels": 3})))
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "model_index.json").write_text("{}", encoding="utf-8")
    with pytest.raises(LabError, match=r"config\.json is missing"):
        source_recipe(str(tmp_path / "cut"))
