"""`python -m tui_lab.runs.supervisor RUN`: keeps a run's lock, starts its ranks, and records how they ended. With
`--spare` in the place of RUN it starts a rank first, and is told the run later, on stdin.

In its own session, with no terminal: it outlives the shell, the TUI and the SSH line. If it is killed itself, the
ranks miss it, write a checkpoint and leave. After a rank was killed, as for want of memory, they start once more.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import psutil

from tui_lab.errors import DiskFullError, LabError
from tui_lab.runs import launcher, roster
from tui_lab.runs.environment import engine_module, grace_seconds
from tui_lab.runs.files import FILE_MODE
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.journal import Record
from tui_lab.runs.launcher import Death, Launch
from tui_lab.runs.lifecycle import fingerprint
from tui_lab.runs.spare import SPARE, SpareRank
from tui_lab.runs.turn import EXIT_DISK_FULL, EXIT_HELD, Turn, end_ranks
from tui_lab.sanitize import clean

_VMSTAT = Path("/proc/vmstat")


def main(argument: str) -> int:
    """`argument`: a run's path, or SPARE."""
    try:
        if argument != SPARE:
            return supervise(RunFolder(Path(argument)))
        environment = launcher.environment(Launch(), fingerprint(os.getpid()), on_gpus=False)
        rank = subprocess.Popen([sys.executable, "-m", engine_module(), SPARE], stdin=subprocess.PIPE, env=environment)
        folder = SpareRank(rank).await_run()
        return 0 if folder is None else supervise(folder, rank)
    except DiskFullError:  # which the log has no room for either
        return EXIT_DISK_FULL


def supervise(folder: RunFolder, spare: subprocess.Popen[bytes] | None = None) -> int:
    """Run the ranks to their end, once more where one was killed; a lone one by the `spare` where that still lives. The
    exit code is 0 however they ended, 3 where the run is held by another."""
    turn = Turn.take(folder)
    if turn is None:
        return EXIT_HELD
    launch = launcher.read_launch(folder)
    ended = _Ranks(turn, launch).run(spare)
    if ended.restart_helps:
        turn.record("restarted", message=f"{ended.why}: started once more, from the newest checkpoint")
        ended = _Ranks(turn, launch).run(died="memory" if ended.out_of_memory else "killed")
    word = turn.last_word()
    turn.end(*verdict(word, ended.why))
    return 0


def verdict(word: Record | None, why: str) -> tuple[str, str]:
    """(finished | stopped | failed, message) from rank 0's last word, and else from how the processes ended."""
    return ("failed", why) if word is None else (word.kind, str(word.data.get("message", "")))


@dataclass(frozen=True, slots=True)
class Ended:
    """How the ranks left. `restart_helps`: one was killed, and not by us."""

    why: str
    restart_helps: bool = False
    out_of_memory: bool = False


