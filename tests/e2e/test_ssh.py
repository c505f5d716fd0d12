"""The lab over a real SSH line, which is cut in mid-run. The engine is the stand-in."""

from __future__ import annotations

import os
import re
import shlex
import sys

import psutil
import pytest

from tests.conftest import REPOSITORY
from tests.e2e.test_lost_terminal import assert_leaves, cpu_seconds
from tests.waiting import wait_until
from tui_lab.bench.pty_terminal import PtyTerminal
from tui_lab.runs.folder import list_runs
from tui_lab.runs.journal import JournalReader
from tui_lab.runs.status import status_of

LAB = shlex.join([sys.executable, "-c", "from tui_lab.cli import main; main()"])


def lab_processes(below: psutil.Process) -> list[psutil.Process]:
    """The screens' own: no workbenches, spares and runs."""
    return [child for child in below.children(recursive=True) if child.cmdline()[1:2] == ["-c"]]


@pytest.mark.usefixtures("standin_engine")
def test_the_line_is_cut_in_mid_run_and_nothing_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    ssh = pytest.importorskip("tests.e2e.loopback_ssh")
    monkeypatch.setenv("STANDIN_STEP_SECONDS", "0.1")
    here = psutil.Process()
    with ssh.ssh_server({**os.environ, "LANG": "C.UTF-8", "COLORTERM": "truecolor"}) as port:
        client = [sys.executable, "-m", "tests.e2e.loopback_ssh", str(port)]
        with PtyTerminal([*client, LAB], cwd=REPOSITORY) as terminal:
            terminal.wait_for("Press t to train")
            terminal.send("t")
            terminal.wait_for(r"step [1-9]\d*/750")
            (lab,) = lab_processes(here)
            before = cpu_seconds(lab)
            os.kill(terminal.pid, 9)
            assert_leaves(lab, before)
        (run,) = list_runs()
        left_at = status_of(run).step
        wait_until(lambda: status_of(run).step > left_at + 10)
        with PtyTerminal([*client, f"{LAB} {run.id}"], cwd=REPOSITORY) as terminal:
            terminal.wait_for(lambda text: shown_step(text) > left_at + 10)
            terminal.send("x")
            terminal.wait_for("stopped")
    metrics = [record for record in JournalReader(run).read_new() if record.kind == "metrics"]
    assert sum(record.data["count"] for record in metrics) == status_of(run).step


def shown_step(text: str) -> int:
    found = re.search(r"training\s+\S+\s+step (\d+)", text)
    return int(found.group(1)) if found else 0
