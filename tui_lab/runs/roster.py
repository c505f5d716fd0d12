"""The roster of a run's ranks, `roster/rank-N.json`: each signs in by itself when a launcher started it.

Launchers put ranks into sessions of their own and outlive or leave them as they please; whoever has to end a rank, or
wants to know what became of it, looks here.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from typing import Any

import psutil

from tui_lab.runs.files import private_folder, replace_file
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.lifecycle import boot_id, fingerprint, living, read_lifecycle

LOST_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Member:
    """`process` is its fingerprint; `why` what it said before it failed, empty where it said nothing."""

    rank: int
    process: dict[str, Any]
    why: str = ""

    @property
    def alive(self) -> bool:
        return living(self.process) is not None


def sign_in(folder: RunFolder, rank: int, why: str = "") -> None:
    """Write this process down as that rank; with `why`, the last time."""
    private_folder(folder.roster)
    member = Member(rank, fingerprint(os.getpid()), why)
    replace_file(folder.roster / f"rank-{rank}.json", json.dumps(asdict(member)).encode())


def members(folder: RunFolder) -> list[Member]:
    """Those of the last start, by rank. One on another machine is never `alive` here."""
    found = []
    for path in folder.roster.glob("rank-*.json"):
        try:
            found.append(Member(**json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, TypeError):  # removed for the next start, or damaged: nothing is known of it
            continue
    return sorted(found, key=lambda member: member.rank)


def clear(folder: RunFolder) -> None:
    for path in folder.roster.glob("rank-*.json"):
        path.unlink(missing_ok=True)


def living_ranks(folder: RunFolder) -> list[psutil.Process]:
    """Ranks of a run that still go. With no supervisor holding the lock they are orphans, and should be leaving."""
    signed_in = [member.process for member in members(folder)]
    alone = [event.data for event in read_lifecycle(folder) if event.kind == "started" and "rank" in event.data]
    found = {process.pid: process for process in map(living, [*alone, *signed_in]) if process is not None}
    return list(found.values())


def living_launchers(folder: RunFolder) -> list[psutil.Process]:
    """Parents of several ranks: they leave when these have."""
    started = [event.data for event in read_lifecycle(folder) if event.kind == "started" and "launcher" in event.data]
    return [process for process in map(living, started) if process is not None]


def lost_rank(folder: RunFolder) -> str | None:
    """What became of another rank, where one is gone or failed; looked for a moment, as news of it travel faster than
    its end. None where all of them are well."""
    deadline = time.monotonic() + LOST_SECONDS
    while True:
        for member in members(folder):
            here = member.process["boot_id"] == boot_id() and member.process["pid"] != os.getpid()
            if here and member.why:
                return f"rank {member.rank} failed: {member.why}"
            if here and not member.alive:
                return f"rank {member.rank} is gone"
        if time.monotonic() > deadline:
            return None
        time.sleep(0.05)
