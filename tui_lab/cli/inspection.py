"""Commands that look at runs and touch nothing: runs, show, log."""

from __future__ import annotations

import json as json_module
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from tui_lab.cli.arguments import JsonOption, RunArgument
from tui_lab.cli.output import ago, number, put, put_fields, put_json, put_table, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui_lab.runs.folder import RunFolder
    from tui_lab.runs.journal import Record
    from tui_lab.runs.provenance import Intervention
    from tui_lab.runs.status import Status

POLL_SECONDS = 0.2


def runs(
    status: Annotated[
        str | None, typer.Option(metavar="S", help="Only these, as failed,lost: running, paused, finished, stopped …")
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(metavar="R", help="Only of this recipe: part of its name, or a glob.")
    ] = None,
    filter_: Annotated[
        str | None, typer.Option("--filter", metavar="F", help="Words that all hold, as 'heron* -status:finished'.")
    ] = None,
    sort: Annotated[
        str, typer.Option(metavar="C", help="run, status, recipe, step, loss, speed, device, begun, heard or parent.")
    ] = "begun",
    reverse: Annotated[bool, typer.Option("--reverse", "-r", help="The other way round.")] = False,
    json: JsonOption = False,
) -> None:
    """List runs, the newest first.

    \b
    Example: diffusion-lab runs --status failed,lost --sort loss
    """
    from tui_lab.runs.listing import Listing
    from tui_lab.runs.query import Filter, in_order

    asked = [f"{name}:{value}" for name, value in (("status", status), ("recipe", recipe)) if value]
    meant = Filter(" ".join([*asked, filter_ or ""]))
    found = list(Listing().read())
    statuses = in_order((one for one in found if meant.matches(one)), sort, reverse)
    if json:
        put_json([one.as_json() for one in statuses])
    elif not found:
        say("there are no runs yet: begin one with: diffusion-lab train pixel-faces-16")
    elif not statuses:
        say(f"none of {len(found)} runs is like that: see all with: diffusion-lab runs")
    else:
        rows = [
            (s.run, s.name, str(s.step), number(s.loss), s.recipe, s.device, ago(s.updated), _parent(s))
            for s in statuses
        ]
        headings = ("run", "status", "step", "loss", "recipe", "device", "last heard", "fork of")
        put_table(headings, rows, right=("step", "loss"))


def _parent(status: Status) -> str:
    """ "amber-heron@500"."""
    return f"{status.parent}@{status.parent_step}" if status.parent else ""


def show(run: RunArgument, json: JsonOption = False) -> None:
    """How one run stands: status, step, loss, checkpoints, what was changed while it ran.

    \b
    Example: diffusion-lab show amber-heron --json
    """
    from tui_lab.recipe import KNOBS
    from tui_lab.runs.comparison import provenance_of
    from tui_lab.runs.curves import Curves
    from tui_lab.runs.folder import RunFolder
    from tui_lab.runs.journal import JournalReader
    from tui_lab.runs.provenance import Provenance
    from tui_lab.runs.status import status_of

    folder = RunFolder.open(run)
    status = status_of(folder)
    if json:
        interventions = provenance_of(folder).interventions
        put_json({**status.as_json(), "interventions": [one.as_json() for one in interventions]})
        return
    journal, curves, provenance = JournalReader(folder), Curves(), Provenance()
    records = []
    for summary in journal.read_past(full_files=0):
        curves.feed_summary(summary)
        records += summary.events
    newest = journal.read_new()
    curves.feed(newest)
    records += newest
    provenance.feed(records)
    goal = f" of {status.max_train_steps}" if status.max_train_steps else ""
    held_out = curves.validation_ema[1]
    put_fields(
        [
            ("run", status.run),
            ("status", f"{status.name}: {status.message}" if status.message else status.name),
            ("step", f"{status.step}{goal}"),
            ("loss", number(status.loss)),
            ("held-out loss", number(float(held_out[-1])) if len(held_out) else ""),
            ("speed", f"{status.steps_per_second:.1f} it/s" if status.steps_per_second else ""),
            ("device", " ".join(filter(None, (status.device, status.device_name)))),
            ("runs as", _speed(records)),
            ("recipe", status.recipe),
            ("data", _data(records)),
            ("fork of", _parent(status)),
            ("changed live", ", ".join(f"{key}={KNOBS[key].format(value)}" for key, value in curves.live.items())),
            ("checkpoints", ", ".join(map(str, folder.checkpoint_steps()))),
            ("pipeline", str(status.pipeline or "")),
            ("damage", ", ".join(journal.damage.words())),
            ("last heard", ago(status.updated)),
            ("folder", str(status.path)),
        ]
    )
    if provenance.interventions:
        put()
        rows = [_told(one) for one in provenance.interventions]
        put_table(("when", "step", "what", "who", ""), rows, right=("step",))


def _told(one: Intervention) -> tuple[str, ...]:
    """ "24 Nov 14:03:11", "640", "learning_rate 1e-3 → 1e-1", "ada on pts/3, pid 4242", "dropped"."""
    when = time.strftime("%d %b %H:%M:%S", time.localtime(one.time))
    return when, str(one.step), one.words, one.who, "" if one.outcome == "applied" else one.outcome


def _speed(records: Sequence[Record]) -> str:
    """What was chosen to make it fast where it last started."""
    chosen = [record.data.get("speed", []) for record in records if record.kind == "started"]
    return ", ".join(map(str, chosen[-1])) if chosen else ""


def _data(records: Sequence[Record]) -> str:
    """What the run trained on when it was last started, and the hash of those pictures."""
    started = next((record.data for record in reversed(records) if record.kind == "started"), {})
    if "content_hash" not in started:
        return ""
    left_out = f", {started['rejected_images']} left out" if started["rejected_images"] else ""
    counts = f"{started['train_images']} to train on, {started['held_out_images']} held out{left_out}"
    return f"{started['dataset']}: {counts}; content {started['content_hash'][:16]}"


def log(
    run: RunArgument,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on printing until the run ends.")] = False,
    json: JsonOption = False,
) -> None:
    """Print what the run's process printed; with --json its journal, one record a line.

    \b
    Example: diffusion-lab log amber-heron -f
    """
    from tui_lab.runs.folder import RunFolder
    from tui_lab.runs.lock import is_locked

    folder = RunFolder.open(run)
    source: _Journal | _Log = _Journal(folder) if json else _Log(folder)
    while True:
        goes_on = follow and is_locked(folder)
        source.print_new(last=not goes_on)
        if not goes_on:
            return
        time.sleep(POLL_SECONDS)


class _Log:
    """The rank's own output: whole lines while more may come, and at last whatever a killed one left unfinished."""

    def __init__(self, folder: RunFolder) -> None:
        self._path = folder.logs / "rank-0.log"
        self._offset = 0

    def print_new(self, last: bool) -> None:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        end = len(data) if last else data.rfind(b"\n") + 1
        self._offset += end
        for line in data[:end].decode("utf-8", "replace").splitlines():
            put(line)


class _Journal:
    """Whole records, always: a torn one is not yet, or never, one."""

    def __init__(self, folder: RunFolder) -> None:
        from tui_lab.runs.journal import JournalReader

        self._reader = JournalReader(folder)

    def print_new(self, last: bool) -> None:
        from dataclasses import asdict

        for record in self._reader.records_new():
            sys.stdout.write(json_module.dumps(asdict(record)) + "\n")
        sys.stdout.flush()
