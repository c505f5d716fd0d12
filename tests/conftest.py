"""Every test has a lab home of its own, and leaves no process behind."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from hypothesis import settings

from tests.waiting import wait_until
from tui_lab.runs.folder import list_runs
from tui_lab.runs.lifecycle import living, read_lifecycle
from tui_lab.runs.roster import members

settings.register_profile("lab", deadline=None)  # a busy machine is no finding
settings.load_profile("lab")

REPOSITORY = Path(__file__).resolve().parent.parent


def pytest_configure(config: pytest.Config) -> None:
    """Never the person's home: not while tests are collected, nor for what outlives one, as a module's workbench."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run side by side, and their models are tiny
    home, before = tempfile.mkdtemp(prefix="diffusion-lab-tests-"), os.environ.get("DIFFUSION_LAB_HOME")
    os.environ["DIFFUSION_LAB_HOME"] = home

    def restore() -> None:
        os.environ.pop("DIFFUSION_LAB_HOME")
        if before is not None:
            os.environ["DIFFUSION_LAB_HOME"] = before
        shutil.rmtree(home, ignore_errors=True)

    config.add_cleanup(restore)


@pytest.fixture(scope="session", autouse=True)
def hangups_are_heard() -> None:
    """By all that the tests start, also where they run under nohup: what is ignored stays ignored in a child."""
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda number, frame: None)


@pytest.fixture(autouse=True)
def lab_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty `$DIFFUSION_LAB_HOME`; whatever runs were started in it are killed afterwards."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("DIFFUSION_LAB_HOME", str(home))
    yield home
    if (home / "runs").exists():
        kill_runs()


@pytest.fixture
def standin_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of this test are made by `tests/standin_engine.py`: no torch, thousands of steps a second."""
    monkeypatch.setenv("DIFFUSION_LAB_ENGINE", "tests.standin_engine")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))


def kill_runs() -> None:
    for folder in list_runs():
        started = [event.data for event in read_lifecycle(folder) if event.kind == "started"]
        fingerprints = [*started, *(data["supervisor"] for data in started)]
        fingerprints += [member.process for member in members(folder)]
        # A test's own process may have been the rank.
        fingerprints = [each for each in fingerprints if each.get("pid") != os.getpid()]
        for process in filter(None, map(living, fingerprints)):
            with suppress(psutil.NoSuchProcess):  # it left by itself, just now
                process.kill()
        wait_until(lambda seen=fingerprints: not any(map(living, seen)))
