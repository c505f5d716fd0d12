"""The workbench's loop over pipes, with operations of the test's own: no torch, no process."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any, BinaryIO

import pytest

from tests.waiting import wait_until
from tui_lab.errors import DeviceError, LossFileError
from tui_lab.interruption import may_be_interrupted
from tui_lab.workbench.server import Operation, Server
from tui_lab.workbench.wire import Message, encode, read


class Other:
    """The client's end of a server that runs on a thread."""

    def __init__(self, operations: dict[str, Operation]) -> None:
        requests, self._ask = os.pipe()
        hear, answers = os.pipe()
        self.hear: BinaryIO = os.fdopen(hear, "rb")
        self.server = Server(os.fdopen(requests, "rb"), os.fdopen(answers, "wb"), operations)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()

    def ask(self, number: int, op: str, **fields: Any) -> None:
        os.write(self._ask, encode(Message({"id": number, "op": op, **fields})))

    def answer(self) -> dict[str, Any]:
        message = read(self.hear)
        assert message is not None
        return message.header

    def stop_asking(self) -> None:
        os.close(self._ask)

    def has_left(self) -> bool:
        return not self.thread.is_alive()


def count(request: dict[str, Any]) -> Iterator[Message]:
    for index in range(request["to"]):
        yield Message({"kind": "step", "index": index}, bytes([index % 256]))
    yield Message({"kind": "result"})


def test_steps_come_first_and_the_result_last() -> None:
    other = Other({"count": count})
    other.ask(1, "count", to=2)
    assert [other.answer() for _ in range(3)] == [
        {"id": 1, "kind": "step", "index": 0},
        {"id": 1, "kind": "step", "index": 1},
        {"id": 1, "kind": "result"},
    ]


def test_a_cancel_ends_the_operation_between_two_steps_and_lets_it_clean_up() -> None:
    cleaned_up = threading.Event()

    def endless(_request: dict[str, Any]) -> Iterator[Message]:
        try:
            while True:
                yield Message({"kind": "step"})
        finally:
            cleaned_up.set()

    other = Other({"endless": endless, "count": count})
    other.ask(1, "endless")
    assert other.answer()["kind"] == "step"
    other.ask(1, "cancel")
    other.ask(2, "count", to=0)
    answers = iter(other.answer, {"id": 2, "kind": "result"})
    assert list(answers)[-1] == {"id": 1, "kind": "result", "cancelled": True}
    assert cleaned_up.is_set()


def test_a_cancel_does_not_wait_for_what_an_operation_waits_for() -> None:
    class Outside:
        def __init__(self) -> None:
            self.killed = threading.Event()

        def kill(self) -> None:
            self.killed.set()

    def waits(_request: dict[str, Any]) -> Iterator[Message]:
        outside = Outside()
        may_be_interrupted(outside)
        yield Message({"kind": "step"})
        outside.killed.wait()
        raise LossFileError("its process ended by itself")

    other = Other({"waits": waits})
    other.ask(1, "waits")
    assert other.answer()["kind"] == "step"
    other.ask(2, "cancel")  # another request's
    other.ask(1, "cancel")
    assert other.answer() == {"id": 1, "kind": "result", "cancelled": True}


def test_what_was_cancelled_before_its_turn_is_never_begun() -> None:
    begun: list[int] = []
    goes_on = threading.Event()

    def notes(request: dict[str, Any]) -> Iterator[Message]:
        begun.append(request["id"])
        goes_on.wait()
        yield Message({"kind": "result"})

    other = Other({"notes": notes})
    other.ask(1, "notes")
    other.ask(2, "notes")
    other.ask(2, "cancel")
    other.ask(3, "notes")
    wait_until(lambda: begun == [1] and other.server._given_up(2))
    goes_on.set()
    assert [other.answer() for _ in range(3)] == [
        {"id": 1, "kind": "result"},
        {"id": 2, "kind": "result", "cancelled": True},
        {"id": 3, "kind": "result"},
    ]
    assert begun == [1, 3]


def test_what_goes_wrong_is_one_line_and_the_next_request_is_answered(caplog: pytest.LogCaptureFixture) -> None:
    def lab_error(_request: dict[str, Any]) -> Iterator[Message]:
        raise DeviceError("no cuda:7 here")
        yield

    def surprise(_request: dict[str, Any]) -> Iterator[Message]:
        raise KeyError("sample_size\nand more")
        yield

    other = Other({"lab_error": lab_error, "surprise": surprise, "count": count})
    other.ask(1, "lab_error")
    assert other.answer() == {"id": 1, "kind": "error", "type": "DeviceError", "message": "no cuda:7 here"}
    other.ask(2, "surprise")
    answer = other.answer()
    assert answer["type"] == "WorkbenchError"
    assert "surprise failed in the workbench (KeyError" in answer["message"]
    assert "\n" not in answer["message"]
    assert "Traceback" in caplog.text
    other.ask(3, "dance")
    assert other.answer()["message"] == "the workbench knows no 'dance'"
    other.ask(4, "count", to=0)
    assert other.answer() == {"id": 4, "kind": "result"}


@pytest.mark.parametrize("how", ["quit", "stdin closed"])
def test_it_leaves_when_asked_or_alone_even_from_within_an_operation(how: str) -> None:
    other = Other({"count": count})
    other.ask(1, "count", to=10**9)
    assert other.answer()["kind"] == "step"
    if how == "quit":
        other.ask(2, "quit")
    else:
        other.stop_asking()
    drain = threading.Thread(target=other.hear.read, daemon=True)  # nobody but us empties the pipe
    drain.start()
    wait_until(other.has_left)


def test_it_leaves_when_nobody_listens() -> None:
    other = Other({"count": count})
    other.ask(1, "count", to=10**9)
    assert other.answer()["kind"] == "step"
    other.hear.close()
    wait_until(other.has_left)
