"""Undo in a run that is not going: its journal goes back, and the next start goes on from there."""

from __future__ import annotations

import os
import secrets
import time
from contextlib import closing

from tui_lab.errors import DiskFullError, RunError
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.interventions import Interventions
from tui_lab.runs.journal import Journal, JournalReader
from tui_lab.runs.lock import hold_lock
from tui_lab.runs.spool import this_client
from tui_lab.runs.status import status_of
from tui_lab.runs.undoing import drop_future, undo_of
from tui_lab.runs.weights import is_whole


def undo_at_rest(folder: RunFolder, to: int | None) -> str:
    """Take back the last change of a run that is not going, or all from step `to` on, with its journal as the run
    itself would keep it; what happened, in one line. Raises RunError or DiskFullError with the run as it was."""
    lock = hold_lock(folder)
    if lock is None:
        raise RunError(f"{folder.id} was started just now by another process: ask again")
    try:
        step = status_of(folder).step
        interventions = Interventions()
        interventions.feed(JournalReader(folder).read_events())
        undo = undo_of(interventions, step, to)
        earlier = [at for at in folder.checkpoint_steps() if at <= undo.step]
        target = next((at for at in reversed(earlier) if is_whole(folder.checkpoint(at))), None)
        if target is None and folder.parent() is not None:
            raise RunError(f"{folder.id} has no checkpoint at or before step {undo.step} to go back to")
        to_step = target or 0
        client, identity = this_client(), f"{time.time_ns():020d}-{secrets.token_hex(4)}"
        message = f"{undo.what} undone: back from step {step} to {to_step}"
        data = {} if to is None else {"to": to}
        rewound = {"from": step, "to": to_step, "why": f"undo by {client['user']}", "dropped": list(undo.dropped)}
        with closing(Journal(folder)) as journal:
            journal.append("command", step, id=identity, command="undo", data=data, client=client)
            journal.append("rewound", to_step, undo=True, **rewound)
            if journal.full:
                raise DiskFullError(f"{journal.full}: nothing is undone")
            drop_future(folder, to_step)
            journal.append("applied", to_step, id=identity, command="undo", message=message)
        return message
    finally:
        os.close(lock)
