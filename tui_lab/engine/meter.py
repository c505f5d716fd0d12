"""The numbers of each step: to the journal, and past the guards."""

from __future__ import annotations

import time

import torch

from tui_lab.engine.devices import memory_bytes
from tui_lab.engine.guards import Guards
from tui_lab.engine.learner import Update
from tui_lab.engine.readings import Pending, Readings
from tui_lab.runs.rank import RankSession

MEMORY_SECONDS = 1.0
"""How often the device's memory is looked at."""


class Meter:
    """Updates go in as they come; they are read from the device when it is worth waiting for it."""

    def __init__(self, session: RankSession, guards: Guards, device: torch.device) -> None:
        self._session = session
        self._guards = guards
        self._device = device
        self._readings = Readings(device)
        self._rate = Rate()
        self._memory = (0.0, 0.0)

    def count(self, step: int, update: Update, preview_share: float) -> None:
        """`step` is the one that the update led to."""
        seconds = self._rate.tick()
        known = {
            "learning_rate": update.learning_rate,
            "ema_decay": update.ema_decay,
            "data_share": update.data_seconds / seconds,
            "preview_share": preview_share,
            "steps_per_second": self._rate.steps_per_second,
        }
        self._readings.add(Pending(step, update.loss, update.grad_norm, update.skipped, known))
        if self._readings.due:
            self.read()

    def read(self) -> None:
        """Journal and mind all that is not read yet."""
        for reading in self._readings.take():
            self._session.metrics(
                reading.step,
                loss=reading.loss,
                grad_norm=reading.grad_norm,
                memory=self._memory_now(),
                **reading.known,
            )
            self._guards.mind(reading)

    def flush(self) -> None:
        """Read, and close the journal's window of metrics."""
        self.read()
        self._session.flush_metrics()

    def forget(self) -> None:
        """Training goes on from elsewhere, or after a wait: what is not read yet, and the rate, mean nothing now."""
        self._readings = Readings(self._device)
        self._rate = Rate()

    def _memory_now(self) -> float:
        at, used = self._memory
        if time.monotonic() - at > MEMORY_SECONDS:
            used = float(memory_bytes(self._device))
            self._memory = (time.monotonic(), used)
        return used


class Rate:
    """Steps a second, over about the last two seconds."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self._mean = 0.0

    def tick(self) -> float:
        """A step has ended; the seconds since the one before."""
        now = time.perf_counter()
        seconds, self._last = now - self._last, now
        weight = min(1.0, seconds / 2.0) if self._mean else 1.0
        self._mean += weight * (seconds - self._mean)
        return seconds

    @property
    def steps_per_second(self) -> float:
        return 1.0 / self._mean if self._mean else 0.0
