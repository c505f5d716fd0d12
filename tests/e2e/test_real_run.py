"""The whole line on the real engine: from the command to weights, to pictures, to plain diffusers, and back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

RECIPE = """
[recipe]
name = "tiny"

[dataset]
name = "digits"
resolution = 8
channels = 1

[model]
block_out_channels = [8, 16]
down_block_types = ["DownBlock2D", "DownBlock2D"]
up_block_types = ["UpBlock2D", "UpBlock2D"]
norm_num_groups = 4

[noise_scheduler]
beta_schedule = "squaredcos_cap_v2"
prediction_type = "v_prediction"

[training]
max_train_steps = 12
train_batch_size = 8
device = "cpu"
mixed_precision = "no"

[sampling]
num_inference_steps = 4
num_images = 4
every_steps = 6

[evaluation]
every_steps = 6
num_images = 8
"""


def begun(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", "from tui_lab.cli import main; main()", *words, "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def told(command: subprocess.Popen[str]) -> Any:
    """Its JSON, in the end."""
    out, words = command.communicate(timeout=180)
    assert command.returncode == 0, words
    return json.loads(out)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE)
    return path


def test_train_sample_export_and_plain_diffusers(recipe: Path, tmp_path: Path) -> None:
    from diffusers import DDPMPipeline

    run = told(begun("train", str(recipe), "--name", "tiny"))
    assert (run["run"], run["status"], run["step"]) == ("tiny", "finished", 12)
    assert run["loss"] > 0

    grid = tmp_path / "grid.png"
    export = begun("export", "tiny", str(tmp_path / "pipeline"))
    drawing = ("--num-images", "4", "--num-inference-steps", "3", "-o", str(grid))
    sample = begun("sample", run["pipeline"], *drawing)
    for folder in (run["pipeline"], told(export)["path"]):
        pipeline = DDPMPipeline.from_pretrained(folder)
        pipeline.set_progress_bar_config(disable=True)
        pictures = pipeline(batch_size=2, num_inference_steps=3, output_type="np").images
        assert pictures.shape == (2, 8, 8, 1)
        assert np.isfinite(pictures).all()

    told(sample)
    assert np.asarray(Image.open(grid)).std() > 1, "a grid of one colour"

    assert told(begun("show", "tiny"))["checkpoint"].endswith("step-00000012")
