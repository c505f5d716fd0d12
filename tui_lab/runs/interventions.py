"""What was changed while a run ran, folded from its journal: the recipe is intent, these are what came after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tui_lab.recipe import Recipe, replaced
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.journal import JournalReader
from tui_lab.runs.record import Record

Changes = dict[str, Any]


class Applied(NamedTuple):
    """A `set` that took effect at `step`; `changes` {knob: [old, new]}, `client` is who sent it."""

    step: int
    id: str
    changes: dict[str, list[Any]]
    client: dict[str, Any]

    @property
    def new(self) -> Changes:
        return {key: pair[1] for key, pair in self.changes.items()}


class Interventions:
    """The `set` commands that were applied, and those that a replay has yet to apply, in the order of their steps.

    A rewind drops those that it names (an undo does); the others beyond its checkpoint are applied again when their
    step comes.
    """

    def __init__(self) -> None:
        self._applied: list[Applied] = []
        self._clients: dict[str, dict[str, Any]] = {}

    def feed(self, records: Iterable[Record]) -> None:
        for record in records:
            data = record.data
            if record.kind == "command" and data.get("command") == "set":
                client = data.get("client")
                self._clients[str(data.get("id"))] = client if isinstance(client, dict) else {}
            elif record.kind == "applied" and data.get("command") == "set":
                self._add(record.step, str(data.get("id")), data.get("changes", {}))
            elif record.kind == "rewound":
                dropped = set(data.get("dropped", ()))
                self._applied = [one for one in self._applied if one.id not in dropped]
            elif record.kind == "replays":
                for one in data.get("changes", ()):
                    self._clients[str(one["id"])] = one["client"]
                    self._add(int(one["step"]), str(one["id"]), one["changes"])

    def until(self, step: int) -> Changes:
        """Knobs that differ from the recipe at `step`: changes at that step are in."""
        standing: Changes = {}
        for one in self.applied:
            if one.step <= step:
                standing.update(one.new)
        return standing

    def after(self, step: int) -> list[tuple[int, Changes]]:
        return [(one.step, one.new) for one in self.applied if one.step > step]

    @property
    def applied(self) -> list[Applied]:
        """All that count, in the order in which they take effect."""
        return sorted(self._applied, key=lambda one: one.step)  # stable: same step, order of sending

    def _add(self, step: int, identity: str, changes: Mapping[str, list[Any]]) -> None:
        pairs = {key: list(pair) for key, pair in changes.items()}
        self._applied.append(Applied(step, identity, pairs, self._clients.get(identity, {})))


def recipe_now(folder: RunFolder) -> Recipe:
    """A run's recipe with all live changes that count, as it stands once it is where it has come to."""
    interventions = Interventions()
    interventions.feed(JournalReader(folder).read_events())
    standing: Changes = {}
    for one in interventions.applied:
        standing.update(one.new)
    return replaced(folder.recipe(), standing)
