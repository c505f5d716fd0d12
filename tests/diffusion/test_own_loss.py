"""A person's own loss file, in its process: what it answers, and what is said of one that fails."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from torch import Tensor

from tests.diffusion.gaussian import recipe_of
from tests.waiting import gone, wait_until
from tui_lab.diffusion import own_loss
from tui_lab.diffusion.controls import Pictures, controlled
from tui_lab.diffusion.noise_schedulers import build_sampler
from tui_lab.diffusion.own_loss import OwnLoss, evaluate, file_sha256
from tui_lab.diffusion.sampling import DenoisingStep, initial_noise
from tui_lab.errors import LossFileError
from tui_lab.recipe.denoising import Denoising, parse_denoising

# diffusers 0.42 hands torch tensors to numpy 2 in its old way.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

X0 = initial_noise((3, 3, 8, 8), 0).clamp(-1, 1)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Callable[..., OwnLoss]]:
    """Starts one on a file of this text; it is closed when the test is over."""
    started: list[OwnLoss] = []

    def start(text: str, **how: Any) -> OwnLoss:
        path = tmp_path / "mine.py"
        path.write_text(text)
        started.append(OwnLoss(path, **how))
        return started[-1]

    yield start
    for each in started:
        each.close()


def process_of(path: Path) -> int:
    """The process that runs the file."""
    return next(child.pid for child in psutil.Process().children() if str(path) in child.cmdline())


class TestEvaluate:
    """In this process: the other one does the same."""

    def test_a_loss_of_each_picture(self) -> None:
        gradient = evaluate(lambda x0: (x0**2).sum(dim=(1, 2, 3)), X0)
        assert torch.allclose(gradient, 2 * X0)

    def test_a_loss_in_one_number_is_taken_of_each_picture_alone(self) -> None:
        gradient = evaluate(lambda x0: (x0**2).mean(), X0)
        assert torch.allclose(gradient, 2 * X0 / X0[0].numel())  # of the batch, it would be a third of that

    @pytest.mark.parametrize(
        ("loss", "says"),
        [
            (lambda x0: None, "loss(x0) returned NoneType, not a tensor"),
            (lambda x0: float(x0.detach().mean()), "loss(x0) returned float, not a tensor"),
            (
                lambda x0: x0.mean(dim=1),
                "loss(x0) returned 3×8×8 numbers, not one for each of 3 pictures, or one alone",
            ),
            (lambda x0: x0.mean() * torch.nan, "loss(x0) returned nan"),
            (lambda x0: x0.flatten(1).sum(1) * torch.inf, "loss(x0) returned "),
            (lambda x0: x0.detach().flatten(1).sum(1), "loss(x0) does not depend on x0, as far as torch can follow it"),
            (lambda x0: torch.ones(3, requires_grad=True), "loss(x0) does not depend on x0"),
            (
                lambda x0: (0 * x0).flatten(1).norm(dim=1) + (0 * x0.flatten(1).sum(1)).sqrt(),
                "the gradient of loss(x0)",
            ),
        ],
    )
    def test_an_answer_that_is_none(self, loss: Callable[[Tensor], object], says: str) -> None:
        with pytest.raises(LossFileError) as raised:
            evaluate(loss, X0)
        assert raised.value.message.startswith(says)


PRINTS = """
import os, sys
print("hello")
sys.stdin.read()

def loss(x0):
    print(x0.shape)
    if len(x0) == 2:
        os._exit(7)
    return (x0[:, 0] - 1).square().mean(dim=(1, 2))
