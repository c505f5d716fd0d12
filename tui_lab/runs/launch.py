"""Starting a run, or starting it again: a supervisor in a session of its own, which nothing here has to wait for."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

from tui_lab.errors import RunError
from tui_lab.runs.environment import grace_seconds
from tui_lab.runs.files import FILE_MODE
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.lifecycle import read_lifecycle
from tui_lab.runs.spare import Spare
from tui_lab.runs.status import status_of
from tui_lab.runs.turn import EXIT_DISK_FULL, EXIT_HELD


def start(folder: RunFolder, spare: Spare | None = None, again: bool = False) -> None:
    """Start the run's processes and return once its rank is started; it goes on from the newest checkpoint there is.
    A `spare` becomes them, unless it is gone. `again`: also where it has finished, as after an undo.

    RunError where it is going already, has finished, or its supervisor cannot start.
    """
    status = status_of(folder)
    if status.alive:
        raise RunError(f"{folder.id} is {status.name} already: see it with: diffusion-lab {folder.id}")
    if status.name == "finished" and not again:
        raise RunError(
            f"{folder.id} has finished ({status.step} steps). Go on from its end with: "
            f"diffusion-lab fork {folder.id} --set training.max_train_steps=N, or begin anew with diffusion-lab train"
        )
    before = _starts(folder)
    spared = spare.give(folder) if spare is not None else None
    supervisor = spared or _spawn(folder)
    deadline = time.monotonic() + grace_seconds() + 30  # orphans of an earlier supervisor leave first
    while _starts(folder) == before:
        if supervisor.poll() is not None and _starts(folder) == before:
            if supervisor is spared and supervisor.returncode != EXIT_HELD:  # it died before it heard of the run
                supervisor = _spawn(folder)
                continue
            raise RunError(_why_not(folder, supervisor.returncode))
        if time.monotonic() > deadline:
            raise RunError(f"{folder.id} does not start; see {folder.logs / 'supervisor.log'}")
        time.sleep(0.02)
    # Reaped when it ends, as long as this process lives; afterwards that is init's business.
    threading.Thread(target=supervisor.wait, name=f"reap-{folder.id}", daemon=True).start()


def _spawn(folder: RunFolder) -> subprocess.Popen[bytes]:
    output = os.open(folder.logs / "supervisor.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, FILE_MODE)
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "tui_lab.runs.supervisor", str(folder.path)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    finally:
        os.close(output)


def _starts(folder: RunFolder) -> int:
    return sum(event.kind == "started" for event in read_lifecycle(folder))


def _why_not(folder: RunFolder, code: int) -> str:
    if code == EXIT_HELD:
        return f"{folder.id} was started by another process: see it with: diffusion-lab {folder.id}"
    if code == EXIT_DISK_FULL:
        return f"{folder.id} did not start: no room left on the disk of {folder.path}; free some space and try again"
    lines = (folder.logs / "supervisor.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return f"{folder.id} did not start: {lines[-1] if lines else f'its supervisor left with code {code}'}"
