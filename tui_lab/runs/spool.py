"""Commands to a run: a maildir-like spool. Anyone who may write the folder may send; rank 0 alone takes.

A command is a JSON file renamed into `commands/new`. Once answered it moves to `commands/done`, its answer beside it.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tui_lab.runs.files import replace_file
from tui_lab.runs.folder import RunFolder

SIZE_LIMIT = 64 * 1024
KINDS = ("pause", "resume", "stop", "checkpoint", "set", "preview", "sample")


@dataclass(frozen=True)
class Command:
    """`client` says who sent it: pid, tty, user. `time` is seconds since 1970."""

    id: str
    kind: str
    data: dict[str, Any] = field(default_factory=dict)
    client: dict[str, Any] = field(default_factory=dict)
    time: float = 0.0


@dataclass(frozen=True)
class Answer:
    """What became of a command: `message` is one line for the person, `step` where it was decided."""

    id: str
    ok: bool
    message: str
    step: int
    time: float = 0.0


def this_client() -> dict[str, Any]:
    try:
        terminal = os.ttyname(sys.stdin.fileno())
    except (OSError, ValueError, AttributeError):
        terminal = ""
    return {"pid": os.getpid(), "tty": terminal, "user": os.environ.get("USER") or str(os.getuid())}


def submit(
    folder: RunFolder, kind: str, data: dict[str, Any] | None = None, client: dict[str, Any] | None = None
) -> str:
    """Drop a command and return its id. Ids sort in the order of sending."""
    now = time.time()
    identity = f"{time.time_ns():020d}-{secrets.token_hex(4)}"
    command = Command(identity, kind, data or {}, client or this_client(), round(now, 4))
    replace_file(folder.commands_new / f"{identity}.json", json.dumps(asdict(command)).encode(), aside=folder.commands)
    return identity


def read_answer(folder: RunFolder, identity: str) -> Answer | None:
    """The answer to a command, once there is one."""
    try:
        fields = json.loads((folder.commands_done / f"{identity}.answer.json").read_bytes())
    except FileNotFoundError:
        return None
    return Answer(**fields)


class Spool:
    """Rank 0's side. `warn` is told of what had to be thrown out; nothing else comes of it."""

    def __init__(self, folder: RunFolder, warn: Callable[[str], None] | None = None) -> None:
        self._folder = folder
        self._warn = warn
        self._taken: set[str] = set()

    def forget(self, identities: set[str]) -> None:
        """Never take these again: an earlier process of this run took them."""
        self._taken |= identities

    def take(self) -> list[Command]:
        """Commands not yet taken, oldest first. Files that are no commands are moved aside with an answer."""
        commands = []
        for name in sorted(os.listdir(self._folder.commands_new)):  # noqa: PTH208 - five times faster, every step
            path = self._folder.commands_new / name
            if name.startswith(".") or (path.suffix == ".json" and path.stem in self._taken):
                continue
            command = _read(path)
            if isinstance(command, str):
                self._throw_out(path, command)
            else:
                self._taken.add(command.id)
                commands.append(command)
        return commands

    def answer(self, command: Command, ok: bool, message: str, step: int) -> None:
        """Say what became of it, and file it. Raises DiskFullError; the command then stays, taken."""
        self._file(command.id, Answer(command.id, ok, message, step, round(time.time(), 4)))
        source = self._folder.commands_new / f"{command.id}.json"
        if source.exists():
            source.replace(self._folder.commands_done / source.name)

    def reject_waiting(self, why: str, step: int = 0) -> None:
        """Answer no to all that waits: for a supervisor, while no rank is there to take it."""
        for path in sorted(self._folder.commands_new.glob("*.json")):
            command = _read(path)
            if isinstance(command, Command):
                self.answer(command, False, why, step)

    def _throw_out(self, path: Path, why: str) -> None:
        aside = self._folder.commands_done / f"{secrets.token_hex(4)}.rejected"
        path.rename(aside)
        if path.suffix == ".json" and len(path.stem) <= 64:
            self._file(path.stem, Answer(path.stem, False, why, 0, round(time.time(), 4)))
        if self._warn is not None:
            self._warn(f"a file in the spool was thrown out: {path.name[:80]!r} {why}")

    def _file(self, identity: str, answer: Answer) -> None:
        replace_file(
            self._folder.commands_done / f"{identity}.answer.json",
            json.dumps(asdict(answer)).encode(),
            aside=self._folder.commands,
        )


def _read(path: Path) -> Command | str:
    """The command in a file, or why there is none. Never blocks (a FIFO), follows no link, reads up to the cap."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return "is not a plain file"
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return f"cannot be opened: {error.strerror}"
    with os.fdopen(descriptor, "rb") as file:
        raw = file.read(SIZE_LIMIT + 1)
    if len(raw) > SIZE_LIMIT:
        return f"is larger than {SIZE_LIMIT // 1024} KiB"
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError):
        return "is not JSON"
    if not isinstance(fields, dict) or set(fields) != {"id", "kind", "data", "client", "time"}:
        return "is not a command"
    if path.name != f"{fields['id']}.json":
        return "does not bear its command's id"
    if fields["kind"] not in KINDS:
        return f"asks for {str(fields['kind'])[:40]!r}, which is none of {', '.join(KINDS)}"
    if not isinstance(fields["data"], dict) or not isinstance(fields["client"], dict):
        return "is not a command"
    if not isinstance(fields["time"], int | float):
        return "is not a command"
    return Command(**fields)
