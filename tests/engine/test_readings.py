import torch

from tui_lab.engine.readings import Pending, Reading, Readings


def pending(step: int, loss: float, skipped: bool = False) -> Pending:
    return Pending(step, torch.tensor(loss), torch.tensor(0.5), torch.tensor(skipped), {"learning_rate": step / 10})


def test_every_step_is_read_once_in_order() -> None:
    readings = Readings(torch.device("cpu"))
    readings.add(pending(1, 0.25))
    readings.add(pending(2, float("nan"), skipped=True))
    assert readings.due
    first, second = readings.take()
    assert first == Reading(1, 0.25, 0.5, False, {"learning_rate": 0.1})
    assert (second.step, second.skipped) == (2, True)
    assert second.loss != second.loss
    assert readings.take() == []
    assert not readings.due


def test_on_a_gpu_a_step_is_not_waited_for() -> None:
    readings = Readings(torch.device("cuda"))
    readings.add(pending(1, 0.25))
    assert not readings.due
