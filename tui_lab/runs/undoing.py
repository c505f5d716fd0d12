"""Which change an undo takes back, and which checkpoints are of a future that it has dropped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tui_lab.errors import RunError
from tui_lab.recipe import KNOBS
from tui_lab.runs.files import discard_folder
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.interventions import Applied, Interventions
from tui_lab.runs.record import Record

_BEFORE_REMOVAL = frozenset({"rewound", "starting", "warning", "failed"})


class Undo(NamedTuple):
    """Go back to the newest good checkpoint of `step` or before, and leave the commands in `dropped` out."""

    step: int
    dropped: tuple[str, ...]
    what: str


def undo_of(interventions: Interventions, step: int, to: int | None) -> Undo:
    """What an undo means in a run that is at `step`: to take its last change back, or with `to` all changes from that
    step on. Raises RunError where there is nothing to undo."""
    if to is not None:
        if not 0 <= to <= step:
            raise RunError(f"the run is at step {step}: it can go back to steps 0 to {step}, not to {to}")
        undone = [one for one in interventions.applied if one.step >= to]
        what = f"{len(undone)} change{'' if len(undone) == 1 else 's'}" if undone else "training"
        return Undo(to, tuple(dict.fromkeys(one.id for one in undone)), f"{what} from step {to} on")
    last = next((one for one in reversed(interventions.applied) if one.step <= step), None)
    if last is None:
        raise RunError("nothing was changed while the run ran: say how far to go back, as in undo --to 100")
    return Undo(last.step, (last.id,), _told(last))


def drop_future(folder: RunFolder, step: int) -> None:
    """Remove the checkpoints beyond `step`. Each goes at once or not at all."""
    for later in folder.checkpoint_steps():
        if later > step:
            discard_folder(folder.checkpoint(later))


def unfinished(events: Sequence[Record]) -> int | None:
    """The step of an undo whose dropped checkpoints may still be there: the run died while it removed them."""
    for record in reversed(events):
        if record.kind == "rewound" and record.data.get("undo"):
            return int(record.data["to"])
        if record.kind not in _BEFORE_REMOVAL:
            return None
    return None


def _told(change: Applied) -> str:
    parts = []
    for key, (old, new) in change.changes.items():
        knob = KNOBS[key]
        parts.append(f"{knob.name} {knob.format(old)} → {knob.format(new)}")
    return ", ".join(parts)
