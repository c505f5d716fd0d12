import pytest
import torch

from tests.engine.tiny import tiny_recipe
from tui_lab.engine.memory import check_memory, is_out_of_memory
from tui_lab.errors import DeviceError
from tui_lab.models import build

CPU = torch.device("cpu")


def test_what_every_parameter_takes_is_compared_with_what_is_free() -> None:
    recipe = tiny_recipe()
    needed = 4 * 6 * sum(parameter.numel() for parameter in build(recipe).parameters())
    check_memory(recipe, needed, CPU)
    with pytest.raises(DeviceError, match=r"the model has 0\.0 M parameters, and training it takes at least"):
        check_memory(recipe, needed - 1, CPU)


def test_without_ema_there_is_one_less() -> None:
    recipe = tiny_recipe({"ema.enabled": False})
    needed = 4 * 5 * sum(parameter.numel() for parameter in build(recipe).parameters())
    check_memory(recipe, needed, CPU)
    with pytest.raises(DeviceError):
        check_memory(recipe, needed - 1, CPU)


def test_a_model_far_too_large_is_refused_before_it_is_built() -> None:
    """2.6 T parameters: building them would take 10 TB."""
    huge = {"model.block_out_channels": (65536, 131072), "model.norm_num_groups": 32}
    with pytest.raises(DeviceError, match=r"M parameters.*GiB.*but cpu has 64\.0 GiB free: take a smaller \[model\]"):
        check_memory(tiny_recipe(huge), 64 * 2**30, CPU)


def test_a_full_memory_is_told_from_other_failures() -> None:
    with pytest.raises(RuntimeError) as of_the_machine:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert is_out_of_memory(of_the_machine.value)
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    with pytest.raises(RuntimeError) as another:
        torch.zeros(2) @ torch.zeros(3)
    assert not is_out_of_memory(another.value)
