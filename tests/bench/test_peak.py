import pytest
import torch

from tui_lab.bench.peak import measured_flops, peak_flops


def test_a_cpus_peak_is_measured() -> None:
    assert 1e8 < measured_flops(torch.device("cpu"), 64) < 1e15


def test_a_gpu_is_known_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA H100 80GB HBM3")
    assert peak_flops(torch.device("cuda:0")) == (989e12, "by its sheet")
