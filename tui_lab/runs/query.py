"""Which runs are meant, and in which order: the filter that is typed, the columns to sort by, forks below parents."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from tui_lab.errors import RunError
from tui_lab.runs.status import Status

FIELDS: Mapping[str, Callable[[Status], str]] = {
    "run": lambda status: status.run,
    "status": lambda status: status.name,
    "recipe": lambda status: status.recipe,
    "device": lambda status: status.device,
    "parent": lambda status: status.parent or "",
}
"""What a filter's `field:` may name; a word without one looks at all of them."""

_NAMES = ("running", "starting", "paused", "lost", "failed", "stopped", "finished")
SORTS: Mapping[str, Callable[[Status], float | str | None]] = {
    "run": lambda status: status.run,
    "status": lambda status: _NAMES.index(status.name),
    "recipe": lambda status: status.recipe,
    "step": lambda status: status.step,
    "loss": lambda status: status.loss,
    "speed": lambda status: status.steps_per_second if status.alive else None,
    "device": lambda status: status.device,
    "begun": lambda status: status.created,
    "heard": lambda status: status.updated,
    "parent": lambda status: status.parent,
}
"""What runs are sorted by; None stands last, whichever way. By status: what goes on first, then what needs help."""
FALLING = frozenset({"step", "speed", "begun", "heard"})
"""Where the largest comes first, unless it is asked for the other way round."""


class Term(NamedTuple):
    """One word of a filter: in one field ("" for any), one of `patterns`, or with `negated` none of them."""

    field: str
    patterns: tuple[str, ...]
    negated: bool


class Filter:
    """ "status:failed,lost recipe:pixel-* -wren": all words have to hold. A word is part of a name, or a glob."""

    def __init__(self, text: str = "") -> None:
        self.text = text
        self._terms = [_term(word) for word in text.lower().split()]

    def matches(self, status: Status) -> bool:
        return all(_holds(term, status) for term in self._terms)

    def __bool__(self) -> bool:
        return bool(self._terms)


def _term(word: str) -> Term:
    negated = word.startswith(("-", "!")) and len(word) > 1
    field, colon, value = word.lstrip("-!").partition(":")
    if not colon or field not in FIELDS:
        field, value = "", word[1:] if negated else word
    return Term(field, tuple(filter(None, value.split(","))) if field else (value,), negated)


def _holds(term: Term, status: Status) -> bool:
    if not term.patterns:  # "status:", while its value is still being typed
        return True
    values = [FIELDS[term.field](status)] if term.field else [of(status) for of in FIELDS.values()]
    found = any(_like(value.lower(), pattern) for value in values for pattern in term.patterns)
    return found != term.negated


def _like(value: str, pattern: str) -> bool:
    return fnmatchcase(value, pattern) if any(sign in pattern for sign in "*?[") else pattern in value


def in_order(statuses: Iterable[Status], by: str = "begun", reverse: bool = False) -> list[Status]:
    """Sorted by a name of SORTS; a run that has no such value comes last. Raises RunError for another name."""
    if by not in SORTS:
        raise RunError(f"runs cannot be sorted by {by!r}: there are {', '.join(SORTS)}")
    of = SORTS[by]
    known: list[Status] = []
    unknown: list[Status] = []
    for status in statuses:
        value = of(status)
        missing = value is None or value == "" or (isinstance(value, float) and math.isnan(value))
        (unknown if missing else known).append(status)
    known.sort(key=of, reverse=(by in FALLING) != reverse)  # type: ignore[arg-type] # one type a column
    return [*known, *unknown]


def families(statuses: Sequence[Status]) -> list[tuple[int, Status]]:
    """(depth, status): every fork below its parent, the order else kept. A fork whose parent is not here is a root."""
    here = {status.run for status in statuses}
    children: dict[str, list[Status]] = {}
    roots = []
    for status in statuses:
        if status.parent in here and status.parent != status.run:
            children.setdefault(str(status.parent), []).append(status)
        else:
            roots.append(status)
    ordered: list[tuple[int, Status]] = []
    waiting = [(0, root) for root in reversed(roots)]
    while waiting:
        depth, status = waiting.pop()
        ordered.append((depth, status))
        waiting += [(depth + 1, child) for child in reversed(children.pop(status.run, []))]
    return ordered + [(0, left) for siblings in children.values() for left in siblings]  # whose parents go in a circle
