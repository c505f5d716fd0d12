"""How the processes of a run come to do the same: what clocks, files and pipes decide is decided by rank 0 alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

from tui_lab.runs.spool import Command

Value = TypeVar("Value")


class Agreement(Protocol):
    def share(self, value: Value) -> Value:
        """Rank 0's value, on every rank; all of them call it, in the same order."""
        ...


class Alone:
    """Of one process with itself."""

    def share(self, value: Value) -> Value:
        return value


@dataclass(frozen=True, slots=True)
class Orders:
    """What every process does at one step's boundary, in this order. `leave`: the supervisor is gone. `pause` and
    `undo` say why, and are empty where that is not called for."""

    leave: bool = False
    undo: str = ""
    pause: str = ""
    commands: tuple[Command, ...] = ()
