"""A launcher without torch, in torchrun's place: ranks in sessions of their own, all ended when one fails.

`python -m tests.standin_launcher --standalone --nproc-per-node N -m ENGINE RUN`. Rank 0 is the stand-in engine; the
others sign in, follow it, and leave when it has.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from tests.waiting import wait_until
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.roster import members, sign_in


def main(words: list[str]) -> int:
    count = int(words[words.index("--nproc-per-node") + 1])
    engine, run = words[words.index("-m") + 1 :]
    print("launched with", *words, flush=True)  # noqa: T201
    ranks = []
    for rank in range(count):
        environment = {**os.environ, "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count)}
        command = [sys.executable, "-m", "tests.standin_launcher", "--rank", engine, run]
        ranks.append(subprocess.Popen(command, env=environment, start_new_session=True))
    while all(rank.poll() is None for rank in ranks):
        time.sleep(0.02)
    failed = [(number, rank.returncode) for number, rank in enumerate(ranks) if rank.returncode]
    first = ranks[0].poll()
    for rank in ranks:
        if rank.poll() is None:
            rank.kill()
        rank.wait()
    for number, code in failed:
        print(f"[0]:\n  rank      : {number} (local_rank: {number})\n  exitcode  : {code} (pid: 1)")  # noqa: T201
    return 1 if failed or first is None else 0


def be_rank(engine: str, run: str) -> None:
    rank = int(os.environ["RANK"])
    if rank:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as the engine's: a stop is rank 0's to obey, and ends this too
    folder = RunFolder.open(run)
    sign_in(folder, rank)
    if rank == 0:
        os.execv(sys.executable, [sys.executable, "-m", engine, run])
    wait_until(lambda: leads(folder))
    while leads(folder):
        time.sleep(0.1)


def leads(folder: RunFolder) -> bool:
    """Whether rank 0 is there."""
    return any(member.rank == 0 and member.alive for member in members(folder))


if __name__ == "__main__":
    if sys.argv[1] == "--rank":
        be_rank(*sys.argv[2:])
    sys.exit(main(sys.argv[1:]))
