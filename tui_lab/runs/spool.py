"""Commands to a run: a maildir-like spool. Anyone who may write the folder may send; rank 0 alone takes.

A command is a JSON file renamed into `commands/new`. Once answered it moves to `commands/done`, its answer beside it.
"""

from __future__ import annotations

import getpass
import json
import os
import re
import secrets
import stat
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tui_lab.errors import LabError, RunError
from tui_lab.runs.files import private_folder, replace_file
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.record import Record

SIZE_LIMIT = 64 * 1024
TAKEN_AT_ONCE = 64
"""So many commands are taken between two steps at most: a flood of them slows a run down, and does not stop it."""
DEPTH_LIMIT = 20
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}")
DENOISING = "denoising"
"""What a preview or a sample may ask for in the place of knobs: a whole `Denoising`, as JSON."""
OF = "of"
"""What a cancel names: the id of the sample that is not wanted any more."""
KINDS = ("pause", "resume", "stop", "checkpoint", "set", "undo", "preview", "sample", "cancel")


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
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = str(os.getuid())
    return {"pid": os.getpid(), "tty": terminal, "user": user}


def submit(
    folder: RunFolder, kind: str, data: dict[str, Any] | None = None, client: dict[str, Any] | None = None
) -> str:
    """Drop a command and return its id. Ids sort in the order of sending."""
    now = time.time()
    identity = f"{_stamp(folder):020d}-{secrets.token_hex(4)}"
    command = Command(identity, kind, data or {}, client or this_client(), round(now, 4))
    replace_file(folder.commands_new / f"{identity}.json", json.dumps(asdict(command)).encode(), aside=folder.commands)
    return identity


def _stamp(folder: RunFolder) -> int:
    """Nanoseconds since 1970, and after all that waits there: a clock may be put back between two commands."""
    try:
        names = os.listdir(folder.commands_new)  # noqa: PTH208 - names are enough
    except FileNotFoundError as error:
        raise RunError(f"{folder.id} takes no commands: {folder.commands_new} is gone, moved or deleted") from error
    waiting = (name.partition("-")[0] for name in names)
    newest = max((int(stamp) for stamp in waiting if len(stamp) == 20 and stamp.isdecimal()), default=0)
    return max(time.time_ns(), min(newest + 1, 10**20 - 1))


def read_answer(folder: RunFolder, identity: str) -> Answer | None:
    """The answer to a command, once there is one."""
    try:
        fields = json.loads((folder.commands_done / f"{identity}.answer.json").read_bytes())
    except FileNotFoundError:
        return None
    return Answer(**fields)


