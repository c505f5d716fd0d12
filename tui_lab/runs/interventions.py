"""What was changed while a run ran, folded from its journal: the recipe is intent, these are what came after."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tui_lab.runs.journal import Record

Changes = dict[str, Any]


class Interventions:
    """The `set` commands that were applied, each once, at the step of its last application.

    A rewind drops those that it names (an undo does); the others beyond its checkpoint are applied again when their
    step comes.
    """

    def __init__(self) -> None:
        self._applied: dict[str, tuple[int, Changes]] = {}

    def feed(self, records: Iterable[Record]) -> None:
        for record in records:
            if record.kind == "applied" and record.data.get("command") == "set":
                changes = {key: pair[1] for key, pair in record.data.get("changes", {}).items()}
                self._applied[str(record.data.get("id"))] = (record.step, changes)
            elif record.kind == "rewound":
                for identity in record.data.get("dropped", ()):
                    self._applied.pop(identity, None)

    def until(self, step: int) -> Changes:
        """Knobs that differ from the recipe at `step`: changes at that step are in."""
        standing: Changes = {}
        for at, changes in self._in_order():
            if at <= step:
                standing.update(changes)
        return standing

    def after(self, step: int) -> list[tuple[int, Changes]]:
        return [(at, changes) for at, changes in self._in_order() if at > step]

    def _in_order(self) -> list[tuple[int, Changes]]:
        return sorted(self._applied.values(), key=lambda item: item[0])  # stable: same step, order of sending
