"""The lab's processes that nobody keeps any more: ranks and supervisors without their run, spares and workbenches
without their lab. Each should leave by itself within seconds; one that does not is stuck."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from tui_lab.runs.environment import engine_module
from tui_lab.runs.folder import RunFolder, list_runs
from tui_lab.runs.lock import is_locked
from tui_lab.runs.roster import living_ranks
from tui_lab.runs.spare import SPARE

_SUPERVISOR, _WORKBENCH = "tui_lab.runs.supervisor", "tui_lab.workbench"


@dataclass(frozen=True, slots=True)
class Orphan:
    """`what` it is, and of which run; `why` nobody keeps it."""

    pid: int
    what: str
    why: str


def find_orphans() -> Iterator[Orphan]:
    """This user's: those that this lab home's runs know, and any whose command line tells."""
    known = {}
    for folder in list_runs():
        if not is_locked(folder):
            for rank in living_ranks(folder):
                known[rank.pid] = Orphan(rank.pid, f"rank of {folder.id}", "nobody keeps its run")
    yield from known.values()
    for process in psutil.process_iter(["pid", "ppid", "uids", "cmdline", "status"]):
        info = process.info
        mine = info["uids"] is not None and info["uids"].real == os.getuid()
        if mine and info["pid"] not in known and info["status"] != psutil.STATUS_ZOMBIE:
            found = _told(info["cmdline"] or [], info["ppid"])
            if found is not None:
                yield Orphan(info["pid"], *found)


def _told(words: list[str], parent: int) -> tuple[str, str] | None:
    if "-m" not in words[:-1]:
        return None
    module, *rest = words[words.index("-m") + 1 :]
    argument = rest[-1] if rest else ""
    if module == _WORKBENCH:
        return ("workbench", "its lab is gone") if parent == 1 else None
    if module == engine_module() and argument == SPARE:
        return ("spare rank", "its supervisor is gone") if parent == 1 else None
    if module not in (_SUPERVISOR, engine_module()) or not argument.startswith("/"):
        return None
    folder, what = RunFolder(Path(argument)), "supervisor" if module == _SUPERVISOR else "rank"
    if not folder.recipe_path.is_file():
        return f"{what} of {folder.id}", "its run's folder is gone"
    return None if is_locked(folder) else (f"{what} of {folder.id}", "nobody keeps its run")
