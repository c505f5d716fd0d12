"""One line of a journal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tui_lab.runs.lines import Document


@dataclass(frozen=True, slots=True)
class Record:
    """One line of a journal. `time` is seconds since 1970; `seq` has no gaps."""

    seq: int
    time: float
    step: int
    kind: str
    data: dict[str, Any]


def as_record(document: Document) -> Record | None:
    seq, when, step = document.get("seq"), document.get("time"), document.get("step")
    kind, data = document.get("kind"), document.get("data")
    if (
        isinstance(seq, int)
        and isinstance(when, int | float)
        and isinstance(step, int)
        and isinstance(kind, str)
        and isinstance(data, dict)
    ):
        return Record(seq, float(when), step, kind, data)
    return None
