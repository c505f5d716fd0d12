import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tui_lab.engine import checkpoints
from tui_lab.engine.checkpoints import newest, read, write
from tui_lab.engine.staging import Copy, Staging
from tui_lab.errors import DiskFullError, LabError


def a_checkpoint(step: int, value: float = 0.0) -> Copy:
    tensors = {"model": {"w": torch.full((64, 64), value)}, "optimizer": {"0.step": torch.tensor(float(step))}}
    return Staging().copy(step, tensors, {"samples_seen": step * 64, "changes": {"ema.decay": 0.9}})


def steps(folder: Path) -> list[int]:
    return sorted(int(path.name[5:]) for path in folder.glob("step-*"))


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    written = write(a_checkpoint(7, 0.5), tmp_path)
    assert written.path == tmp_path / "step-00000007"
    assert written.bytes == sum(path.stat().st_size for path in written.path.iterdir())
    found = read(written.path)
    assert found.step == 7
    assert found.state.items() >= {"samples_seen": 448, "changes": {"ema.decay": 0.9}}.items()
    assert torch.equal(found.tensors["model"]["w"], torch.full((64, 64), 0.5))
    assert found.tensors["optimizer"]["0.step"] == 7.0


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    path = write(a_checkpoint(1), tmp_path / "checkpoints").path
    assert [oct(p.stat().st_mode & 0o777) for p in (path, path / "state.json", path / "model.safetensors")] == [
        "0o700",
        "0o600",
        "0o600",
    ]


def test_the_oldest_go_when_there_are_more_than_the_limit(tmp_path: Path) -> None:
    for step in (10, 20, 30, 40):
        write(a_checkpoint(step), tmp_path, keep=2)
    assert steps(tmp_path) == [30, 40]


def test_with_no_limit_all_are_kept(tmp_path: Path) -> None:
    for step in (10, 20, 30):
        write(a_checkpoint(step), tmp_path, keep=0)
    assert steps(tmp_path) == [10, 20, 30]


def test_after_a_rewind_those_of_the_undone_future_go_first(tmp_path: Path) -> None:
    for step in (10, 90, 20):
        write(a_checkpoint(step), tmp_path, keep=2)
    assert steps(tmp_path) == [10, 20]


def test_the_one_that_a_fork_began_with_is_kept(tmp_path: Path) -> None:
    for step in (10, 20, 30, 40):
        write(a_checkpoint(step), tmp_path, keep=2, sacred={10})
    assert steps(tmp_path) == [10, 30, 40]


def test_the_newest_up_to_a_step(tmp_path: Path) -> None:
    for step in (10, 20):
        write(a_checkpoint(step), tmp_path)
    assert newest(tmp_path, until=19)[0].step == 10  # type: ignore[union-attr]
    assert newest(tmp_path, until=9) == (None, [])


def test_a_copy_is_that_of_safetensors_and_stays_what_it_was(tmp_path: Path) -> None:
    weights = {
        "a": torch.randn(3, 5).to(torch.bfloat16),
        "b": torch.arange(7),
        "c": torch.tensor(True),
        "d": torch.randn(2, 3, 4).permute(2, 0, 1),
        "e": torch.empty(0, 4),
    }
    expected = {name: tensor.clone() for name, tensor in weights.items()}
    copy = Staging().copy(1, {"model": weights}, {})
    for tensor in weights.values():
        tensor.zero_()
    found = read(write(copy, tmp_path).path).tensors["model"]
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert all(found[name].dtype == expected[name].dtype for name in expected)


def test_one_of_the_same_step_is_replaced(tmp_path: Path) -> None:
    write(a_checkpoint(5, 1.0), tmp_path)
    write(a_checkpoint(5, 2.0), tmp_path)
    assert read(tmp_path / "step-00000005").tensors["model"]["w"][0, 0] == 2.0
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000005"]


def truncate(path: Path) -> None:
    file = path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1])


def flip_a_bit(path: Path) -> None:
    file = path / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)


def lose_a_file(path: Path) -> None:
    (path / "optimizer.safetensors").unlink()


def empty_the_state(path: Path) -> None:
    (path / "state.json").write_text("")


def alter_the_state(path: Path) -> None:
    state = (path / "state.json").read_text()
    (path / "state.json").write_text(state.replace('"samples_seen": 128', '"samples_seen": 129'))


