"""Who did what to a run, when and at which step: the interventions that are part of its result, folded from the
journal. Also what the run did by itself that changed its course: a guard's pause, a rewind after a death."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from tui_lab.recipe import KNOBS
from tui_lab.runs.record import Record

STEERING = ("set", "pause", "resume", "stop", "undo")
"""Commands that change a run's course; a preview or a checkpoint does not."""
Outcome = Literal["waiting", "applied", "rejected", "dropped"]


@dataclass(frozen=True, slots=True)
class Intervention:
    """`kind` is a command's, or "guard" (the run paused by itself) or "rewound". `time` is when it took effect, in
    seconds since 1970, and `step` at which step; `changes` {knob: [old, new]}. `outcome` is "dropped" once an undo went
    back before it. `user`, `tty` and `pid` are empty for what no person asked for."""

    id: str
    kind: str
    outcome: Outcome
    step: int
    time: float
    user: str = ""
    tty: str = ""
    pid: int = 0
    changes: dict[str, list[Any]] = field(default_factory=dict)
    message: str = ""

    def as_json(self) -> dict[str, Any]:
        """What `show --json` prints of it; the keys are stable."""
        return asdict(self)

    @property
    def words(self) -> str:
        """ "learning_rate 1e-3 → 1e-1", "pause", "undo: back from step 540 to 200"."""
        if self.changes:
            return changed_words(self.changes)
        return f"{self.kind}: {self.message}" if self.message else self.kind

    @property
    def who(self) -> str:
        """ "ada on pts/3, pid 4242"; "the run itself" for what no person asked for."""
        if not self.user and not self.pid:
            return "the run itself"
        place = f" on {self.tty.removeprefix('/dev/')}" if self.tty else ""
        return f"{self.user or 'someone'}{place}, pid {self.pid}"


def changed_words(changes: dict[str, list[Any]]) -> str:
    """ "learning_rate 1e-3 → 1e-1, decay 0.99 → 0.9"."""
    parts = []
    for key, (old, new) in changes.items():
        knob = KNOBS.get(key)
        was, now = (knob.format(old), knob.format(new)) if knob is not None else (str(old), str(new))
        parts.append(f"{key.partition('.')[2] or key} {was} → {now}")
    return ", ".join(parts)


class Provenance:
    """Feed it the journal's records as they come."""

    def __init__(self) -> None:
        self._by_id: dict[str, Intervention] = {}  # in the order in which they took effect

    def feed(self, records: Iterable[Record]) -> None:
        for record in records:
            identity = str(record.data.get("id", ""))
            if record.kind == "command" and record.data.get("command") in STEERING:
                self._by_id[identity] = _asked(identity, record)
            elif record.kind in ("applied", "rejected") and identity in self._by_id:
                self._answered(identity, record)
            elif record.kind == "paused" and self._waiting("pause") is None:
                self._by_itself("guard", record, str(record.data.get("message", "")))
            elif record.kind == "rewound":
                self._rewound(record)
            elif record.kind == "replays":
                for one in record.data.get("changes", ()):
                    self._replayed(one, record.time)

    def _answered(self, identity: str, record: Record) -> None:
        asked = self._by_id.pop(identity)
        if record.kind == "rejected":
            why = str(record.data.get("message", ""))
            self._by_id[identity] = replace(asked, outcome="rejected", step=record.step, message=why)
            return
        changes = {str(key): list(pair) for key, pair in record.data.get("changes", {}).items()}
        self._by_id[identity] = replace(
            asked, outcome="applied", step=record.step, time=record.time, changes=changes or asked.changes
        )

    def _rewound(self, record: Record) -> None:
        for identity in record.data.get("dropped", ()):
            if identity in self._by_id:
                self._by_id[identity] = replace(self._by_id[identity], outcome="dropped")
        why = str(record.data.get("why") or "")
        words = f"from step {record.data['from']} back to {record.data['to']}"
        asked = self._waiting("undo")
        if asked is not None:
            self._by_id[asked.id] = replace(asked, message=words)
        else:
            self._by_itself("rewound", record, f"{words}: {why}" if why else words)

    def _waiting(self, kind: str) -> Intervention | None:
        """The command of that kind which is being carried out."""
        return next((one for one in self._by_id.values() if one.kind == kind and one.outcome == "waiting"), None)

    def _replayed(self, change: dict[str, Any], time: float) -> None:
        """A change that a replay takes over from the run that it repeats, with who made it there."""
        identity, changes = str(change["id"]), {str(key): list(pair) for key, pair in change["changes"].items()}
        who = _client(change.get("client"))
        self._by_id[identity] = Intervention(
            identity, "set", "applied", int(change["step"]), time, *who, changes, "replayed"
        )

    def _by_itself(self, kind: str, record: Record, message: str) -> None:
        identity = f"{kind}-{record.seq}"
        self._by_id[identity] = Intervention(identity, kind, "applied", record.step, record.time, message=message)

    def of(self, identity: str) -> Intervention | None:
        """The intervention of a command's id, if it steered."""
        return self._by_id.get(identity)

    @property
    def interventions(self) -> list[Intervention]:
        """In the order in which they took effect, which is the journal's: clocks may be put back."""
        return list(self._by_id.values())


def _asked(identity: str, record: Record) -> Intervention:
    asked = record.data.get("data", {}).get("changes", {}) if record.data.get("command") == "set" else {}
    changes = {str(key): [None, new] for key, new in asked.items()} if isinstance(asked, dict) else {}
    who = _client(record.data.get("client"))
    return Intervention(identity, str(record.data["command"]), "waiting", record.step, record.time, *who, changes)


def _client(client: object) -> tuple[str, str, int]:
    """(user, tty, pid) of what a command says of its sender."""
    if not isinstance(client, dict):
        return "", "", 0
    pid = client.get("pid")
    return str(client.get("user", "")), str(client.get("tty", "")), pid if isinstance(pid, int) else 0
