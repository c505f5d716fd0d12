"""delete and prune: what they ask, refuse and free."""

from __future__ import annotations

import os

from tests.cli.conftest import Lab
from tests.runs.test_removal import a_run
from tui_lab.runs.folder import RunFolder, list_runs
from tui_lab.runs.lock import hold_lock


def test_without_a_terminal_nothing_goes_unless_told(lab: Lab) -> None:
    folder = a_run("heron")
    outcome = lab("delete", "heron")
    assert outcome.code == 2 and "--yes" in outcome.error and "would go" in outcome.error
    assert list_runs() == [folder]
    assert "freed" in lab("delete", "heron", "--yes").out
    assert list_runs() == []


def test_prune_keeps_what_it_is_told_to(lab: Lab) -> None:
    a_run("heron")
    done = lab("prune", "heron", "--keep", "2", "--yes", "--json").json
    assert done["removed"] == {"heron": "1 checkpoint"} and done["freed_bytes"] > 0
    assert RunFolder.open("heron").checkpoint_steps() == [200, 300]
    assert "nothing to remove" in lab("prune", "heron", "--keep", "2", "--yes").err


def test_one_that_is_going_keeps_all_of_them(lab: Lab) -> None:
    folder, _ = a_run("heron"), a_run("wren")
    held = hold_lock(folder)
    assert held is not None
    outcome = lab("delete", "wren", "heron", "--yes")
    assert outcome.code == 2 and "diffusion-lab stop heron" in outcome.error
    assert len(list_runs()) == 2
    os.close(held)
