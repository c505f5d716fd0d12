"""A rank as a real process. Importing torch takes seconds, so there are two of these."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.tiny import tiny_recipe
from tui_lab.recipe import dump_recipe
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.journal import JournalReader, Record


def train(changes: dict[str, object]) -> tuple[subprocess.CompletedProcess[str], list[Record]]:
    folder = RunFolder.create(dump_recipe(tiny_recipe({"dataset.resolution": 16, **changes})))
    command = [sys.executable, "-m", "tui_lab.engine", str(folder.path)]
    process = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    return process, JournalReader(folder).read_new()


def test_a_rank_trains_the_embedded_faces_and_says_what_it_does() -> None:
    process, records = train({"training.max_train_steps": 2})
    assert process.returncode == 0, process.stderr
    assert [r.data["message"] for r in records if r.kind == "starting"] == [
        "reading pixel-faces",
        "importing torch and diffusers",
        "building the model",
    ]
    assert records[-1].kind == "finished"
    assert (Path(records[-1].data["pipeline"]) / "model_index.json").is_file()


def test_a_recipe_that_fails_leaves_one_line_and_a_traceback_in_the_log() -> None:
    process, records = train({"training.mixed_precision": "fp16"})
    assert process.returncode == 1
    assert "Traceback" in process.stderr
    assert records[-1].kind == "failed"
    assert records[-1].data["message"].startswith("the CPU does not train in fp16")
    assert "\n" not in records[-1].data["message"]
    assert records[-1].data["log"].endswith("rank-0.log")
    assert records[-1].data["refused"]  # by its recipe: there is nothing to resume


def test_what_nobody_foresaw_is_one_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from tui_lab.engine import __main__ as rank

    folder = RunFolder.create(dump_recipe(tiny_recipe()))

    def break_down(dataset: object) -> None:
        raise ZeroDivisionError("division by zero\nand more")

    monkeypatch.setattr(rank, "load_images", break_down)
    with pytest.raises(ZeroDivisionError):
        rank.main(str(folder.path))
    last = JournalReader(folder).read_new()[-1]
    assert last.kind == "failed"
    assert last.data["message"].startswith("ZeroDivisionError: division by zero (the whole story:")
    assert not last.data["refused"]
