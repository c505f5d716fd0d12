"""The recipe behind a run, an export and a pipeline from elsewhere, without torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tui_lab.data.class_labels import class_names, class_number
from tui_lab.data.drawable import drawable
from tui_lab.errors import LabError, RecipeError
from tui_lab.recipe import Recipe, dump_recipe, edited
from tui_lab.recipe.denoising import Denoising, parse_denoising
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.source_recipe import source_recipe

FLOW = edited(Recipe(), {"noise_scheduler.class": "FlowMatchEulerDiscreteScheduler"})


def pipeline(folder: Path, unet: dict[str, Any], parts: dict[str, str] | None = None, **scheduler: Any) -> Path:
    kinds = {name: ["diffusers", kind] for name, kind in (parts or {"unet": "UNet2DModel"}).items()}
    for name, content in (
        ("model_index.json", {"_class_name": "APipeline", **kinds}),
        ("unet/config.json", unet),
        ("scheduler/scheduler_config.json", {"beta_schedule": "linear", **scheduler}),
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
    with pytest.raises(LabError, match="is a pipeline without a name; what is drawn from is a UNet2DModel"):
        source_recipe(str(tmp_path / "cut"))


STABLE = {"unet": "UNet2DConditionModel", "vae": "AutoencoderKL", "text_encoder": "CLIPTextModel"}


@pytest.mark.parametrize(
    ("parts", "unet", "said"),
    [
        ({**STABLE, "text_encoder_2": "CLIPTextModelWithProjection"}, {}, "is a APipeline; what is drawn from"),
        ({**STABLE, "text_encoder": "T5EncoderModel"}, {}, "is a APipeline; what is drawn from"),
        ({"unet": "UNet2DModel", "vae": "AutoencoderKL"}, {}, "is a APipeline; what is drawn from"),
        (STABLE, {"in_channels": 9}, "answers 9 channels with 4"),
        (STABLE, {"addition_embed_type": "text_time"}, "told more than a text"),
        (STABLE, {"time_cond_proj_dim": 256}, "told more than a text"),
        (None, {"time_embedding_type": "fourier"}, "time embedding for σ"),
    ],
)
def test_a_kind_that_is_asked_otherwise_is_refused_before_torch_is_there(
    tmp_path: Path, parts: dict[str, str] | None, unet: dict[str, Any], said: str
) -> None:
    config = {"sample_size": 8, "in_channels": 4, "out_channels": 4, **unet}
    with pytest.raises(LabError, match=said):
        source_recipe(str(pipeline(tmp_path, config, parts)))


def test_what_it_was_trained_on_is_not_made_up(tmp_path: Path) -> None:
    folder = pipeline(tmp_path, {"sample_size": 16, "in_channels": 3, "num_class_embeds": 4})
    recipe = source_recipe(str(folder))
    assert class_names(recipe) == () and class_number(recipe, 3) == 3
    with pytest.raises(RecipeError, match="no class 'hat'"):
        class_number(recipe, "hat")
    image = {"kind": "data", "index": 0}
    for fields in ({"start": {"kind": "image", "image": image}}, {"pull": {"kind": "likeness", "image": image}}):
        with pytest.raises(RecipeError, match="does not say what it was trained on"):
            drawable(parse_denoising({"source": str(folder), **fields}), recipe)


@pytest.mark.parametrize("size", [10, [7, 5]])
def test_a_pipeline_s_size_is_its_own_affair(tmp_path: Path, size: Any) -> None:
    folder = pipeline(tmp_path, {"sample_size": size, "in_channels": 3})
    drawable(Denoising(source=str(folder), knobs={"num_inference_steps": 5}), source_recipe(str(folder)))
