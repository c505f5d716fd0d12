"""What the supervisor saw of its ranks, in `lifecycle.jsonl`: started, exited, restarted, ended. It alone
writes there, or in its absence a rank 0 that was started by hand."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tui_lab.runs.folder import RunFolder
from tui_lab.runs.lines import LineReader, LineWriter


@dataclass(frozen=True, slots=True)
class Event:
    """started {processes, supervisor, pid…} · exited {pid, code, signal} · restarted {message} ·
    ended {outcome, message}.

    `started` has the process of the only rank, with `rank`, or of the launcher of several, with `launcher`.
    """

    time: float
    kind: str
    data: dict[str, Any]


class Lifecycle:
    """The writer; every line is on the disk when `append` returns."""

    def __init__(self, folder: RunFolder) -> None:
        self._lines = LineWriter(folder.lifecycle_path)

    def append(self, kind: str, **data: Any) -> None:
        self._lines.append({"time": round(time.time(), 4), "kind": kind, "data": data})
        self._lines.sync()

    def close(self) -> None:
        self._lines.close()


def read_lifecycle(folder: RunFolder) -> list[Event]:
    return [
        Event(float(line["time"]), str(line["kind"]), dict(line["data"]))
        for line in LineReader(folder.lifecycle_path).read_new()
    ]


def boot_id() -> str:
    """Another boot, another id: a pid of the last boot means nothing now."""
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip() if path.exists() else f"boot-{psutil.boot_time():.0f}"


def fingerprint(pid: int) -> dict[str, Any]:
    """What tells a process from a later one with the same pid, whatever the clock does meanwhile."""
    try:
        created = _created(psutil.Process(pid))
    except psutil.NoSuchProcess:  # dead already; a time that fits no process
        created = 0.0
    return {"pid": pid, "create_time": created, "boot_id": boot_id()}


def living(fields: dict[str, Any]) -> psutil.Process | None:
    """The process of a fingerprint, if it is still that one."""
    if fields.get("boot_id") != boot_id():
        return None
    try:
        process = psutil.Process(int(fields["pid"]))
        same = abs(_created(process) - float(fields["create_time"])) < 0.05
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def _created(process: psutil.Process) -> float:
    """Seconds from this boot to its start. psutil counts from 1970, by a clock that may be put right meanwhile: a rank
    would then take its supervisor for another process, and leave."""
    if sys.platform != "linux":
        return process.create_time()
    try:
        fields = Path(f"/proc/{process.pid}/stat").read_bytes().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError) as error:
        raise psutil.NoSuchProcess(process.pid) from error
    return int(fields[19]) / os.sysconf("SC_CLK_TCK")