class Spool:
    """Rank 0's side. `warn` is told of what had to be thrown out; nothing else comes of it.

    Answers wait in memory while `ready` says no (the journal has to know first) or the disk is full.
    """

    def __init__(
        self, folder: RunFolder, warn: Callable[[str], None] | None = None, ready: Callable[[], bool] = lambda: True
    ) -> None:
        self._folder = folder
        self._new = str(folder.commands_new)
        self._warn = warn
        self._ready = ready
        self._taken: set[str] = set()
        self._answers: dict[str, Answer] = {}
        self._stuck: set[str] = set()

    def forget(self, identities: set[str]) -> None:
        """Never take these again: an earlier process of this run took them."""
        self._taken |= identities

    def take(self) -> list[Command]:
        """Commands not yet taken, oldest first, TAKEN_AT_ONCE at most. What is none is moved aside with an answer.

        RunError where the run's folder is gone.
        """
        commands: list[Command] = []
        for name in sorted(self._names()):
            path = self._folder.commands_new / name
            if name.startswith(".") or name in self._stuck or (path.suffix == ".json" and path.stem in self._taken):
                continue
            command = _read(path)
            if isinstance(command, Command):
                self._taken.add(command.id)
                commands.append(command)
            elif command:
                self._throw_out(path, command)
            if len(commands) == TAKEN_AT_ONCE:
                break
        return commands

    def _names(self) -> list[str]:
        try:
            return os.listdir(self._new)  # noqa: PTH208 - five times faster, every step
        except FileNotFoundError as error:
            if not self._folder.recipe_path.exists():
                raise RunError(
                    f"the folder of {self._folder.id} is gone from {self._folder.path}: moved or deleted while it ran. "
                    "Where it was moved, it goes on from its newest checkpoint with: diffusion-lab resume"
                ) from error
            for missing in (self._folder.commands_new, self._folder.commands_done):
                private_folder(missing)
            return []

    def answer(self, command: Command, ok: bool, message: str, step: int) -> None:
        """Say what became of it, and file it: at once, or as soon as there is room."""
        self._answers[command.id] = Answer(command.id, ok, message, step, round(time.time(), 4))
        self.file_answers()

    def file_answers(self) -> bool:
        """Write the answers that wait. Whether none does any more; a command stays where it is until then."""
        while self._answers and self._ready():
            identity, answer = next(iter(self._answers.items()))
            try:
                self._file(answer)
                with suppress(FileNotFoundError):
                    source = self._folder.commands_new / f"{identity}.json"
                    source.replace(self._folder.commands_done / source.name)
            except (LabError, OSError):
                break
            del self._answers[identity]
        return not self._answers

    def answer_waiting(self, why: str, applied: Callable[[], Mapping[str, Record]]) -> None:
        """For a supervisor, while no rank is there to take what waits: yes to what is `applied` in the journal, as its
        rank was killed before it could answer, and no to all else."""
        waiting = self.waiting()
        known = applied() if waiting else {}
        for command in waiting:
            record = known.get(command.id)
            if record is None:
                self.answer(command, False, why, 0)
            else:
                self.answer(command, True, str(record.data.get("message", "")), record.step)

    def waiting(self) -> list[Command]:
        """Commands without an answer, oldest first, taken or not."""
        found = (_read(path) for path in sorted(self._folder.commands_new.glob("*.json")))
        return [command for command in found if isinstance(command, Command)]

    def _throw_out(self, path: Path, why: str) -> None:
        """Where it cannot be moved it stays, and is not looked at again."""
        try:
            path.rename(self._folder.commands_done / f"{secrets.token_hex(4)}.rejected")
        except FileNotFoundError:
            return
        except OSError:
            self._stuck.add(path.name)
        if path.suffix == ".json" and _ID.fullmatch(path.stem):
            self._answers[path.stem] = Answer(path.stem, False, why, 0, round(time.time(), 4))
            self.file_answers()
        if self._warn is not None:
            self._warn(f"a file in the spool was thrown out: {path.name[:80]!r} {why}")

    def _file(self, answer: Answer) -> None:
        replace_file(
            self._folder.commands_done / f"{answer.id}.answer.json",
            json.dumps(asdict(answer)).encode(),
            aside=self._folder.commands,
        )


def _read(path: Path) -> Command | str:
    """The command in a file, or why there is none; "" where the file is gone.

    Never blocks (a FIFO), follows no link, reads up to the cap, and takes nothing from another user.
    """
    try:
        before = path.lstat()
        if not stat.S_ISREG(before.st_mode):
            return "is not a plain file"
        if before.st_uid != os.geteuid():
            return f"belongs to another user (uid {before.st_uid})"
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"cannot be opened: {error.strerror}"
    try:
        with os.fdopen(descriptor, "rb") as file:
            raw = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if len(raw) > SIZE_LIMIT:
        return f"is larger than {SIZE_LIMIT // 1024} KiB"
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError):
        return "is not JSON"
    if not isinstance(fields, dict) or set(fields) != {"id", "kind", "data", "client", "time"}:
        return "is not a command"
    if not isinstance(fields["id"], str) or path.name != f"{fields['id']}.json" or not _ID.fullmatch(fields["id"]):
        return "does not bear its command's id"
    if fields["kind"] not in KINDS:
        return f"asks for {str(fields['kind'])[:40]!r}, which is none of {', '.join(KINDS)}"
    if not isinstance(fields["data"], dict) or not isinstance(fields["client"], dict):
        return "is not a command"
    if not isinstance(fields["time"], int | float) or _nested(fields):
        return "is not a command"
    return Command(**fields)


def _nested(value: object, deepest: int = DEPTH_LIMIT) -> bool:
    """Whether it is nested too deep: what comes after writes it down again, by recursion."""
    if not isinstance(value, dict | list):
        return False
    items = value.values() if isinstance(value, dict) else value
    return deepest == 0 or any(_nested(item, deepest - 1) for item in items)
