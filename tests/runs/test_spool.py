import json
import os
from pathlib import Path

import pytest

from tui_lab.runs.folder import RunFolder
from tui_lab.runs.spool import SIZE_LIMIT, Answer, Spool, read_answer, submit


@pytest.fixture
def folder() -> RunFolder:
    return RunFolder.create('[recipe]\nname = "a-test"\n')


def test_a_command_is_taken_once_and_answered(folder: RunFolder) -> None:
    identity = submit(folder, "set", {"changes": {"ema.decay": 0.9}})
    spool = Spool(folder)
    [command] = spool.take()
    assert (command.id, command.kind, command.data) == (identity, "set", {"changes": {"ema.decay": 0.9}})
    assert command.client["pid"] == os.getpid()
    assert spool.take() == []
    assert read_answer(folder, identity) is None
    spool.answer(command, True, "done at step 3", 3)
    answer = read_answer(folder, identity)
    assert answer is not None and (answer.ok, answer.message, answer.step) == (True, "done at step 3", 3)
    assert list(folder.commands_new.iterdir()) == []
    assert (folder.commands_done / f"{identity}.json").exists()


def test_commands_are_taken_in_the_order_of_sending(folder: RunFolder) -> None:
    sent = [submit(folder, "pause"), submit(folder, "resume"), submit(folder, "stop")]
    assert [command.id for command in Spool(folder).take()] == sent


def test_the_same_id_twice_is_taken_once(folder: RunFolder) -> None:
    identity = submit(folder, "pause")
    file = folder.commands_new / f"{identity}.json"
    content = file.read_bytes()
    spool = Spool(folder)
    [command] = spool.take()
    spool.answer(command, True, "paused", 1)
    file.write_bytes(content)
    assert spool.take() == []
    later = Spool(folder)
    later.forget({identity})
    assert later.take() == []


def command_text(**changes: object) -> bytes:
    fields = {"id": "x", "kind": "pause", "data": {}, "client": {}, "time": 0} | changes
    return json.dumps(fields).encode()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not JSON"),
        (b"\x00\xff\xfe", "not JSON"),
        (b"[" * 60_000, "not JSON"),
        (b"[1, 2]", "not a command"),
        (b"{}", "not a command"),
        (b" " * (SIZE_LIMIT + 1), "larger than 64 KiB"),
        (command_text(id="another"), "does not bear"),
        (command_text(kind="rm -rf"), "none of pause, resume"),
        (command_text(kind=["pause"]), "none of pause"),
        (command_text(data=[]), "not a command"),
        (command_text(time="now"), "not a command"),
        (command_text(extra=1), "not a command"),
    ],
)
def test_garbage_is_moved_aside_with_an_answer(folder: RunFolder, content: bytes, why: str) -> None:
    (folder.commands_new / "x.json").write_bytes(content)
    submit(folder, "pause")
    warnings: list[str] = []
    assert [command.kind for command in Spool(folder, warnings.append).take()] == ["pause"]
    assert not (folder.commands_new / "x.json").exists()
    answer = read_answer(folder, "x")
    assert isinstance(answer, Answer) and not answer.ok and why in answer.message
    assert len(warnings) == 1 and why in warnings[0]


def test_what_is_no_plain_file_is_moved_aside_unread(folder: RunFolder, tmp_path: Path) -> None:
    os.mkfifo(folder.commands_new / "fifo.json")  # opening it would block for ever
    (folder.commands_new / "link.json").symlink_to("/etc/passwd")
    (folder.commands_new / "folder.json").mkdir()
    warnings: list[str] = []
    assert Spool(folder, warnings.append).take() == []
    assert len(warnings) == 3
    assert list(folder.commands_new.iterdir()) == []


def test_a_full_spool_of_the_dead_is_answered(folder: RunFolder) -> None:
    identity = submit(folder, "stop")
    Spool(folder).answer_waiting("the run was not going", dict)
    answer = read_answer(folder, identity)
    assert answer is not None and not answer.ok
    assert Spool(folder).take() == []
