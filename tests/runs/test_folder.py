import errno
import os
import stat
from pathlib import Path

import pytest

from tui_lab.errors import DiskFullError, RunError
from tui_lab.runs.folder import ID, RunFolder, list_runs, new_name
from tui_lab.runs.home import lab_home, runs_home

RECIPE = '[recipe]\nname = "a-test"\n'


def test_the_home_is_where_the_environment_says(lab_home: Path) -> None:
    assert runs_home() == lab_home / "runs"


def test_home_and_runs_are_for_their_owner_alone() -> None:
    folder = RunFolder.create(RECIPE)
    everything = [lab_home() / "runs", folder.path, *folder.path.rglob("*")]
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in everything}
    assert all(mode == (0o700 if path.is_dir() else 0o600) for path, mode in modes.items()), modes


def test_a_new_run_keeps_the_recipe_as_it_was_asked() -> None:
    folder = RunFolder.create(RECIPE, "mine", parent={"run": "amber-heron", "step": 100})
    assert folder.recipe_path.read_text() == RECIPE
    assert RunFolder.open("mine") == folder
    assert folder.parent() == {"run": "amber-heron", "step": 100}
    assert RunFolder.open(folder.path) == folder


def test_names_in_use_are_refused() -> None:
    RunFolder.create(RECIPE, "mine")
    with pytest.raises(RunError, match=r"mine is there already.*--name"):
        RunFolder.create(RECIPE, "mine")


def test_a_full_disk_leaves_no_half_made_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, data: memoryview) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("tui_lab.runs.files.os.write", full)
        with pytest.raises(DiskFullError, match="no room left"):
            RunFolder.create(RECIPE, "mine")
    assert RunFolder.create(RECIPE, "mine").recipe_path.is_file()


@pytest.mark.parametrize("name", ["", "../x", "a/b", "-x", ".x", "Ünï", "a" * 65, "a b"])
def test_names_that_are_no_names_are_refused(name: str) -> None:
    with pytest.raises(RunError, match="cannot name a run"):
        RunFolder.create(RECIPE, name)
    assert list_runs() == []


@pytest.mark.parametrize("asked", ["amber-hero", "../amber-heron", "/etc", "runs/../../x", "no/such", ""])
def test_what_is_no_run_gets_one_line_with_a_way_out(asked: str) -> None:
    RunFolder.create(RECIPE, "amber-heron")
    with pytest.raises(RunError) as caught:
        RunFolder.open(asked)
    assert "\n" not in caught.value.message and "diffusion-lab runs" in caught.value.message


def test_the_nearest_name_is_offered() -> None:
    RunFolder.create(RECIPE, "amber-heron")
    with pytest.raises(RunError, match="did you mean amber-heron"):
        RunFolder.open("amber-hero")


def test_a_climbing_name_is_refused_even_where_it_leads_to_a_run(tmp_path: Path) -> None:
    folder = RunFolder.create(RECIPE, "mine")
    with pytest.raises(RunError, match="climbs out"):
        RunFolder.open(f"{folder.path}/../mine")


def test_runs_are_listed_newest_first_and_other_folders_left_out() -> None:
    for age, name in enumerate(["c", "a", "b"]):
        os.utime(RunFolder.create(RECIPE, name).recipe_path, (1_000_000 - age, 1_000_000 - age))
    (runs_home() / "not-a-run").mkdir()
    assert [folder.id for folder in list_runs()] == ["c", "a", "b"]


def test_new_names_are_valid_and_free() -> None:
    assert all(ID.fullmatch(new_name()) for _ in range(100))
