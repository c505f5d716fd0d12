"""Fetching a dataset into the lab's cache for those who must not import `datasets`; needs no torch."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator
from typing import Any

from tui_lab.data import load_images
from tui_lab.recipe import parse_recipe
from tui_lab.workbench.wire import Message

HEARTBEAT = 0.5
"""Seconds without news after which the last is said again: a cancel is seen between two answers."""
PATIENCE = 5.0
"""Seconds that a cancelled decoder is waited for. While the hub's client downloads nothing can stop it; it goes on by
itself then, and stops before the first picture is decoded."""


class _CancelledError(Exception):
    """Raised inside the decoder, between two pictures."""


def fetch(request: dict[str, Any]) -> Generator[Message, None, None]:
    """`recipe`: TOML, whose `[dataset]` is read and decoded into the cache. A "step" now and then with `done` and
    `total` pictures (`total` 0 while it is not known); the result says how many can be used. Closing it stops the
    decoder, and leaves no cache."""
    dataset = parse_recipe(request["recipe"], source="the recipe").dataset
    said: queue.SimpleQueue[tuple[int, int] | int | BaseException] = queue.SimpleQueue()
    cancelled = threading.Event()

    def progress(done: int, total: int) -> None:
        if cancelled.is_set():
            raise _CancelledError
        said.put((done, total))

    def decode() -> None:
        try:
            said.put(len(load_images(dataset, progress).pixels))
        except BaseException as error:  # noqa: BLE001 - raised again where it is read
            said.put(error)

    decoder = threading.Thread(target=decode, daemon=True)
    decoder.start()
    done, total = 0, 0
    try:
        while True:
            try:
                news = said.get(timeout=HEARTBEAT)
            except queue.Empty:
                news = done, total
            if isinstance(news, BaseException):
                raise news
            if isinstance(news, int):
                break
            done, total = news
            yield Message({"kind": "step", "done": done, "total": total})
    finally:
        cancelled.set()
        decoder.join(PATIENCE)
    yield Message({"kind": "result", "images": news})
