"""What must be true of a run whatever was done to it: read from its folder alone, by means of the tests' own.

The journal is folded here again, in plain Python, so that a mistake in the lab's own folding shows.
"""

from __future__ import annotations

import json
import math
import stat
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import psutil

from tests.standin_engine import State, knobs_of
from tui_lab.recipe import replaced
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.journal import JournalReader, Record
from tui_lab.tui.attached import AttachedRun

Changes = dict[str, Any]


@dataclass(frozen=True)
class Point:
    """A window of steps on the curve."""

    first_step: int
    step: int
    count: int
    loss: float


def journal_of(folder: RunFolder) -> list[Record]:
    """All of it; AssertionError where a line is damaged or a number is missing."""
    reader = JournalReader(folder)
    records = reader.read_new()
    assert reader.skipped == 0, f"{reader.skipped} damaged lines in the journal of {folder.id}"
    assert [record.seq for record in records] == list(range(1, len(records) + 1)), "seq has gaps"
    return records


def standing_changes(records: Iterable[Record]) -> list[tuple[int, Changes]]:
    """Live changes that count, in the order of their steps; what an undo dropped is not among them."""
    applied: list[tuple[str, int, Changes]] = []
    for record in records:
        if record.kind == "rewound":
            dropped = record.data.get("dropped", ())
            applied = [one for one in applied if one[0] not in dropped]
        elif record.kind == "applied" and record.data["command"] == "set":
            news = {key: new for key, (_, new) in record.data["changes"].items()}
            applied.append((record.data["id"], record.step, news))
    return sorted(((step, news) for _, step, news in applied), key=lambda change: change[0])


def standin_states(folder: RunFolder, records: Iterable[Record], origin: State, until: int) -> list[State]:
    """States of a run that nothing ever disturbed, from `origin` to `until` steps: recipe and live changes alone."""
    recipe, changes = folder.recipe(), standing_changes(records)
    knobs, state, states = knobs_of(recipe), origin, [origin]
    while state.step < until:
        due = [change for at, change in changes if at <= state.step]
        if due:
            changes = changes[len(due) :]
            for change in due:
                recipe = replaced(recipe, change)
            knobs = knobs_of(recipe)
        state = state.after_a_step(recipe.training.train_batch_size, knobs)
        states.append(state)
    return states


def checkpointed_state(folder: RunFolder, step: int) -> State:
    return State(**json.loads((folder.checkpoint(step) / "state.json").read_text()))


def folded_curve(records: Iterable[Record]) -> list[Point]:
    points: list[Point] = []
    for record in records:
        if record.kind == "metrics":
            mean = record.data["loss"]["mean"]
            points.append(
                Point(record.data["first_step"], record.step, record.data["count"], math.nan if mean is None else mean)
            )
        elif record.kind == "rewound":
            points = [point for point in points if point.step <= record.data["to"]]
    return points


def assert_no_gap(points: Sequence[Point], begin: int, end: int) -> None:
    """Every step from `begin` to `end` is on the curve once."""
    covered = begin
    for point in points:
        assert (point.first_step, point.count) == (covered + 1, point.step - covered), (
            f"the curve is whole up to step {covered}, and goes on with {point}"
        )
        covered = point.step
    assert covered == end, f"the curve ends at step {covered}, the run at {end}"


def assert_reader_agrees(reader: AttachedRun, points: Sequence[Point]) -> None:
    """A client that followed the run shows what one that reads the whole journal now would."""
    reader.poll()
    assert reader.curves.steps.tolist() == [point.step for point in points]
    assert reader.curves.loss.tolist() == [point.loss for point in points]


def assert_commands_are_kept(folder: RunFolder, records: Sequence[Record], sent: Iterable[str]) -> None:
    """Every command has one answer; yes means journalled as applied, once; no means not applied."""
    taken = Counter(record.data["id"] for record in records if record.kind == "command")
    applied = Counter(record.data["id"] for record in records if record.kind == "applied")
    rejected = Counter(record.data["id"] for record in records if record.kind == "rejected")
    for word, counted in (("taken", taken), ("applied", applied), ("rejected", rejected)):
        twice = [identity for identity, count in counted.items() if count > 1]
        assert not twice, f"{word} more than once: {twice}"
    assert not applied.keys() - taken.keys(), "applied, but never taken"
    assert not applied.keys() & rejected.keys(), f"applied and rejected: {applied.keys() & rejected.keys()}"
    waiting = [path.name for path in folder.commands_new.iterdir()]
    assert not waiting, f"never answered: {waiting}"
    answers = {
        path.name.removesuffix(".answer.json"): json.loads(path.read_bytes())
        for path in folder.commands_done.glob("*.answer.json")
    }
    assert not set(sent) - answers.keys(), f"never answered: {set(sent) - answers.keys()}"
    for identity, answer in answers.items():
        assert answer["ok"] == (identity in applied), f"{answer} answers what was applied {applied[identity]} times"


def assert_private(folder: RunFolder) -> None:
    for path in folder.path.rglob("*"):
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), f"{path} has mode {mode:o}"


def processes_of(folder: RunFolder) -> list[psutil.Process]:
    """Supervisors and ranks that go, found by their command line: independent of what the lab recorded of them."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        if str(folder.path) in words and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found
