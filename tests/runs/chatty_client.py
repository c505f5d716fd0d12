"""A client in a process of its own, to be killed or stopped: `python -m tests.runs.chatty_client RUN`.

It attaches, says `here`, and then follows the run as a lab does and sends one change after the other, until its end.
"""

from __future__ import annotations

import itertools
import sys
import time
from pathlib import Path

from tui_lab.runs.folder import RunFolder
from tui_lab.tui.attached import AttachedRun

SECONDS_BETWEEN = 0.03


def main(path: str) -> None:
    run = AttachedRun(RunFolder(Path(path)))
    sys.stdout.write("here\n")
    sys.stdout.flush()
    for number in itertools.count(1):
        run.poll()
        run.send("set", changes={"optimizer.weight_decay": number % 100 / 1000})
        time.sleep(SECONDS_BETWEEN)


if __name__ == "__main__":
    main(sys.argv[1])
