"""`python -m tui_lab.workbench`: requests on stdin, answers on stdout, words on stderr; it ends with its stdin."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Generator
from functools import partial
from typing import Any, BinaryIO

from tui_lab.workbench.server import Operation, Server
from tui_lab.workbench.wire import Message

_OPERATIONS = {
    "warm": "operations",
    "devices": "operations",
    "export": "operations",
    "denoise": "denoising",
    "summary": "modelling",
    "architecture": "modelling",
    "probe": "modelling",
    "batch": "modelling",
    "one_batch": "modelling",
    "fetch": "fetching",
}
"""In which module of this package each is."""


def _take_stdout() -> BinaryIO:
    """The answers' pipe, for us alone: what libraries print to stdout, also from C, goes to stderr from here on."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _run(name: str, request: dict[str, Any]) -> Generator[Message, None, None]:
    # Imports torch, hence not before the first request: until then the process is up, and ends when asked.
    module = importlib.import_module(f"tui_lab.workbench.{_OPERATIONS[name]}")
    operation: Operation = getattr(module, name)
    yield from operation(request)


def main() -> None:
    answers = _take_stdout()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(levelname)s %(message)s", force=True)
    if hasattr(os, "nice"):
        os.nice(10)  # the terminal and a run that trains come first
    Server(sys.stdin.buffer, answers, {name: partial(_run, name) for name in _OPERATIONS}).run()
    logging.shutdown()
    os._exit(0)  # taking torch apart would keep whoever waits for half a second


if __name__ == "__main__":
    main()
