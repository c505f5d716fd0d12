"""Fetching a dataset into the lab's cache for those who must not import `datasets`; needs no torch."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any

from tui_lab.data import load_images
from tui_lab.recipe import parse_recipe
from tui_lab.workbench.wire import Message


class _CancelledError(Exception):
    """Raised inside the decoder, between two pictures."""


def fetch(request: dict[str, Any]) -> Iterator[Message]:
    """`recipe`: TOML, whose `[dataset]` is read and decoded into the cache. A "step" now and then with `done` and
    `total` pictures; the result says how many there are. Closing it stops the decoder, and leaves no cache."""
    dataset = parse_recipe(request["recipe"], source="the recipe").dataset
    said: queue.SimpleQueue[tuple[int, int] | BaseException | None] = queue.SimpleQueue()
    cancelled = threading.Event()

    def progress(done: int, total: int) -> None:
        if cancelled.is_set():
            raise _CancelledError
        said.put((done, total))

    def decode() -> None:
        try:
            load_images(dataset, progress)
        except BaseException as error:  # noqa: BLE001 - raised again where it is read
            said.put(error)
        else:
            said.put(None)

    decoder = threading.Thread(target=decode, daemon=True)
    decoder.start()
    total = 0
    try:
        while (item := said.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            done, total = item
            yield Message({"kind": "step", "done": done, "total": total})
    finally:
        cancelled.set()
        decoder.join()
    yield Message({"kind": "result", "images": total})
