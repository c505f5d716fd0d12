"""sample and export, through a real workbench."""

from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import Lab
from tui_lab.recipe import Recipe, dump_recipe, replaced
from tui_lab.runs.folder import RunFolder

TINY = {
    "dataset.resolution": 8,
    "model.block_out_channels": [8, 16],
    "model.down_block_types": ["DownBlock2D", "DownBlock2D"],
    "model.up_block_types": ["UpBlock2D", "UpBlock2D"],
    "model.layers_per_block": 1,
    "model.norm_num_groups": 4,
}


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained network of 8×8 pictures, in diffusers' own form; the same each time."""
    import torch

    from tui_lab import models
    from tui_lab.models.export import export_pipeline

    torch.manual_seed(0)
    recipe = replaced(Recipe(), TINY)
    folder = tmp_path_factory.mktemp("sampled") / "pipeline"
    export_pipeline(recipe, models.build(recipe).state_dict(), folder)
    return folder


def test_sample_writes_the_pictures_and_says_how_they_came_about(
    lab: Lab, pipeline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = ("--scheduler", "DDIMScheduler", "--num-inference-steps", "3", "--seed", "5", "--num-images", "4")
    outcome = lab("sample", str(pipeline), *asked, "--json")
    assert outcome.code == 0, outcome.err
    made = outcome.json
    assert (made["scheduler"], made["num_inference_steps"], made["seed"], made["num_images"]) == (
        "DDIMScheduler",
        3,
        5,
        4,
    )
    assert made["path"] == str(tmp_path / "pipeline-seed5.png")
    assert Image.open(made["path"]).size == (128, 128)  # 2×2 pictures of 8×8, 8 times enlarged


def test_a_gif_shows_every_step(lab: Lab, pipeline: Path, tmp_path: Path) -> None:
    steps = tmp_path / "steps.gif"
    outcome = lab("sample", str(pipeline), "--num-inference-steps", "3", "--num-images", "1", "-o", str(steps))
    assert outcome.code == 0 and outcome.out == f"{steps}\n", outcome.err
    with Image.open(steps) as read:
        assert getattr(read, "n_frames", 1) == 3


@pytest.mark.parametrize(("output", "hint"), [("a.bmp", ".png"), ("no/such/a.png", "no folder")])
def test_an_output_that_cannot_be_is_said_before_the_work(lab: Lab, pipeline: Path, output: str, hint: str) -> None:
    outcome = lab("sample", str(pipeline), "-o", output)
    assert outcome.code == 2 and hint in outcome.error


def test_an_export_never_writes_over_what_is_there(lab: Lab, tmp_path: Path) -> None:
    RunFolder.create('[recipe]\nname = "a-test"\n', "heron").checkpoint(5).mkdir()
    (tmp_path / "mine.txt").touch()
    outcome = lab("export", "heron", str(tmp_path))
    assert outcome.code == 2 and "not an empty folder" in outcome.error


def test_a_run_without_a_checkpoint_cannot_be_drawn_from(lab: Lab, tmp_path: Path) -> None:
    RunFolder.create('[recipe]\nname = "a-test"\n', "heron")
    for words in (["export", "heron", str(tmp_path / "new")], ["sample", "heron"]):
        outcome = lab(*words)
        assert outcome.code == 2 and "has no checkpoint yet" in outcome.error


def test_classes_are_drawn_by_number_and_an_export_of_them_says_how_to(lab: Lab, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    from tui_lab import models

    classes = {"model.num_class_embeds": 4, "loss.class_dropout": 0.1, "sampling.num_inference_steps": 2}
    recipe = replaced(Recipe(), {**TINY, **classes})
    run = RunFolder.create(dump_recipe(recipe), "heron")
    run.checkpoint(5).mkdir()
    save_file(models.build(recipe).state_dict(), run.checkpoint(5) / "model.safetensors")

    outcome = lab("export", "heron", str(tmp_path / "out"))
    assert outcome.code == 0 and "README.md" in outcome.err, outcome.err
    picture = str(tmp_path / "a.png")
    asked = ("--class-label", "2", "--class-label", "0", "--guidance-scale", "3", "--num-images", "4", "-o", picture)
    outcome = lab("sample", str(tmp_path / "out"), *asked, "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["class_labels"] == [2, 0, 2, 0]
