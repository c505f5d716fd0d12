"""A client in a process of its own, to be killed or stopped: `python -m tests.runs.chatty_client RUN`.

It says `here`, and then sends one change after the other, hearing no answers, until its end.
"""

from __future__ import annotations

import itertools
import sys
import time
from pathlib import Path

from tui_lab.runs.folder import RunFolder
from tui_lab.runs.spool import submit

SECONDS_BETWEEN = 0.03


def main(path: str) -> None:
    folder = RunFolder(Path(path))
    sys.stdout.write("here\n")
    sys.stdout.flush()
    for number in itertools.count(1):
        submit(folder, "set", {"changes": {"optimizer.weight_decay": number % 100 / 1000}})
        time.sleep(SECONDS_BETWEEN)


if __name__ == "__main__":
    main(sys.argv[1])
