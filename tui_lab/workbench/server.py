"""The workbench's loop: one request after the other; a cancel, or the end of stdin, gets between two steps."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Generator, Mapping
from typing import Any, BinaryIO

from tui_lab.errors import LabError
from tui_lab.interruption import interrupt
from tui_lab.workbench.wire import Message, WireError, encode, read

Operation = Callable[[dict[str, Any]], Generator[Message, None, None]]
"""From a request's header: any number of "step" answers, then one "result". Closed early where it is cancelled."""

log = logging.getLogger(__name__)


class Server:
    """Reads requests on a thread of its own, so that a cancel is seen while an operation runs."""

    def __init__(self, requests: BinaryIO, answers: BinaryIO, operations: Mapping[str, Operation]) -> None:
        self._requests = requests
        self._answers = answers
        self._operations = operations
        self._waiting: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._cancelled: set[int] = set()
        self._answering: int | None = None
        self._leaving = threading.Event()

    def run(self) -> None:
        """Answer until asked to quit, or until nobody is there to ask or to listen."""
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            while (request := self._waiting.get()) is not None and not self._leaving.is_set():
                self._answer(request)
        except BrokenPipeError:
            log.info("nobody listens any more")

    def _listen(self) -> None:
        try:
            while (message := read(self._requests)) is not None and message.header.get("op") != "quit":
                if message.header.get("op") == "cancel":
                    self._cancelled.add(message.header["id"])
                    if message.header["id"] == self._answering:
                        interrupt()
                else:
                    self._waiting.put(message.header)
        except WireError:
            log.exception("the requests cannot be read any further")
        self._leaving.set()
        interrupt()
        self._waiting.put(None)

    def _answer(self, request: dict[str, Any]) -> None:
        number = self._answering = request["id"]
        try:
            operation = self._operations.get(request["op"])
            if operation is None:
                raise LabError(f"the workbench knows no {request['op']!r}")
            answers = operation(request)
            while not self._given_up(number):  # nor begun: whoever scrubs has given up most of what waits here
                answer = next(answers, None)
                if answer is None:
                    return
                self._send(number, answer)
            answers.close()
            self._send_cancelled(number)
        except LabError as error:
            if self._given_up(number):
                self._send_cancelled(number)
                return
            log.warning("%s: %s", request["op"], error, exc_info=error.__cause__)
            self._send(number, Message({"kind": "error", "type": type(error).__name__, "message": error.message}))
        except BrokenPipeError:
            raise
        except Exception as error:
            log.exception("%s failed", request["op"])
            words = f"{type(error).__name__}: {error}".splitlines()[0]
            message = f"{request['op']} failed in the workbench ({words}); its log has the traceback"
            self._send(number, Message({"kind": "error", "type": "WorkbenchError", "message": message}))
        finally:
            self._cancelled.discard(number)

    def _send_cancelled(self, number: int) -> None:
        self._send(number, Message({"kind": "result", "cancelled": True}))

    def _given_up(self, number: int) -> bool:
        return number in self._cancelled or self._leaving.is_set()

    def _send(self, number: int, answer: Message) -> None:
        self._answers.write(encode(Message({"id": number, **answer.header}, answer.blob)))
        self._answers.flush()
