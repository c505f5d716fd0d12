import os
import signal

import pytest

from tests.cli.conftest import Lab
from tests.waiting import wait_until
from tui_lab.cli import doctor
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.lifecycle import read_lifecycle
from tui_lab.runs.lock import is_locked
from tui_lab.runs.spare import Spare, waiting_spares
from tui_lab.runs.status import status_of


@pytest.fixture(autouse=True)
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The devices are the workbench's to tell, and tested there."""
    monkeypatch.setattr(doctor, "_devices", lambda: "cpu")


def test_each_finding_is_a_line(lab: Lab) -> None:
    found = lab("doctor", "--json").json
    assert found["runs"] == "none yet"
    assert found["home"].startswith(os.environ["DIFFUSION_LAB_HOME"])
    lines = lab("doctor").out.splitlines()
    assert [line.split()[0] for line in lines] == list(found)


@pytest.mark.usefixtures("standin_engine")
def test_a_rank_without_its_supervisor_is_found(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STANDIN_DEAF", "1")
    lab("train", "pixel-faces-16-long", "--name", "heron", "--detach")
    folder = RunFolder.open("heron")
    wait_until(lambda: status_of(folder).step >= 1)
    started = read_lifecycle(folder)[0].data
    os.kill(started["supervisor"]["pid"], signal.SIGKILL)
    wait_until(lambda: not is_locked(folder))
    assert f"process {started['pid']}, rank of heron" in lab("doctor", "--json").json["orphans"]


@pytest.mark.usefixtures("standin_engine")
def test_a_spare_is_told_from_an_orphan(lab: Lab) -> None:
    spare = Spare()
    try:
        (waiting,) = wait_until(lambda: [one for one in waiting_spares() if one.info["ppid"] == os.getpid()])
        found = lab("doctor", "--json").json
        assert f"process {waiting.pid}, of the lab in {os.getpid()}" in found["spares"]
        assert f"process {waiting.pid}," not in found["orphans"] and found["runs"] == "none yet"
    finally:
        spare.close()
