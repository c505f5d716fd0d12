"""`python -m tui_lab.runs.supervisor RUN`: keeps a run's lock, starts its rank, and records how that ended. With
`--spare` in the place of RUN it starts a rank first, and is told the run later, on stdin.

In its own session, with no terminal: it outlives the shell, the TUI and the SSH line. If it is killed itself, the
kernel closes its pipe, and the rank writes a checkpoint and leaves.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import psutil

from tui_lab.runs.environment import ENGINE, SUPERVISOR_FD, grace_seconds, thread_counts
from tui_lab.runs.files import FILE_MODE
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.journal import Record
from tui_lab.runs.lifecycle import Lifecycle, fingerprint, living_ranks
from tui_lab.runs.lock import hold_lock
from tui_lab.runs.spare import SPARE, SpareRank
from tui_lab.runs.spool import Spool
from tui_lab.runs.tail import last_words
from tui_lab.sanitize import clean

LAST_WORDS = ("finished", "stopped", "failed")
EXIT_HELD = 3


@dataclass(frozen=True, slots=True)
class Rank:
    """A rank's process, and the end of the pipe whose closing tells it that its supervisor is gone."""

    process: subprocess.Popen[bytes]
    lifeline: int


def main(argument: str) -> int:
    """`argument`: a run's path, or SPARE."""
    if argument != SPARE:
        return supervise(RunFolder(Path(argument)))
    rank = _start_rank(SPARE, stdin=subprocess.PIPE, output=None)
    folder = SpareRank(rank.process).await_run()
    return 0 if folder is None else supervise(folder, rank)


def supervise(folder: RunFolder, spare: Rank | None = None) -> int:
    """Run one rank to its end, by the `spare` one where it still lives. The exit code is 0 however the rank ended, 3
    where the run is held by another."""
    if hold_lock(folder) is None:
        return EXIT_HELD
    _end_orphans(folder)
    lifecycle = Lifecycle(folder)
    # What was sent while nobody was there to hear it is not for this rank: an old "stop" would end it at once.
    Spool(folder).reject_waiting("the run was not going when this was sent")
    before = last_words(folder).state
    log = folder.logs / "rank-0.log"
    log_start = log.stat().st_size if log.exists() else 0
    code = _run_rank(folder, lifecycle, log, spare)
    state = last_words(folder).state
    word = state if state is not None and (before is None or state.seq > before.seq) else None
    Spool(folder).reject_waiting("the run ended before this was done")
    outcome, message = verdict(code, word, _last_line(log, log_start))
    lifecycle.append("ended", outcome=outcome, message=message)
    lifecycle.close()
    return 0


def verdict(code: int, word: Record | None, log_line: str) -> tuple[str, str]:
    """(finished | stopped | failed, why) from the exit code (negative: a signal) and the rank's own last word."""
    if word is not None and word.kind in LAST_WORDS:
        return word.kind, str(word.data.get("message", ""))
    if code == -signal.SIGKILL:
        return "failed", "the rank was killed, perhaps out of memory"
    if code < 0:
        return "failed", f"the rank died of {_signal_name(-code)}"
    ending = f": {log_line}" if log_line else ""
    return "failed", f"the rank left without a word{ending}" if code == 0 else f"the rank exited with {code}{ending}"


def _run_rank(folder: RunFolder, lifecycle: Lifecycle, log: Path, spare: Rank | None) -> int:
    rank = _begun(folder, log, spare)
    process = rank.process
    _pass_signals_on(process)
    lifecycle.append(
        "started", rank=0, engine=_engine(), supervisor=fingerprint(os.getpid()), **fingerprint(process.pid)
    )
    code = process.wait()
    signal.alarm(0)
    lifecycle.append(
        "exited",
        rank=0,
        pid=process.pid,
        code=code if code >= 0 else None,
        signal=_signal_name(-code) if code < 0 else None,
        perhaps_out_of_memory=code == -signal.SIGKILL,
    )
    os.close(rank.lifeline)
    return code


def _begun(folder: RunFolder, log: Path, spare: Rank | None) -> Rank:
    """The run's rank: the spare one, or a new one where that is gone."""
    if spare is not None and SpareRank(spare.process).begin(folder):
        return spare
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, FILE_MODE)
    try:
        return _start_rank(str(folder.path), stdin=subprocess.DEVNULL, output=output)
    finally:
        os.close(output)


def _start_rank(argument: str, stdin: int, output: int | None) -> Rank:
    """`output`: a file's descriptor; None: where this process itself writes."""
    read_end, write_end = os.pipe()
    process = subprocess.Popen(
        # -P: the folder that the person happens to be in is no place to import from
        [sys.executable, "-P", "-m", _engine(), argument],
        stdin=stdin,
        stdout=output,
        stderr=output,
        env={**os.environ, **thread_counts(ranks=1), SUPERVISOR_FD: str(read_end), "PYTHONUNBUFFERED": "1"},
        pass_fds=(read_end,),
    )
    os.close(read_end)
    return Rank(process, write_end)


def _engine() -> str:
    return os.environ.get(ENGINE) or "tui_lab.engine"


def _pass_signals_on(rank: subprocess.Popen[bytes]) -> None:
    """SIGTERM (or SIGINT) to this process: the same to the rank, then the grace, then SIGKILL."""

    def terminate(signal_number: int, frame: FrameType | None) -> None:
        rank.terminate()
        signal.alarm(grace_seconds())

    def kill(signal_number: int, frame: FrameType | None) -> None:
        rank.kill()

    signal.signal(signal.SIGALRM, kill)
    signal.signal(signal.SIGTERM, terminate)
    signal.signal(signal.SIGINT, terminate)


def _end_orphans(folder: RunFolder) -> None:
    """Ranks of a supervisor that was killed leave by themselves; two writers of one journal must never be."""
    orphans = living_ranks(folder)
    for process in orphans:
        process.terminate()
    _, still_there = psutil.wait_procs(orphans, timeout=grace_seconds())
    for process in still_there:
        process.kill()
    psutil.wait_procs(still_there, timeout=5)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _last_line(log: Path, start: int) -> str:
    """The last line that this rank printed: of a traceback, the one that says what happened."""
    with log.open("rb") as file:
        file.seek(max(start, file.seek(0, os.SEEK_END) - 8192))
        lines = file.read().decode("utf-8", "replace").split("\n")
    spoken = [line.strip() for line in lines if line.strip()]
    return clean(spoken[-1], 300) if spoken else ""


if __name__ == "__main__":
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    sys.exit(main(sys.argv[1]))