class _Ranks:
    """A run's ranks from their start to their end: the lone one, or a launcher and those that it starts."""

    def __init__(self, turn: Turn, launch: Launch) -> None:
        self._turn = turn
        self._folder = turn.folder
        self._launch = launch
        self._asked_to_leave = False
        self._log = self._folder.rank_log() if launch.plain else self._folder.logs / "launcher.log"
        self._log_start = self._log.stat().st_size if self._log.exists() else 0

    def run(self, spare: subprocess.Popen[bytes] | None = None, died: str | None = None) -> Ended:
        """`died`: what one of the ranks before them died of."""
        kills_before = _kills_for_memory()
        roster.clear(self._folder)
        process = self._begun(spare, died)
        self._mind_signals(process)
        which = {"rank": 0} if self._launch.plain else {"launcher": True}
        try:
            self._turn.record(
                "started",
                processes=self._launch.processes,
                engine=engine_module(),
                supervisor=fingerprint(os.getpid()),
                **which,
                **fingerprint(process.pid),
            )
        except LabError:
            process.kill()
            process.wait()
            raise
        code = process.wait()
        signal.alarm(0)
        # A launcher that was killed leaves its ranks behind.
        end_ranks(self._folder)
        death = self._death(code)
        killed = death is not None and death.killed
        by_memory = (death is not None and death.out_of_memory) or (killed and _grew(kills_before))
        self._turn.record(
            "exited",
            **which,
            pid=process.pid,
            code=code if code >= 0 else None,
            signal=signal_name(-code) if code < 0 else None,
            perhaps_out_of_memory=killed or by_memory,
        )
        helps = (killed or by_memory) and not self._asked_to_leave and self._turn.last_word() is None
        return Ended(self._why(code, death), helps, by_memory)

    def _begun(self, spare: subprocess.Popen[bytes] | None, died: str | None) -> subprocess.Popen[bytes]:
        if spare is not None:
            if self._launch.plain and SpareRank(spare).begin(self._folder):
                return spare
            spare.kill()
            spare.wait()
        on_gpus = not self._launch.plain and launcher.uses_gpus(self._folder.recipe().training.device)
        output = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, FILE_MODE)
        try:
            return subprocess.Popen(
                launcher.command(self._launch, self._folder, on_gpus),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=launcher.environment(self._launch, fingerprint(os.getpid()), on_gpus, died),
            )
        finally:
            os.close(output)

    def _mind_signals(self, process: subprocess.Popen[bytes]) -> None:
        """SIGTERM (or SIGINT) to this process: the same to each rank, then the grace, then SIGKILL."""

        def processes() -> list[psutil.Process]:
            with suppress(psutil.NoSuchProcess):  # it has just left, and its ranks with it
                return roster.living_ranks(self._folder) or [psutil.Process(process.pid)]
            return []

        def terminate(signal_number: int, frame: FrameType | None) -> None:
            self._asked_to_leave = True
            signal.alarm(grace_seconds())
            for each in processes():
                each.terminate()

        def kill(signal_number: int, frame: FrameType | None) -> None:
            for each in processes():
                each.kill()
            if not self._launch.plain:
                signal.signal(signal.SIGALRM, lambda *_: process.kill())
                signal.alarm(5)

        signal.signal(signal.SIGALRM, kill)
        signal.signal(signal.SIGTERM, terminate)
        signal.signal(signal.SIGINT, terminate)

    def _death(self, code: int) -> Death | None:
        """The rank that failed, where one did."""
        if self._launch.plain:
            return Death(0, code) if code else None
        return launcher.first_death(_read_from(self._log, self._log_start)) if code else None

    def _why(self, code: int, death: Death | None) -> str:
        if not self._folder.path.exists():
            return f"its folder is gone from {self._folder.path}: moved or deleted while it ran"
        if death is None and not self._launch.plain and code:
            return f"the launcher {_ending(code)}; see {self._log}"
        rank, code = death or Death(0, code)
        name = "the rank" if self._launch.plain else f"rank {rank}"
        said = next((member.why for member in roster.members(self._folder) if member.rank == rank and member.why), "")
        if not said and code >= 0:
            log = self._folder.rank_log(rank)
            said = _last_line(_read_from(log, self._log_start if self._launch.plain else 0))
        return f"{name} {_ending(code)}{f': {said}' if said else ''}"


def _ending(code: int) -> str:
    if code == -signal.SIGKILL:
        return "was killed, perhaps out of memory"
    if code < 0:
        return f"died of {signal_name(-code)}"
    return "left without a word" if code == 0 else f"exited with {code}"


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _kills_for_memory() -> int | None:
    """How many processes this machine's kernel has killed for memory; None where it does not say."""
    try:
        words = _VMSTAT.read_text().split()
        return int(words[words.index("oom_kill") + 1])
    except (OSError, ValueError):
        return None


def _grew(kills_before: int | None) -> bool:
    """Whether the kernel has killed for memory since; where it does not tell, it may have."""
    now = _kills_for_memory()
    return kills_before is None or now is None or now > kills_before


def _read_from(log: Path, start: int) -> str:
    """What was written since `start`, its last 64 KiB."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(start, file.seek(0, os.SEEK_END) - 65536))
        return file.read().decode("utf-8", "replace")


def _last_line(text: str) -> str:
    """Of a traceback, the line that says what happened."""
    spoken = [line.strip() for line in text.split("\n") if line.strip()]
    return clean(spoken[-1], 300) if spoken else ""


if __name__ == "__main__":
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    sys.exit(main(sys.argv[1]))