"""


def test_it_answers_as_often_as_it_is_asked_whatever_the_file_prints(own: Callable[..., OwnLoss]) -> None:
    red = own(PRINTS)
    for x0 in (X0, X0[:1], -X0):
        expected = torch.zeros_like(x0)
        expected[:, 0] = 2 * (x0[:, 0] - 1) / 64
        assert torch.allclose(red(x0), expected)
    with pytest.raises(LossFileError, match=r"^mine\.py: its process ended by itself \(exit code 7\)$"):
        red(X0[:2])


def test_a_file_that_raises_shows_where_and_the_log_has_all(
    own: Callable[..., OwnLoss], caplog: pytest.LogCaptureFixture
) -> None:
    mine = own("def half(x):\n    return x / '\x1b[31m2'\n\ndef loss(x0):\n    return half(x0).mean()\n")
    with caplog.at_level(logging.WARNING), pytest.raises(LossFileError) as raised:
        mine(X0)
    assert raised.value.message == (
        "mine.py: line 5, in loss: return half(x0).mean() › line 2, in half: return x / '�[31m2' › "
        "TypeError: unsupported operand type(s) for /: 'Tensor' and 'str'"
    )
    assert "Traceback (most recent call last):\n" in caplog.text
    assert "\x1b" not in caplog.text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def los(x0):\n    return x0.mean()\n", "LossFileError: it defines no loss(x0)"),
        ("def loss(x0)\n    return x0.mean()\n", "SyntaxError: expected ':'"),
        ("raise SystemExit('enough')\n", "line 1, in <module>: raise SystemExit('enough') › SystemExit: enough"),
        (
            "import other\n",
            "line 1, in <module>: import other › other.py line 2, in <module>: 1 / 0 › ZeroDivisionError",
        ),
    ],
)
def test_a_file_that_cannot_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, says: str) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    path, beside = tmp_path / "mine.py", tmp_path / "other.py"
    path.write_text(text)
    beside.write_text("# divides\n1 / 0\n")
    with pytest.raises(BaseException) as raised:  # SystemExit is none of Exception
        own_loss._load(path)
    told = own_loss._told(raised.value, path)
    assert says in told
    assert "\n" not in told


def test_one_that_never_returns_is_stopped_with_what_it_has_started(
    own: Callable[..., OwnLoss], tmp_path: Path
) -> None:
    note = tmp_path / "pid"
    begins = f"import subprocess as s\nopen({str(note)!r}, 'w').write(str(s.Popen(['sleep', '600']).pid))\n"
    mine = own(f"{begins}def loss(x0):\n    while True:\n        pass\n", call_seconds=0.2)
    process = process_of(tmp_path / "mine.py")
    with pytest.raises(LossFileError, match=r"^mine\.py: loss\(x0\) did not return within 0\.2 s, and was stopped$"):
        mine(X0)
    assert gone(process)
    wait_until(lambda: gone(int(note.read_text())))


def test_an_import_that_takes_too_long_is_stopped(own: Callable[..., OwnLoss]) -> None:
    mine = own("import time\ntime.sleep(600)\n", import_seconds=0.1)
    with pytest.raises(LossFileError, match=r"was not imported within 0\.1 s"):
        mine(X0)


def test_whoever_waits_is_let_go_when_it_is_killed(own: Callable[..., OwnLoss]) -> None:
    mine = own("import time\ntime.sleep(600)\n")
    threading.Thread(target=mine.kill).start()
    with pytest.raises(LossFileError, match=r"its process ended by itself \(SIGKILL\)"):
        mine(X0)


def test_one_that_nobody_holds_any_more_leaves_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("def loss(x0):\n    return x0.mean()\n")
    mine = OwnLoss(path)
    process = process_of(path)
    mine(X0)
    del mine
    wait_until(lambda: gone(process))


@pytest.mark.parametrize("start", ["noise", "inversion"])
def test_it_guides_a_denoising_and_goes_with_it(tmp_path: Path, start: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text("def loss(x0):\n    return (x0[:, 0] - 1).abs().mean()\n")
    recipe = recipe_of({"noise_scheduler.prediction_type": "sample", "sampling.num_inference_steps": 4})
    image = {"kind": "data", "index": 0}
    plain = parse_denoising({"source": "a-run", "start": {"kind": start, "image": image}})

    def half(x: Tensor, t: Tensor) -> Tensor:
        return 0.5 * x

    def steps(asked: Denoising) -> Generator[DenoisingStep, None, None]:
        pictures = Pictures(start=X0[0])
        sampler, cpu = build_sampler(recipe), torch.device("cpu")
        return controlled(asked, recipe.sampling, sampler, lambda places: half, tuple(X0.shape), pictures, cpu)

    pulling, plainly = steps(plain.changed(pull={"kind": "file", "path": str(path)})), steps(plain)
    next(pulling)
    process = process_of(path)
    if start == "noise":  # on the way up nothing pulls
        pulled, alone = next(pulling), list(plainly)[1]
        assert (pulled.x0 - alone.x0)[:, 0].mean() > 0.01
        assert torch.allclose(pulled.x0[:, 1:], alone.x0[:, 1:], atol=1e-5)
    pulling.close()
    assert gone(process)


def test_a_file_that_is_not_there_or_another_one(tmp_path: Path) -> None:
    with pytest.raises(LossFileError, match="No such file or directory; name a Python file"):
        OwnLoss(tmp_path / "none.py")
    path = tmp_path / "mine.py"
    path.write_text(PRINTS)
    was = file_sha256(path)
    path.write_text(PRINTS + "# changed\n")
    with pytest.raises(LossFileError, match=r"mine\.py is another file than it was: choose it again"):
        OwnLoss(path, was)
