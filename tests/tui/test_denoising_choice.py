"""What can be denoised with, and what is said of what cannot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.tui.conftest import told, until
from tui_lab.errors import RunError
from tui_lab.recipe import Recipe, dump_recipe
from tui_lab.recipe.denoising import Denoising
from tui_lab.runs.folder import RunFolder
from tui_lab.tui.denoising_choice import asked_of, checkpoints_of, named, pipeline_words
from tui_lab.tui.screens.ask import AskText, Choose
from tui_lab.tui.screens.open_denoising import FOLDER, open_denoising
from tui_lab.tui.screens.pick_path import PickPath


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    """As far as anyone looks at it who only chooses."""
    about = {"_class_name": "DDPMPipeline", "_diffusers_version": "0.35", "unet": ["diffusers", "UNet2DModel"]}
    files = {
        "model_index.json": about,
        "unet/config.json": {"sample_size": 8, "in_channels": 3},
        "scheduler/scheduler_config.json": {"beta_schedule": "linear"},
    }
    folder = tmp_path / "cats"
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content))
    return folder


def test_a_run_is_asked_for_its_newest_checkpoint_by_its_id(heron: RunFolder) -> None:
    assert asked_of("heron") == asked_of(str(heron.path)) == Denoising(source="heron", checkpoint=300)
    assert checkpoints_of("heron") == (100, 200, 300)


def test_a_run_that_lies_elsewhere_is_named_by_its_path(heron: RunFolder, tmp_path: Path) -> None:
    elsewhere = tmp_path / "heron"
    heron.path.rename(elsewhere)
    assert named(RunFolder(elsewhere)) == str(elsewhere)


def test_a_pipeline_has_no_checkpoints(pipeline: Path) -> None:
    assert asked_of(str(pipeline)) == Denoising(source=str(pipeline))
    assert checkpoints_of(str(pipeline)) == () and checkpoints_of("no-such-run") == ()


def test_a_run_without_a_checkpoint_says_how_to_get_one() -> None:
    RunFolder.create(dump_recipe(Recipe()), name="egret")
    with pytest.raises(RunError, match="egret has no checkpoint yet"):
        asked_of("egret")


def test_a_folder_is_said_to_be_a_pipeline_or_why_it_is_none(pipeline: Path, tmp_path: Path) -> None:
    assert pipeline_words(pipeline) == "DDPMPipeline of diffusers 0.35"
    assert "no model_index.json" in pipeline_words(tmp_path)
    (pipeline / "model_index.json").write_text("[1]")
    assert "no JSON object" in pipeline_words(pipeline)
    (pipeline / "model_index.json").write_text("\x1b[31m")
    assert "cannot be read" in pipeline_words(pipeline) and "\x1b" not in pipeline_words(pipeline)


async def test_a_folder_is_picked_and_one_that_is_none_is_refused(
    open_lab: Any, heron: RunFolder, pipeline: Path, tmp_path: Path
) -> None:
    async with open_lab() as (lab, pilot):
        for folder, found in ((pipeline, Denoising(source=str(pipeline))), (tmp_path, None)):
            opened = lab.run_worker(open_denoising(lab.app))
            await until(pilot, lambda: isinstance(lab.app.screen, Choose))
            lab.app.screen.dismiss(FOLDER)
            await until(pilot, lambda: isinstance(lab.app.screen, PickPath))
            lab.app.screen.dismiss(folder)
            assert await opened.wait() == found
        await until(pilot, lambda: told(lab, "no model_index.json"))


async def test_a_kind_that_cannot_be_drawn_from_is_refused_before_a_screen_opens(open_lab: Any, pipeline: Path) -> None:
    index = pipeline / "model_index.json"
    index.write_text(json.dumps({"_class_name": "FluxPipeline", "transformer": ["diffusers", "FluxTransformer"]}))
    async with open_lab() as (lab, pilot):
        opened = lab.run_worker(open_denoising(lab.app))
        await until(pilot, lambda: isinstance(lab.app.screen, Choose))
        lab.app.screen.dismiss(str(pipeline))
        assert await opened.wait() is None
        await until(pilot, lambda: told(lab, "is a FluxPipeline; what is drawn from is"))


async def test_a_text_to_image_folder_asks_for_the_prompt_first(open_lab: Any, text_folder: Path) -> None:
    async with open_lab() as (lab, pilot):
        for keys, found in (
            ([*"a hat", "enter"], Denoising(source=str(text_folder), prompt="a hat")),
            (["escape"], None),
        ):
            opened = lab.run_worker(open_denoising(lab.app))
            await until(pilot, lambda: isinstance(lab.app.screen, Choose))
            lab.app.screen.dismiss(str(text_folder))
            await until(pilot, lambda: isinstance(lab.app.screen, AskText))
            await pilot.press(*keys)
            assert await opened.wait() == found
