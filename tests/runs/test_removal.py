"""Deleting and pruning: what goes, how much that frees, and who is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tui_lab.errors import RunError
from tui_lab.runs import removal
from tui_lab.runs.disk import disk_use
from tui_lab.runs.folder import RunFolder, list_runs
from tui_lab.runs.lock import hold_lock
from tui_lab.runs.removal import freed_by, remove, surplus, sweep, whole_run

BLOCKS = 4096


def a_run(name: str, steps: tuple[int, ...] = (100, 200, 300), previews: int = 3) -> RunFolder:
    folder = RunFolder.create('[recipe]\nname = "a-test"\n', name)
    for step in steps:
        folder.checkpoint(step).mkdir()
        (folder.checkpoint(step) / "model.safetensors").write_bytes(bytes(4 * BLOCKS))
        (folder.checkpoint(step) / "state.json").write_text(f'{{"step": {step}}}')
    for number in range(1, previews + 1):
        picture = folder.previews / f"step-{number:08d}-{number:04d}.npy"
        picture.write_bytes(bytes(2 * BLOCKS))
        picture.with_suffix(".json").write_text("{}")
    return folder


def test_a_deleted_run_is_gone_and_leaves_nothing_aside() -> None:
    folder, other = a_run("heron"), a_run("wren")
    remove(whole_run(folder))
    assert list_runs() == [other]
    assert sorted(path.name for path in folder.path.parent.iterdir()) == ["wren"]


def test_prune_keeps_the_newest_and_says_what_goes() -> None:
    folder = a_run("heron")
    asked = surplus(folder, keep=1, previews=True)
    assert asked.words == "2 checkpoints, 2 previews"
    remove(asked)
    assert folder.checkpoint_steps() == [300]
    assert [path.name for path in folder.previews.glob("*.npy")] == ["step-00000003-0003.npy"]
    assert surplus(folder, previews=True).words == "nothing"


def test_prune_keeps_a_whole_checkpoint_where_the_newest_is_damaged() -> None:
    folder = a_run("heron")
    (folder.checkpoint(300) / "state.json").write_text("torn")
    remove(surplus(folder))
    assert folder.checkpoint_steps() == [200, 300]


def test_prune_never_takes_the_last_checkpoint() -> None:
    with pytest.raises(RunError, match="delete it"):
        surplus(a_run("heron"), keep=0)


def test_what_a_fork_shares_with_its_parent_is_freed_by_the_last_of_them() -> None:
    parent, child = a_run("heron", (100,), 0), a_run("wren", (), 0)
    child.checkpoint(100).mkdir()
    os.link(parent.checkpoint(100) / "model.safetensors", child.checkpoint(100) / "model.safetensors")
    shared = (parent.checkpoint(100) / "model.safetensors").stat().st_blocks * 512
    assert shared > 0
    for folder in (parent, child):
        use = disk_use([folder.path])
        assert use.total - use.freed == shared
    both = disk_use([parent.path, child.path])
    assert both.total == both.freed
    assert freed_by([whole_run(parent), whole_run(child)]) == both.total


def test_a_run_that_is_alive_is_refused() -> None:
    folder = a_run("heron")
    held = hold_lock(folder)
    assert held is not None
    for asked in (whole_run(folder), surplus(folder)):
        with pytest.raises(RunError, match="diffusion-lab stop heron"):
            remove(asked)
    os.close(held)
    assert folder.checkpoint_steps() == [100, 200, 300]


def test_a_removal_that_is_stopped_leaves_the_rest() -> None:
    folder = a_run("heron")

    def stop_at_second(done: int, total: int) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        remove(surplus(folder), stop_at_second)
    assert folder.checkpoint_steps() == [200, 300]


def test_a_run_half_deleted_is_never_listed_and_the_next_deletion_finishes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    folder, other = a_run("heron"), a_run("wren")

    def killed(_: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killing:
        killing.setattr(removal, "_discard", killed)
        with pytest.raises(KeyboardInterrupt):
            remove(whole_run(folder))
    assert list_runs() == [other]
    assert [path.name.startswith(removal.ASIDE) for path in folder.path.parent.iterdir()].count(True) == 1
    sweep(folder.path.parent)
    assert [path.name for path in folder.path.parent.iterdir()] == ["wren"]


def test_a_link_to_a_run_elsewhere_is_left_alone(tmp_path: Path) -> None:
    folder = a_run("heron")
    elsewhere = tmp_path / "heron"
    folder.path.rename(elsewhere)
    folder.path.symlink_to(elsewhere)
    with pytest.raises(RunError, match="is a link to"):
        remove(whole_run(folder))
    assert RunFolder.open("heron").checkpoint_steps() == [100, 200, 300]
