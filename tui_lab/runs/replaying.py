"""Training a run again, from its recipe and what was changed while it ran, to the same weights."""

from __future__ import annotations

import errno
import shutil
from contextlib import closing
from typing import Any

from tui_lab.errors import RunError
from tui_lab.runs.creation import copy_checkpoint, filled
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.interventions import Interventions
from tui_lab.runs.journal import Journal, JournalReader
from tui_lab.runs.weights import weights_of


def replay_run(original: RunFolder, name: str | None = None) -> RunFolder:
    """A new run that does over what `original` did up to its newest checkpoint: not started, nobody need watch it.

    Its journal begins with `replays`: which run, until which step, every change that counts with its step and who made
    it, and the hash that the weights must have in the end. Raises RunError where there is nothing to replay.
    """
    steps = original.checkpoint_steps()
    if not steps or not weights_of(original.checkpoint(steps[-1])):
        raise RunError(f"{original.id} has no checkpoint to compare with: diffusion-lab checkpoint {original.id}")
    until, parent = steps[-1], original.parent()
    if parent is not None and int(parent["step"]) not in steps:
        raise RunError(f"the checkpoint of step {parent['step']} with which {original.id} began is gone")
    interventions = Interventions()
    interventions.feed(JournalReader(original).read_events())
    text = original.recipe_path.read_text(encoding="utf-8")
    replay = RunFolder.create(text, name, parent=parent)
    with filled(replay, f"replay {original.id}"):
        if parent is not None:
            copy_checkpoint(original.checkpoint(int(parent["step"])), replay.checkpoint(int(parent["step"])))
        if original.launch_path.exists():
            shutil.copyfile(original.launch_path, replay.launch_path)
        changes: list[dict[str, Any]] = [one._asdict() for one in interventions.applied if one.step < until]
        with closing(Journal(replay)) as journal:
            weights = weights_of(original.checkpoint(until))
            journal.append("replays", 0, run=original.id, until=until, weights=weights, changes=changes)
            if journal.full:
                raise OSError(errno.ENOSPC, journal.full)
    return replay


def outcome_of(replay: RunFolder) -> dict[str, Any] | None:
    """How it compared: run, equal, weights, expected; None before its end."""
    records = [record for record in JournalReader(replay).read_events() if record.kind == "replayed"]
    return records[-1].data if records else None
