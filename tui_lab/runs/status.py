"""How a run is, derived anew each time from its lock, journal and lifecycle; never stored."""

from __future__ import annotations

import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tui_lab.runs.exports import is_export
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.lifecycle import Event, read_lifecycle
from tui_lab.runs.lock import is_locked
from tui_lab.runs.record import Record
from tui_lab.runs.tail import LastWords, last_words

StatusName = Literal["starting", "running", "paused", "finished", "stopped", "failed", "lost"]
_LAST: dict[str, StatusName] = {"finished": "finished", "stopped": "stopped", "failed": "failed"}
_ALIVE: dict[str, StatusName] = {
    "starting": "starting",
    "started": "running",
    "resumed": "running",
    "metrics": "running",
    "paused": "paused",
}


ASKED_FOR = "asked for"
"""What the message of a paused run says where a person paused it; else it is the reason."""
_LEAST_ROOM = 4096


@dataclass(frozen=True)
class Status:
    """`updated` is the time of the last journal record; `alive` says that a supervisor holds the run; `refused` that it
    failed before its first step, because what its recipe asks for cannot be."""

    run: str
    path: Path
    name: StatusName
    alive: bool
    recipe: str
    step: int
    max_train_steps: int
    loss: float | None
    steps_per_second: float | None
    message: str
    device: str
    device_name: str
    checkpoint: Path | None
    pipeline: Path | None
    parent: str | None
    parent_step: int | None
    created: float
    updated: float
    refused: bool

    def as_json(self) -> dict[str, Any]:
        """What `show --json` prints; the keys are stable."""
        return {
            "run": self.run,
            "path": str(self.path),
            "status": self.name,
            "step": self.step,
            "loss": self.loss,
            "steps_per_second": self.steps_per_second,
            "checkpoint": str(self.checkpoint) if self.checkpoint else None,
            "pipeline": str(self.pipeline) if self.pipeline else None,
            "recipe": self.recipe,
            "max_train_steps": self.max_train_steps,
            "device": self.device,
            "message": self.message,
            "parent": self.parent,
            "parent_step": self.parent_step,
            "created": self.created,
            "updated": self.updated,
        }


def status_of(folder: RunFolder) -> Status:
    alive = is_locked(folder)  # before the journal is read: what is not held writes no more
    words = last_words(folder)
    events = read_lifecycle(folder)
    name, message = _alive(words, events) if alive else _gone(words, events)
    if name == "running" and shutil.disk_usage(folder.path).free < _LEAST_ROOM:  # its own word would find no room
        message = f"no room left on the disk of {folder.path}: it waits until there is"
    created = folder.recipe_path.stat().st_mtime
    recipe, max_train_steps = _asked(folder)
    metrics = words.metrics.data if words.metrics else {}
    started = words.started.data if words.started else {}
    steps = folder.checkpoint_steps()
    parent = folder.parent()
    return Status(
        run=folder.id,
        path=folder.path,
        name=name,
        alive=alive,
        recipe=recipe,
        step=words.last.step if words.last else (steps[-1] if steps else 0),
        max_train_steps=max_train_steps,
        loss=metrics.get("loss", {}).get("mean"),
        steps_per_second=metrics.get("steps_per_second", {}).get("last"),
        message=message,
        device=str(started.get("device", "")),
        device_name=str(started.get("device_name", "")),
        checkpoint=folder.checkpoint(steps[-1]) if steps else None,
        pipeline=folder.pipeline if is_export(folder.pipeline) else None,
        parent=str(parent["run"]) if parent else None,
        parent_step=int(parent["step"]) if parent else None,
        created=created,
        updated=words.last.time if words.last else created,
        refused=name == "failed" and words.state is not None and bool(words.state.data.get("refused")),
    )


def _alive(words: LastWords, events: list[Event]) -> tuple[StatusName, str]:
    state = words.state
    begun = any(event.kind == "started" for event in events) and events[-1].kind != "ended"
    if state is None or not begun or not _is_of_this_start(state, events):
        return "starting", ""
    return (_ALIVE | _LAST)[state.kind], str(state.data.get("message", ""))


def _gone(words: LastWords, events: list[Event]) -> tuple[StatusName, str]:
    state = words.state
    last = events[-1] if events else None
    if last is not None and last.kind == "ended":
        return _LAST[str(last.data["outcome"])], str(last.data["message"])
    if state is not None and state.kind in _LAST and _is_of_this_start(state, events):
        return _LAST[state.kind], str(state.data.get("message", ""))
    if state is None and last is None:
        return "lost", "it was never started"
    return "lost", "its processes ended without a word, as when a machine goes down"


def _is_of_this_start(word: Record, events: list[Event]) -> bool:
    """Whether the rank that was started last said it. By the journal's numbers: clocks may be put back."""
    starts = [event for event in events if event.kind == "started"]
    return not starts or word.seq > int(starts[-1].data.get("after", 0))


def _asked(folder: RunFolder) -> tuple[str, int]:
    """The recipe's name and length; by tomllib, as a listing of many runs has no time for the whole schema."""
    try:
        document = tomllib.loads(folder.recipe_path.read_text(encoding="utf-8"))
        steps = document.get("training", {}).get("max_train_steps", 0)
        return str(document.get("recipe", {}).get("name", "")), int(steps)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, AttributeError, TypeError, ValueError):
        return "", 0