def climb_out(path: Path) -> None:
    state = json.loads((path / "state.json").read_text())
    state["files"]["../../elsewhere.safetensors"] = {"sha256": "", "bytes": 0}
    del state["sha256"]
    state["sha256"] = checkpoints._sum_of(state)
    (path / "state.json").write_text(json.dumps(state))


@pytest.mark.parametrize("damage", [truncate, flip_a_bit, lose_a_file, empty_the_state, alter_the_state, climb_out])
def test_a_damaged_one_is_passed_over_for_the_one_before(damage: Callable[[Path], None], tmp_path: Path) -> None:
    write(a_checkpoint(1), tmp_path)
    write(a_checkpoint(2), tmp_path)
    damage(tmp_path / "step-00000002")
    found, skipped = newest(tmp_path)
    assert found is not None
    assert found.step == 1
    assert [item.path.name for item in skipped] == ["step-00000002"]
    assert "damaged" in skipped[0].why or "not complete" in skipped[0].why
    assert "\n" not in skipped[0].why


def test_one_from_before_its_state_had_a_sum_is_read(tmp_path: Path) -> None:
    path = write(a_checkpoint(3), tmp_path).path
    state = json.loads((path / "state.json").read_text())
    del state["sha256"], state["weights"]
    (path / "state.json").write_text(json.dumps(state))
    assert read(path).step == 3


def test_without_any_there_is_none(tmp_path: Path) -> None:
    assert newest(tmp_path / "nowhere") == (None, [])


@pytest.mark.parametrize("writes_until_full", [0, 1, 2])
def test_a_disk_that_fills_up_costs_only_the_new_one(
    writes_until_full: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(a_checkpoint(1), tmp_path, keep=1)
    real, done = checkpoints.write_all, []

    def fill_up(descriptor: int, data: bytes) -> None:
        if len(done) == writes_until_full:
            real(descriptor, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        done.append(data)
        real(descriptor, data)

    monkeypatch.setattr(checkpoints, "write_all", fill_up)
    with pytest.raises(DiskFullError, match="no room for a checkpoint of"):
        write(a_checkpoint(2), tmp_path, keep=1)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]
    assert newest(tmp_path)[0].step == 1  # type: ignore[union-attr]


def test_nothing_is_written_where_there_is_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(checkpoints.shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(DiskFullError, match=r"training\.checkpoints_total_limit"):
        write(a_checkpoint(1), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_any_other_failure_is_one_line_and_costs_only_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(a_checkpoint(1), tmp_path)

    def fail(descriptor: int, data: bytes) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(checkpoints, "write_all", fail)
    with pytest.raises(LabError, match=r"cannot write the checkpoint .*: Input/output error"):
        write(a_checkpoint(2), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]


class Killed(BaseException):
    pass


@pytest.mark.parametrize("renames", [0, 1])
@pytest.mark.parametrize("step", [1, 2])
def test_one_that_is_killed_half_way_leaves_a_good_one_and_the_next_write_cleans_up(
    step: int, renames: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before its rename, or (for one that replaces another) between the two renames."""
    write(a_checkpoint(0), tmp_path)
    write(a_checkpoint(1), tmp_path)
    real, done = Path.rename, []

    def dies(path: Path, target: Path) -> Path:
        if len(done) == renames:
            raise Killed
        done.append(path)
        return real(path, target)

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(Path, "rename", dies)
        write(a_checkpoint(step, 9.0), tmp_path)
        raise Killed  # a new step needs one rename, and with that it is done
    found, skipped = newest(tmp_path)
    assert found is not None
    assert skipped == []
    write(a_checkpoint(3), tmp_path)
    assert not list(tmp_path.glob(".*"))
    assert {0, 1, 3} <= set(steps(tmp_path))


def test_of_a_run_that_was_moved_away_nothing_is_made_again(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="No such file"):
        write(a_checkpoint(1), tmp_path / "moved-away" / "checkpoints")
    assert list(tmp_path.iterdir()) == []


def test_the_oldest_are_whole_or_gone_even_if_their_removal_is_cut_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fork may be made from any that is listed."""
    for step in (10, 20):
        write(a_checkpoint(step), tmp_path)
    with monkeypatch.context() as killed:
        killed.setattr(shutil, "rmtree", lambda path, **_: [file.unlink() for file in path.glob("model*")])
        write(a_checkpoint(30), tmp_path, keep=1)
    assert steps(tmp_path) == [30]
