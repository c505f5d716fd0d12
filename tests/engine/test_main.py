"""A rank from its first word to its last: in this process, which has imported torch already, and once as real ones."""

import io
import os
from pathlib import Path

import pytest
from safetensors.torch import load_file

from tests.conftest import REPOSITORY
from tests.engine.tiny import same, tiny_recipe
from tests.runs.witness import assert_no_gap, assert_private, folded_curve, journal_of, processes_of
from tests.waiting import wait_until
from tui_lab.engine import __main__ as rank
from tui_lab.recipe import Dataset, dump_recipe
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.journal import JournalReader
from tui_lab.runs.launch import start
from tui_lab.runs.lifecycle import read_lifecycle
from tui_lab.runs.status import status_of


def new_run(changes: dict[str, object] | None = None, name: str | None = None) -> RunFolder:
    return RunFolder.create(dump_recipe(tiny_recipe(changes)), name)


def test_a_rank_trains_the_embedded_faces_and_says_what_it_does() -> None:
    folder = new_run({"dataset.resolution": 16, "training.max_train_steps": 2})
    assert rank.main(folder.path) == 0
    records = JournalReader(folder).read_new()
    assert [r.data["message"] for r in records if r.kind == "starting"] == [
        "reading pixel-faces",
        "importing torch and diffusers",
        "building the model",
    ]
    assert records[-1].kind == "finished"
    assert (Path(records[-1].data["pipeline"]) / "model_index.json").is_file()


def test_a_kill_in_a_checkpoints_write_leaves_no_trace_in_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes, the second started by the run's supervisor, and a run that nothing interrupts."""
    monkeypatch.setenv("DIFFUSION_LAB_ENGINE", "tests.engine.dies_in_a_write")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))
    changes = {"training.max_train_steps": 50, "training.checkpointing_steps": 20}
    killed, plain = new_run(changes, "killed"), new_run(changes, "plain")
    start(killed)
    wait_until(lambda: status_of(killed).name == "finished" and not processes_of(killed))
    assert [event.kind for event in read_lifecycle(killed)].count("restarted") == 1
    records = journal_of(killed)
    assert [record.data["to"] for record in records if record.kind == "rewound"] == [20]
    assert_no_gap(folded_curve(records), 0, 50)
    assert_private(killed)

    assert rank.main(plain.path) == 0
    files = sorted(path.name for path in plain.checkpoint(50).glob("*.safetensors"))
    assert {"model.safetensors", "ema.safetensors", "optimizer.safetensors"} <= set(files)
    assert all(same(load_file(killed.checkpoint(50) / one), load_file(plain.checkpoint(50) / one)) for one in files)


def test_a_recipe_that_fails_leaves_one_line_and_a_traceback_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    folder = new_run({"training.mixed_precision": "fp16"})
    assert rank.main(folder.path) == 1
    assert "Traceback" in capsys.readouterr().err
    records = JournalReader(folder).read_new()
    assert records[-1].kind == "failed"
    assert records[-1].data["message"].startswith("the CPU does not train in fp16")
    assert "\n" not in records[-1].data["message"]
    assert records[-1].data["log"].endswith("rank-0.log")
    assert records[-1].data["refused"]  # by its recipe: there is nothing to resume


def test_what_nobody_foresaw_is_one_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = new_run()

    def break_down(dataset: Dataset) -> None:
        raise ZeroDivisionError("division by zero\nand more")

    monkeypatch.setattr(rank, "load_images", break_down)
    with pytest.raises(ZeroDivisionError):
        rank.main(folder.path)
    last = JournalReader(folder).read_new()[-1]
    assert last.kind == "failed"
    assert last.data["message"].startswith("ZeroDivisionError: division by zero (the whole story:")
    assert not last.data["refused"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_log_without_room_costs_the_log_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = new_run({"training.mixed_precision": "fp16"})
    with Path("/dev/full").open("wb", buffering=0) as full, monkeypatch.context() as patched:
        patched.setattr("sys.stderr", io.TextIOWrapper(full, write_through=True))
        assert rank.main(folder.path) == 1
    assert JournalReader(folder).read_new()[-1].data["message"].startswith("the CPU does not train in fp16")
