import pytest
import torch

from tui_lab.engine import precision
from tui_lab.engine.precision import resolve_precision
from tui_lab.errors import DeviceError

CPU, CUDA, MPS = torch.device("cpu"), torch.device("cuda", 0), torch.device("mps")


@pytest.mark.parametrize(("fast", "expected"), [(True, "bf16"), (False, "no")])
def test_auto_takes_bf16_on_a_cpu_that_multiplies_it(
    fast: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "_cpu_multiplies_bf16", lambda: fast)
    assert resolve_precision("auto", CPU) == expected


@pytest.mark.parametrize(("supported", "expected"), [(True, "bf16"), (False, "fp16")])
def test_auto_takes_what_a_gpu_is_fast_at(supported: bool, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: supported)
    assert resolve_precision("auto", CUDA) == expected


def test_auto_stays_in_float32_where_nothing_is_known_to_be_faster() -> None:
    assert resolve_precision("auto", MPS) == "no"


def test_what_is_asked_for_is_what_one_gets() -> None:
    assert [resolve_precision(asked, CPU) for asked in ("no", "bf16")] == ["no", "bf16"]


def test_what_a_device_cannot_do_is_said_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DeviceError, match=r"set training\.mixed_precision to bf16, no or auto"):
        resolve_precision("fp16", CPU)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: False)
    with pytest.raises(DeviceError, match="cuda:0 cannot compute in bf16"):
        resolve_precision("bf16", CUDA)
