"""A rank that kills itself half-way through writing its second checkpoint, once; for `DIFFUSION_LAB_ENGINE`."""

from __future__ import annotations

import os
import signal
import sys

from tui_lab.engine import __main__ as rank
from tui_lab.engine import checkpoints
from tui_lab.runs.folder import RunFolder


def die_once(run: RunFolder) -> None:
    """Half a file stays behind, as after any kill -9."""
    mark, write = run.logs / "has-died", checkpoints.write_all

    def write_or_die(descriptor: int, data: checkpoints.Buffer) -> None:
        if run.checkpoint_steps() and not mark.exists():
            mark.touch()
            write(descriptor, bytes(data)[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        write(descriptor, data)

    checkpoints.write_all = write_or_die


if __name__ == "__main__":
    os.umask(0o077)
    die_once(RunFolder.open(sys.argv[1]))
    sys.exit(rank.main(sys.argv[1]))
