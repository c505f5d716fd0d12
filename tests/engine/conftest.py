"""A tiny run: 8×8 faces, a UNet of 30,000 parameters, float32; a step takes some 10 ms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from accelerate.state import AcceleratorState, GradientState

from tests.engine.tiny import Tiny
from tui_lab.data import Images


@pytest.fixture(autouse=True)
def fresh_accelerate(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """accelerate and torch keep process-wide state; a rank is a process, a test is not."""
    monkeypatch.setenv("ACCELERATE_TORCH_DEVICE", "cpu")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # a tiny model gains nothing from a second thread
    threads, random = torch.get_num_threads(), torch.get_rng_state()
    torch.set_num_threads(1)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
    torch.set_num_threads(threads)
    torch.set_rng_state(random)
    torch.set_flush_denormal(False)


@pytest.fixture(scope="session")
def images() -> Images:
    from tests.engine.tiny import tiny_images

    return tiny_images()


@pytest.fixture
def tiny(images: Images) -> Any:
    """Makes runs: `tiny({"training.seed": 1})`."""
    return lambda changes=None, **options: Tiny.new(images, changes or {}, **options)
