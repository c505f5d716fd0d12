"""sample and export, through a real workbench: one for all of these tests, as each takes seconds to import torch."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.cli.conftest import Lab
from tui_lab.recipe import Recipe, dump_recipe, replaced
from tui_lab.runs.folder import RunFolder
from tui_lab.workbench import client

TINY = {
    "dataset.resolution": 8,
    "model.block_out_channels": [8, 16],
    "model.down_block_types": ["DownBlock2D", "DownBlock2D"],
    "model.up_block_types": ["UpBlock2D", "UpBlock2D"],
    "model.layers_per_block": 1,
    "model.norm_num_groups": 4,
}


@pytest.fixture(scope="module", autouse=True)
def one_workbench() -> Iterator[None]:
    """In the place of the one that each command starts, and lets go."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    workbench = client.Workbench()

    def run_sync(ask: Callable[[client.Workbench], Awaitable[Any]]) -> Any:
        async def once() -> Any:
            await workbench.start()
            return await ask(workbench)

        return asyncio.run_coroutine_threadsafe(once(), loop).result()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(client, "run_sync", run_sync)
        yield
    asyncio.run_coroutine_threadsafe(workbench.close(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


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


def test_every_file_has_a_sidecar_that_makes_it_again_to_the_bit(lab: Lab, pipeline: Path, tmp_path: Path) -> None:
    Image.linear_gradient("L").resize((8, 8)).save(tmp_path / "begun.png")
    half = Image.new("L", (8, 8), 255)
    half.paste(0, (0, 0, 8, 4))
    half.save(tmp_path / "mask.png")
    strip, singles = tmp_path / "strip.png", tmp_path / "singles"
    control = ("--image", str(tmp_path / "begun.png"), "--mask", str(tmp_path / "mask.png"), "--pull", "symmetry")
    outcome = lab(
        *("sample", str(pipeline), "--num-inference-steps", "4", "--num-images", "2", "--seed", "3", "--eta", "1"),
        *(
            "--scheduler",
            "DDIMScheduler",
            *control,
            "--strip",
            "2",
            "-o",
            str(strip),
            "--singles",
            str(singles),
            "--json",
        ),
    )
    assert outcome.code == 0, outcome.err
    assert outcome.json["paths"] == [str(strip), str(singles)]
    assert Image.open(strip).size == (2 * 64, 2 * 64)  # two steps of two pictures, 8 times enlarged
    assert len(list(singles.glob("*.png"))) == 2
    again = lab("sample", "--again", outcome.json["sidecars"][0], "--json")
    assert (again.code, again.json["same"], again.json["why"]) == (0, True, []), again.err
    told = json.loads(Path(outcome.json["sidecars"][0]).read_text())
    other = json.loads(json.dumps(told))
    other["denoising"]["knobs"]["seed"] = 4
    places = [{"title": ["seed", title], **place} for title, place in (("3", told), ("4", other))]
    sheet = tmp_path / "sheet.png.json"
    sheet.write_text(json.dumps({"format": "diffusion-lab sheet 1", "cells": places}))
    refused = lab("sample", "--again", str(sheet), "-o", "new.png")
    assert refused.code == 2 and "leave -o" in refused.error
    drawn = lab("sample", "--again", str(sheet))
    assert drawn.code == 1 and "seed · 4: not the same" in drawn.err and "1 of 2 places are the same" in drawn.err
    Image.new("L", (8, 8), 7).save(tmp_path / "begun.png")
    changed = lab("sample", "--again", outcome.json["sidecars"][1])
    assert changed.code == 2 and "begun.png" in changed.error


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--num-inference-steps", "0"], "num_inference_steps"),
        (["--num-inference-steps", "1000000"], "num_inference_steps"),
        (["--guidance-scale", "nan"], "guidance_scale"),
        (["--class-label", "hat"], "unconditional"),
        (["--strength", "0.5"], "--image"),
        (["--image", "nowhere.png"], "nowhere.png"),
        (["--image", "data:0"], "does not say what it was trained on"),
        (["--mask", "nowhere.png"], "--image"),
        (["--image", "all.png", "--mask", "all.png"], "mask"),
        (["--pull", "sweetness"], "colour=#1ae680"),
        (["--pull", "symmetry", "--pull-scale", "nan"], "scale"),
        (["--loss", "nowhere.py"], "no such file"),
        (["--variation", "three"], "SEED:PLACE"),
        (["--between-classes", "1"], "class"),
        (["--again", "nowhere.json"], "leave out"),
        (["--strip", "3"], "-o"),
    ],
)
def test_what_cannot_be_drawn_is_one_line_before_torch_is_there(
    lab: Lab, pipeline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("L", (8, 8), 255).save(tmp_path / "all.png")
    outcome = lab("sample", str(pipeline), *words)
    assert outcome.code == 2 and said in outcome.error, outcome.err
    assert not list(tmp_path.glob("*.json"))


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
