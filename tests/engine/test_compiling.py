import shutil
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.engine.tiny import Tiny, tiny_recipe
from tui_lab.data import Images
from tui_lab.engine import compiling
from tui_lab.engine.compiling import obstacle, wants_compiled
from tui_lab.engine.startup import lone_learner

CPU, CUDA = torch.device("cpu"), torch.device("cuda:0")
TOLERANCE = 0.02
"""Of each loss of the first updates, against float32 without a compiler."""


def losses(images: Images, device: torch.device = CPU, updates: int = 12, **training: object) -> list[float]:
    changes = {"model.dropout": 0.0, "training.train_batch_size": 16, "training.device": str(device)}
    recipe = tiny_recipe({**changes, **{f"training.{name}": value for name, value in training.items()}})
    learner = lone_learner(recipe, images, device)
    return [float(learner.update().loss) for _ in range(updates)]


@pytest.mark.parametrize(
    ("asked", "device", "wanted"),
    [("auto", CPU, False), ("auto", CUDA, True), ("on", CPU, True), ("off", CUDA, False)],
)
def test_by_itself_only_a_gpu_compiles(asked: str, device: torch.device, wanted: bool) -> None:
    assert wants_compiled(asked, device) is wanted


def test_without_a_compiler_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert obstacle(CPU) == "there is no C++ compiler on this machine"
    monkeypatch.setattr(compiling, "find_spec", lambda name: None)
    assert obstacle(CUDA) == "Triton is not installed"


def test_nor_without_what_compiled_code_is_called_by(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: name)
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    assert obstacle(CPU) == "the headers of Python (Python.h) are not installed"
    (tmp_path / "Python.h").touch()
    assert obstacle(CPU) is None


def test_a_run_without_a_compiler_goes_on_and_is_warned_once(
    tiny: Callable[..., Tiny], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    run = tiny({"training.compile": "on"}).train()
    warnings = [record.data["message"] for record in run.records("warning")]
    assert len(warnings) == 1
    assert "no C++ compiler" in warnings[0]
    assert run.records("finished")


def test_bf16_learns_as_float32_does(images: Images) -> None:
    assert losses(images, mixed_precision="bf16") == pytest.approx(losses(images), rel=TOLERANCE)


@pytest.mark.slow
@pytest.mark.skipif(obstacle(CPU) is not None, reason="needs a C++ compiler")
def test_compiled_for_a_cpu_it_learns_as_without(images: Images) -> None:
    assert losses(images, compile="on") == pytest.approx(losses(images), rel=TOLERANCE)


@pytest.mark.gpu
@pytest.mark.parametrize("training", [{"mixed_precision": "bf16", "compile": "off"}, {"mixed_precision": "bf16"}])
def test_on_a_gpu_it_learns_as_float32_does(images: Images, training: dict[str, object]) -> None:
    plain = losses(images, CUDA, mixed_precision="no", compile="off")
    assert losses(images, CUDA, **training) == pytest.approx(plain, rel=TOLERANCE)
