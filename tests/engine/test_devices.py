import os

import pytest
import torch

from tui_lab.engine.devices import available_devices, cpu_cores, resolve_device
from tui_lab.errors import DeviceError


def pretend(monkeypatch: pytest.MonkeyPatch, gpus: int, mps: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(("gpus", "mps", "expected"), [(2, True, "cuda:0"), (0, True, "mps"), (0, False, "cpu")])
def test_auto_takes_the_fastest_at_hand(gpus: int, mps: bool, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, gpus, mps)
    assert resolve_device("auto") == torch.device(expected)


def test_a_device_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, 2, False)
    assert available_devices() == ["cuda:0", "cuda:1", "cpu"]
    assert resolve_device("cuda") == torch.device("cuda", 0)
    assert resolve_device("cuda:1") == torch.device("cuda", 1)
    assert resolve_device("cpu") == torch.device("cpu")


def test_one_that_is_missing_is_said_beside_those_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, 1, False)
    with pytest.raises(DeviceError, match=r"there is no device 'cuda:1' here; there is cuda:0 and cpu"):
        resolve_device("cuda:1")


def test_threads_are_the_cores_at_hand_unless_someone_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert 1 <= cpu_cores() <= (os.cpu_count() or 1)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert cpu_cores() == 3
